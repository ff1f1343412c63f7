import { useTranslation } from 'react-i18next';
import { BLANK } from '../../lib/format';
import { choiceFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';

function Edit({ field, value, onChange }: EditProps) {
  const chosen = Array.isArray(value) ? (value as string[]) : [];
  return (
    <div className="checks checks-row">
      {(field.options ?? []).map((option) => (
        <label key={option.name} className="check">
          <input
            type="checkbox"
            checked={chosen.includes(option.name)}
            onChange={(event) =>
              onChange(event.target.checked ? [...chosen, option.name] : chosen.filter((one) => one !== option.name))
            }
          />
          {option.title}
        </label>
      ))}
    </div>
  );
}
function Read({ field, value }: ReadProps) {
  const { t } = useTranslation('fields');
  if (!Array.isArray(value) || value.length === 0) return BLANK;
  return value
    .map((name) => field.options?.find((one) => one.name === name)?.title ?? String(name))
    .join(t('listSeparator'));
}
export const choices: FieldKind = { Edit, Read, filter: choiceFilter, full: true, group: true };
