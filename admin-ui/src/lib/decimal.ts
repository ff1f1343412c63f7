import Big from 'big.js';

/** Decimals are text from the server to the screen; `Big` only for sums and shifts shown to people. */

/** `-1234567.5` becomes `-1,234,567.5`. */
export function groupDigits(text: string): string {
  const match = /^(-?)(\d+)(\.\d+)?$/.exec(text);
  if (!match) return text;
  const [, sign = '', whole = '', fraction = ''] = match;
  return sign + whole.replace(/\B(?=(\d{3})+$)/g, ',') + fraction;
}

/** Reads a JSON number or decimal text as plain decimal text; null when it is neither. */
export function asDecimal(value: unknown): string | null {
  if (typeof value === 'number' && Number.isFinite(value)) return new Big(value).toFixed();
  if (typeof value === 'string' && /^[+-]?\d+(\.\d+)?$/.test(value.trim())) return value.trim().replace(/^\+/, '');
  return null;
}

/** At least `scale` decimals, and no digit lost when there are more. */
export function padScale(text: string, scale: number): string {
  const [whole = '', fraction = ''] = text.split('.');
  if (scale <= 0 && fraction === '') return whole;
  return `${whole}.${fraction.padEnd(scale, '0')}`;
}

/** `12.500` becomes `12.5`. */
export function trimZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}

/** What a person typed, as the contract wants it; null when it is not a number. Full-width digits count. */
export function readDecimal(typed: string): string | null {
  const plain = typed
    .replace(/[\uff10-\uff19]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0))
    .replace(/[\uff0c,\s\u00a5\uffe5]/g, '')
    .replace(/[\uff0e\u3002]/g, '.')
    .replace(/[\uff0d\u2212]/g, '-');
  const match = /^([+-]?)(\d*)(?:\.(\d*))?$/.exec(plain);
  if (!match) return null;
  const [, sign = '', whole = '', fraction = ''] = match;
  if (whole === '' && fraction === '') return null;
  const digits = `${whole.replace(/^0+(?=\d)/, '') || '0'}${fraction ? `.${fraction}` : ''}`;
  return sign === '-' && /[1-9]/.test(digits) ? `-${digits}` : digits;
}

/** A ratio as a percentage: `0.06` becomes `6`. */
export function ratioToPercent(ratio: string): string {
  return trimZeros(new Big(ratio).times(100).toFixed());
}

/** A percentage as a ratio: `6` becomes `0.06`. */
export function percentToRatio(percent: string): string {
  return new Big(percent).div(100).toFixed();
}

export function sumDecimals(values: string[]): string {
  return values.reduce((sum, value) => sum.plus(value), new Big(0)).toFixed();
}
