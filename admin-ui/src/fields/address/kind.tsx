import { BLANK } from '../../lib/format';
import { textFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';
import { TextEdit } from '../text/kind';

/** An address is one line of text; a parsed one carries the line as `text` beside its parts. */
export function addressText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (!value || typeof value !== 'object') return '';
  const parts = value as Record<string, unknown>;
  if (typeof parts.text === 'string') return parts.text;
  return ['province', 'city', 'district', 'street', 'detail']
    .map((name) => parts[name])
    .filter((part) => typeof part === 'string')
    .join('');
}
const Edit = (props: EditProps) => <TextEdit {...props} value={addressText(props.value)} />;
const Read = ({ value }: ReadProps) => addressText(value) || BLANK;
const Cell = ({ value }: ReadProps) => <span className="clip">{addressText(value) || BLANK}</span>;
export const address: FieldKind = { Edit, Read, Cell, filter: textFilter, full: true };
