import { BLANK } from '../../lib/format';
import { TimeInput } from '../../ui/inputs';
import type { EditProps, FieldKind } from '../kind';

function Edit({ value, onChange, wiring, label }: EditProps) {
  return (
    <TimeInput
      wiring={wiring}
      label={label}
      value={typeof value === 'string' ? value.slice(0, 5) : null}
      onChange={onChange}
    />
  );
}
export const time: FieldKind = {
  Edit,
  Read: ({ value }) => <span className="num">{typeof value === 'string' && value ? value.slice(0, 5) : BLANK}</span>,
  sortable: true,
};
