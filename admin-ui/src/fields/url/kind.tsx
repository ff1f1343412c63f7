import { BLANK } from '../../lib/format';
import { textFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { TextEdit, TextRead } from '../text/kind';

const Edit = (props: EditProps) => <TextEdit {...props} type="url" />;
/** Only web addresses become links; anything else stays text. */
const Read = ({ value }: ReadProps) => {
  if (typeof value !== 'string' || !value) return BLANK;
  if (!/^https?:\/\//i.test(value)) return value;
  return (
    <a className="link" href={value} target="_blank" rel="noreferrer">
      {value}
    </a>
  );
};
export const url: FieldKind = { Edit, Read, Cell: TextRead, filter: textFilter };
