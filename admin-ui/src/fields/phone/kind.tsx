import { BLANK } from '../../lib/format';
import { textFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { TextEdit, TextRead } from '../text/kind';

const Edit = (props: EditProps) => <TextEdit {...props} type="tel" />;
const Read = ({ value }: ReadProps) =>
  typeof value === 'string' && value ? (
    <a className="link num" href={`tel:${value.replace(/[^\d+]/g, '')}`}>
      {value}
    </a>
  ) : (
    BLANK
  );
export const phone: FieldKind = { Edit, Read, Cell: TextRead, filter: textFilter, sortable: true };
