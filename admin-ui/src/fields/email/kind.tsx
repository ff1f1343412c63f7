import { BLANK } from '../../lib/format';
import { textFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { TextEdit, TextRead } from '../text/kind';

const Edit = (props: EditProps) => <TextEdit {...props} type="email" />;
const Read = ({ value }: ReadProps) =>
  typeof value === 'string' && value ? (
    <a className="link" href={`mailto:${value}`}>
      {value}
    </a>
  ) : (
    BLANK
  );
export const email: FieldKind = { Edit, Read, Cell: TextRead, filter: textFilter, sortable: true };
