import { addDays, zonedToUtc } from './zone';

/** What one filter chip asks. Kept in the URL, so it is small and readable there. */
export type Operand = {
  in?: string[];
  gte?: string;
  lte?: string;
  contains?: string;
  eq?: boolean | string;
  this?: string;
  last?: string;
  today?: true;
};
export type Chips = Record<string, Operand>;
type Condition = Record<string, unknown>;

/** The filter of docs/http.md for these chips; undefined when nothing is asked. */
export function toFilter(chips: Chips, types: Record<string, string>, zone: string): Condition | undefined {
  const all: Condition[] = [];
  for (const [field, chip] of Object.entries(chips)) {
    const moment = types[field] === 'date_time';
    if (chip.in?.length) all.push({ [field]: { in: chip.in } });
    if (chip.contains) all.push({ [field]: { contains: chip.contains } });
    if (chip.eq !== undefined) all.push({ [field]: { eq: chip.eq } });
    if (chip.this) all.push({ [field]: { this: chip.this } });
    if (chip.last) all.push({ [field]: { last: chip.last } });
    if (chip.today) all.push({ [field]: { today: true } });
    if (chip.gte) all.push({ [field]: { gte: moment ? zonedToUtc(chip.gte, '00:00', zone) : chip.gte } });
    if (chip.lte) {
      all.push({
        [field]: moment ? { lt: zonedToUtc(addDays(chip.lte, 1), '00:00', zone) } : { lte: chip.lte },
      });
    }
  }
  if (all.length === 0) return undefined;
  return { and: all };
}

export function isAsking(chip: Operand | undefined): boolean {
  if (!chip) return false;
  return Object.values(chip).some(
    (value) => value !== undefined && value !== '' && !(Array.isArray(value) && value.length === 0),
  );
}
