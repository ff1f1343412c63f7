import { BLANK, isBlank } from '../../lib/format';
import { textFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';

export function LongTextEdit({ value, onChange, wiring, label }: EditProps) {
  return (
    <textarea
      id={wiring.id}
      aria-describedby={wiring.describedBy}
      aria-invalid={wiring.invalid}
      aria-required={wiring.required}
      aria-label={label}
      className="input textarea"
      rows={3}
      value={typeof value === 'string' ? value : ''}
      onChange={(event) => onChange(event.target.value === '' ? null : event.target.value)}
    />
  );
}
export function LongTextRead({ value }: ReadProps) {
  return isBlank(value) ? BLANK : <span className="prose">{String(value)}</span>;
}
function Cell({ value }: ReadProps) {
  return isBlank(value) ? BLANK : <span className="clip">{String(value)}</span>;
}
export const longText: FieldKind = { Edit: LongTextEdit, Read: LongTextRead, Cell, filter: textFilter, full: true };
