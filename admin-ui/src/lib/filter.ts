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
export type Condition = Record<string, unknown>;

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

/** A filter written elsewhere (a dashboard's link) as chips, as far as chips can say it; the rest stays as it is. */
export function fromFilter(filter: Condition): { chips: Chips; rest: Condition | undefined } {
  const parts = Array.isArray(filter.and) && Object.keys(filter).length === 1 ? (filter.and as Condition[]) : [filter];
  const chips: Chips = {};
  const rest: Condition[] = [];
  for (const part of parts) {
    const [entry, ...others] = Object.entries(part);
    const chip = entry && others.length === 0 && /^\w+$/.test(entry[0]) ? asChip(entry[1]) : null;
    if (entry && chip && !['and', 'or', 'not'].includes(entry[0]) && !chips[entry[0]]) chips[entry[0]] = chip;
    else rest.push(part);
  }
  return { chips, rest: rest.length === 0 ? undefined : rest.length === 1 ? rest[0] : { and: rest } };
}

function asChip(asked: unknown): Operand | null {
  if (typeof asked === 'string') return { in: [asked] };
  if (typeof asked === 'boolean') return { eq: asked };
  if (!asked || typeof asked !== 'object') return null;
  const [entry, ...others] = Object.entries(asked);
  if (!entry || others.length > 0) return null;
  const [operator, value] = entry;
  if (operator === 'eq' && typeof value === 'string') return { in: [value] };
  if (operator === 'eq' && typeof value === 'boolean') return { eq: value };
  if (operator === 'in' && Array.isArray(value) && value.every((one) => typeof one === 'string')) return { in: value };
  if ((operator === 'this' || operator === 'last') && typeof value === 'string') return { [operator]: value };
  if (operator === 'today' && value === true) return { today: true };
  return null;
}
