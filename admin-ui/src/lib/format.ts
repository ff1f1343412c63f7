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

/** `3 minutes ago` within a day, `yesterday` and days by the calendar for a week, then the moment itself. */
export function formatRelative(value: unknown, now = Date.now()): string {
  const at = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(at)) return BLANK;
  const say = new Intl.RelativeTimeFormat(reader.language, { numeric: 'auto' });
  const minutes = Math.trunc((at - now) / 60_000);
  if (minutes === 0) return say.format(0, 'second');
  if (Math.abs(minutes) < 60) return say.format(minutes, 'minute');
  const days = dayOf(at) - dayOf(now);
  if (Math.abs(days) >= 7) return formatDateTime(value);
  if (days === 0 || Math.abs(minutes) < 6 * 60) return say.format(Math.trunc(minutes / 60), 'hour');
  return say.format(days, 'day');
}

/** The calendar day in the reader's zone, counted. */
function dayOf(at: number): number {
  const date = utcToZoned(new Date(at).toISOString(), reader.zone)?.date ?? '';
  return Math.round(Date.parse(`${date}T00:00:00Z`) / 86_400_000);
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
