import { textFilter } from '../filters';
import type { FieldKind } from '../kind';
import { TextRead } from '../text/kind';

/** Given by the system when the record is made. */
export const sequence: FieldKind = {
  Read: (props) => <span className="num">{TextRead(props)}</span>,
  filter: textFilter,
  sortable: true,
};
