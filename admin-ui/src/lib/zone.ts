/** Moments are UTC on the wire; people read and type them in the tenant's zone. */

export type Zoned = { date: string; time: string };

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string): Intl.DateTimeFormat {
  let found = formats.get(zone);
  if (!found) {
    found = new Intl.DateTimeFormat('en-CA', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    formats.set(zone, found);
  }
  return found;
}

export function utcToZoned(moment: string, zone: string): Zoned | null {
  const at = new Date(moment);
  if (Number.isNaN(at.getTime())) return null;
  const part: Record<string, string> = {};
  for (const { type, value } of format(zone).formatToParts(at)) part[type] = value;
  return { date: `${part.year}-${part.month}-${part.day}`, time: `${part.hour}:${part.minute}` };
}

/** The moment at which clocks in `zone` show this; in a gap of summer time, the first moment after it. */
export function zonedToUtc(date: string, time: string, zone: string): string {
  const wanted = Date.parse(`${date}T${time}:00Z`);
  let guess = wanted;
  for (let round = 0; round < 3; round += 1) {
    const shown = utcToZoned(new Date(guess).toISOString(), zone);
    if (!shown) break;
    const error = wanted - Date.parse(`${shown.date}T${shown.time}:00Z`);
    if (error === 0) break;
    guess += error;
  }
  return new Date(guess).toISOString().replace('.000Z', 'Z');
}

export function addDays(date: string, days: number): string {
  const at = new Date(`${date}T00:00:00Z`);
  at.setUTCDate(at.getUTCDate() + days);
  return at.toISOString().slice(0, 10);
}

/** True for a day that exists: `2026-02-30` does not. */
export function isDay(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === text;
}

/** Reads what people type for a day: `2026-6-3`, `2026/06/03`, `20260603`, `2026年6月3日`. */
export function readDay(typed: string): string | null {
  const match =
    /^\s*(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?\s*$/.exec(typed) ??
    /^\s*(\d{4})(\d{2})(\d{2})\s*$/.exec(typed);
  if (!match) return null;
  const day = `${match[1]}-${match[2]?.padStart(2, '0')}-${match[3]?.padStart(2, '0')}`;
  return isDay(day) ? day : null;
}

/** Reads `9:5`, `09:05`, `0905`, `9点05`. */
export function readTime(typed: string): string | null {
  const match = /^\s*(\d{1,2})\s*[:：点]\s*(\d{1,2})\s*分?\s*$/.exec(typed) ?? /^\s*(\d{2})(\d{2})\s*$/.exec(typed);
  if (!match || Number(match[1]) > 23 || Number(match[2]) > 59) return null;
  return `${match[1]?.padStart(2, '0')}:${match[2]?.padStart(2, '0')}`;
}
