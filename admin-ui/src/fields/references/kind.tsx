import { useTranslation } from 'react-i18next';
import { BLANK } from '../../lib/format';
import { Button } from '../../ui/button';
import { referenceFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { ReferenceEdit } from '../reference/kind';
import { RefLink, RefTitle, refsOf } from '../titles';

function Edit({ field, value, onChange, wiring, refs, label }: EditProps) {
  const { t } = useTranslation('fields');
  const chosen = Array.isArray(value) ? (value as string[]) : [];
  const object = field.to?.[0] ?? field.type;
  return (
    <div className="several">
      {chosen.length > 0 ? (
        <ul className="several-list">
          {chosen.map((id) => (
            <li key={id} className="token">
              <RefTitle object={object} id={id} known={refsOf(refs, field.name)} />
              <Button
                look="text"
                icon="close"
                aria-label={t('remove')}
                onClick={() => onChange(chosen.filter((one) => one !== id))}
              />
            </li>
          ))}
        </ul>
      ) : null}
      <ReferenceEdit
        field={field}
        value={null}
        wiring={wiring}
        label={label ?? field.title}
        onChange={(id) => {
          if (typeof id === 'string' && !chosen.includes(id)) onChange([...chosen, id]);
        }}
      />
    </div>
  );
}
function Read({ field, value, refs }: ReadProps) {
  const { t } = useTranslation('fields');
  if (!Array.isArray(value) || value.length === 0) return BLANK;
  return value.map((id: string, at) => (
    <span key={id}>
      {at > 0 ? t('listSeparator') : ''}
      <RefLink object={field.to?.[0] ?? field.type} id={id} known={refsOf(refs, field.name)} />
    </span>
  ));
}
export const references: FieldKind = { Edit, Read, filter: referenceFilter, full: true };
