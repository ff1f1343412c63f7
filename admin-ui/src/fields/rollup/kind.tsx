import { formatDecimal, formatMoney } from '../../lib/format';
import { rangeFilter } from '../filters';
import type { FieldKind, ReadProps } from '../kind';

/** Computed over child records; a number or an amount of money. */
const Read = ({ field, value }: ReadProps) => (
  <span className="num">
    {value && typeof value === 'object' ? formatMoney(value, field.currency) : formatDecimal(value)}
  </span>
);
export const rollup: FieldKind = { Read, filter: rangeFilter, end: true, sortable: true };
