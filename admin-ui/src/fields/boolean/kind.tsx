import { useTranslation } from 'react-i18next';
import { BLANK } from '../../lib/format';
import { wire } from '../../ui/inputs';
import { booleanFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';

function Edit({ value, onChange, wiring, label }: EditProps) {
  return (
    <input
      {...wire(wiring)}
      type="checkbox"
      className="switch"
      aria-label={label}
      checked={value === true}
      onChange={(event) => onChange(event.target.checked)}
    />
  );
}
function Read({ value }: ReadProps) {
  const { t } = useTranslation('fields');
  return typeof value === 'boolean' ? t(value ? 'yes' : 'no') : BLANK;
}
export const boolean: FieldKind = { Edit, Read, filter: booleanFilter, sortable: true };
