import { asDecimal, groupDigits, padScale, ratioToPercent, trimZeros } from './decimal';
import { utcToZoned } from './zone';

/** How the signed-in person reads numbers and moments. Set once after sign-in, before pages are drawn. */
export const reader = { language: 'zh-CN', zone: 'Asia/Shanghai', currency: 'CNY' };

export const BLANK = '\u2014';

export function isBlank(value: unknown): boolean {
  return value === null || value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
}

/** `1234.5` becomes `1,234.50`; two decimals at least, none lost. */
export function formatAmount(value: unknown, scale = 2): string {
  const decimal = asDecimal(value);
  return decimal === null ? BLANK : groupDigits(padScale(trimZeros(decimal), scale));
}

export function formatDecimal(value: unknown): string {
  const decimal = asDecimal(value);
  return decimal === null ? BLANK : groupDigits(trimZeros(decimal));
}

export function formatPercent(ratio: unknown): string {
  const decimal = asDecimal(ratio);
  return decimal === null ? BLANK : `${groupDigits(ratioToPercent(decimal))}%`;
}

/** `CNY` with an amount, as one text: `CNY 1,234.50`. */
export function formatMoney(value: unknown, currency?: string | null): string {
  if (value && typeof value === 'object' && 'amount' in value) {
    const money = value as { amount: unknown; currency?: string };
    return formatMoney(money.amount, money.currency ?? currency);
  }
  const amount = formatAmount(value);
  return amount === BLANK || !currency ? amount : `${currency} ${amount}`;
}

/** Axis marks of charts: ten thousands and hundred millions in Chinese, thousands and millions in English. */
export function formatCompact(value: number): string {
  return new Intl.NumberFormat(reader.language, { notation: 'compact', maximumFractionDigits: 1 }).format(value);
}

export function formatCount(value: number | null | undefined): string {
  return value === null || value === undefined ? BLANK : groupDigits(String(value));
}

/** A calendar day; the text of the contract in Chinese, `30 Jun 2026` in English. Never shifted by a zone. */
export function formatDate(value: unknown): string {
  if (typeof value !== 'string') return BLANK;
  const match = /^(\d{4})-(\d{2})-(\d{2})/.exec(value);
  if (!match) return value || BLANK;
  if (reader.language.startsWith('zh')) return `${match[1]}-${match[2]}-${match[3]}`;
  const day = new Date(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])));
  return new Intl.DateTimeFormat('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  }).format(day);
}

/** A moment in the tenant's zone. */
export function formatDateTime(value: unknown): string {
  if (typeof value !== 'string' || value === '') return BLANK;
  const zoned = utcToZoned(value, reader.zone);
  return zoned ? `${formatDate(zoned.date)} ${zoned.time}` : value;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60],
  ['hour', 3600],
  ['day', 86_400],
];

/** `3 minutes ago` for a week, then the moment itself. */
export function formatRelative(value: unknown, now = Date.now()): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) return BLANK;
  const seconds = Math.round((at - now) / 1000);
  const far = Math.abs(seconds);
  if (far >= 7 * 86_400) return formatDateTime(value);
  const [unit, size] = [...STEPS].reverse().find(([, length]) => far >= length) ?? (['second', far || 1] as const);
  const count = unit === 'second' ? 0 : Math.trunc(seconds / size);
  return new Intl.RelativeTimeFormat(reader.language, { numeric: 'auto' }).format(count, unit);
}

/** Sizes of files, to three figures. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : 1;
  return `${new Intl.NumberFormat(reader.language, { maximumFractionDigits: digits }).format(value)} ${units[unit]}`;
}
