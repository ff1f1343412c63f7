import { BLANK, isBlank } from '../../lib/format';
import { wire } from '../../ui/inputs';
import { textFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';

export function TextEdit({
  value,
  onChange,
  wiring,
  label,
  type,
  inputMode,
}: EditProps & { type?: string; inputMode?: 'tel' | 'email' | 'url' }) {
  return (
    <input
      {...wire(wiring)}
      className="input"
      type={type}
      inputMode={inputMode}
      autoComplete="off"
      aria-label={label}
      value={typeof value === 'string' ? value : value === null || value === undefined ? '' : String(value)}
      onChange={(event) => onChange(event.target.value === '' ? null : event.target.value)}
    />
  );
}
export function TextRead({ value }: ReadProps) {
  return isBlank(value) ? BLANK : typeof value === 'object' ? JSON.stringify(value) : String(value);
}
export const text: FieldKind = { Edit: TextEdit, Read: TextRead, filter: textFilter, sortable: true };
