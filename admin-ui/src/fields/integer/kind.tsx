import { formatDecimal } from '../../lib/format';
import { DecimalInput } from '../../ui/inputs';
import { rangeFilter } from '../filters';
import type { EditProps, FieldKind } from '../kind';

function Edit({ value, onChange, wiring, label }: EditProps) {
  const text = value === null || value === undefined ? null : String(value);
  return (
    <DecimalInput
      wiring={wiring}
      whole
      label={label}
      value={text}
      onChange={(typed) => onChange(typed !== null && /^-?\d{1,15}$/.test(typed) ? Number(typed) : typed)}
    />
  );
}
export const integer: FieldKind = {
  Edit,
  Read: ({ value }) => <span className="num">{formatDecimal(value)}</span>,
  filter: rangeFilter,
  end: true,
  sortable: true,
};
