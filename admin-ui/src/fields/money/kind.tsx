import { BLANK, formatAmount, reader } from '../../lib/format';
import { DecimalInput } from '../../ui/inputs';
import { rangeFilter } from '../filters';
import type { EditProps, FieldKind, ReadProps } from '../kind';

type Parts = { amount: string | null; currency: string | null };

export function moneyParts(value: unknown, fallback?: string | null): Parts {
  const coded = fallback && /^[A-Z]{3}$/.test(fallback) ? fallback : null;
  if (value && typeof value === 'object' && 'amount' in value) {
    const money = value as { amount?: unknown; currency?: unknown };
    return {
      amount: money.amount == null ? null : String(money.amount),
      currency: money.currency ? String(money.currency) : coded,
    };
  }
  return { amount: value === null || value === undefined ? null : String(value), currency: coded };
}

function Edit({ field, value, onChange, wiring, label }: EditProps) {
  const { amount, currency } = moneyParts(value, field.currency);
  const unit = currency ?? reader.currency;
  return (
    <span className="with-unit">
      <DecimalInput
        wiring={wiring}
        label={label}
        value={amount}
        onChange={(typed) => onChange(typed === null ? null : { amount: typed, currency: unit })}
      />
      <span className="unit">{unit}</span>
    </span>
  );
}
function Read({ field, value }: ReadProps) {
  const { amount, currency } = moneyParts(value, field.currency);
  const shown = formatAmount(amount, field.scale ?? 2);
  return (
    <span className="num">
      {shown !== BLANK && currency ? <span className="currency">{currency}</span> : null}
      {shown}
    </span>
  );
}
/** In a column the currency stands in the header; a value in another currency says so itself. */
function Cell({ field, value }: ReadProps) {
  const { amount, currency } = moneyParts(value, field.currency);
  const column = moneyParts(null, field.currency).currency ?? reader.currency;
  const shown = formatAmount(amount, field.scale ?? 2);
  return (
    <span className="num">
      {shown !== BLANK && currency && currency !== column ? <span className="currency">{currency}</span> : null}
      {shown}
    </span>
  );
}
export const money: FieldKind = { Edit, Read, Cell, filter: rangeFilter, end: true, sortable: true };
