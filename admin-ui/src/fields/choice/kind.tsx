import { useTranslation } from 'react-i18next';
import { BLANK, isBlank } from '../../lib/format';
import { StatusTag } from '../../ui/layout';
import { choiceFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';

function Edit({ field, value, onChange, wiring, label }: EditProps) {
  const { t } = useTranslation('fields');
  return (
    <select
      id={wiring.id}
      aria-describedby={wiring.describedBy}
      aria-invalid={wiring.invalid}
      aria-required={wiring.required}
      aria-label={label}
      className="input select"
      value={typeof value === 'string' ? value : ''}
      onChange={(event) => onChange(event.target.value || null)}
    >
      <option value="">{t('none')}</option>
      {(field.options ?? []).map((option) => (
        <option key={option.name} value={option.name}>
          {option.title}
        </option>
      ))}
    </select>
  );
}
export function ChoiceRead({ field, value }: ReadProps) {
  if (isBlank(value)) return BLANK;
  const option = field.options?.find((one) => one.name === value);
  // Without a tone of its own a choice is plain text; a state always stands out.
  if (option?.tone && (option.tone !== 'neutral' || field.type === 'state'))
    return <StatusTag tone={option.tone}>{option.title}</StatusTag>;
  return option?.title ?? String(value);
}
export const choice: FieldKind = { Edit, Read: ChoiceRead, filter: choiceFilter, sortable: true };
