import { useState } from 'react';
import { BLANK, isBlank } from '../../lib/format';
import type { EditProps, FieldKind, ReadProps } from '../kind';

function Edit({ value, onChange, wiring, label }: EditProps) {
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <textarea
      id={wiring.id}
      aria-describedby={wiring.describedBy}
      aria-invalid={wiring.invalid}
      aria-label={label}
      className="input textarea mono"
      rows={4}
      spellCheck={false}
      value={typed ?? (isBlank(value) ? '' : JSON.stringify(value, null, 2))}
      onChange={(event) => {
        setTyped(event.target.value);
        try {
          onChange(event.target.value.trim() === '' ? null : JSON.parse(event.target.value));
        } catch {
          // half typed; the last readable value stays until it can be read again
        }
      }}
    />
  );
}
const Read = ({ value }: ReadProps) =>
  isBlank(value) ? BLANK : <code className="prose mono">{JSON.stringify(value)}</code>;
export const json: FieldKind = { Edit, Read, full: true, listless: true };
