import { formatDate, reader } from '../../lib/format';
import { utcToZoned } from '../../lib/zone';
import { DateInput } from '../../ui/inputs';
import { dateFilter } from '../filters';
import type { EditProps, FieldKind } from '../kind';

function Edit({ value, onChange, wiring, label }: EditProps) {
  const today = utcToZoned(new Date().toISOString(), reader.zone)?.date;
  return (
    <DateInput
      wiring={wiring}
      label={label}
      today={today}
      value={typeof value === 'string' ? value : null}
      onChange={onChange}
    />
  );
}
export const date: FieldKind = {
  Edit,
  Read: ({ value }) => <span className="num">{formatDate(value)}</span>,
  filter: dateFilter,
  sortable: true,
};
