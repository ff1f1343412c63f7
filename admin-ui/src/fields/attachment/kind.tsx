import { useTranslation } from 'react-i18next';
import { BLANK, isBlank } from '../../lib/format';
import type { EditProps, FieldKind, ReadProps } from '../kind';

function nameOf(value: unknown): string {
  if (value && typeof value === 'object' && 'name' in value) return String((value as { name: unknown }).name);
  return String(value);
}
export function AttachmentRead({ value }: ReadProps) {
  const { t } = useTranslation('fields');
  if (isBlank(value)) return BLANK;
  return (Array.isArray(value) ? value : [value]).map(nameOf).join(t('listSeparator'));
}
/** Files cannot be sent yet; the form says so instead of hiding the field. */
export function AttachmentEdit(props: EditProps) {
  const { t } = useTranslation('fields');
  return (
    <output className="not-yet" id={props.wiring.id}>
      {isBlank(props.value) ? null : AttachmentRead(props)}
      {t('filesNotYet')}
    </output>
  );
}
export const attachment: FieldKind = { Edit: AttachmentEdit, Read: AttachmentRead, listless: true };
