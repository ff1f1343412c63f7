import { type Chips, type Condition, fromFilter } from '../../lib/filter';

/** What the URL of a list says. Everything else about a list is remembered, not addressed. */
export type ListSearch = { q?: string; sort?: string; f?: Chips; filter?: Condition; bin?: true };

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) || undefined : undefined;

const object = (value: unknown): Record<string, unknown> | undefined =>
  value && typeof value === 'object' && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;

/** Links from elsewhere bring a whole `filter`; what chips can say of it becomes chips. */
export function readListSearch(search: Record<string, unknown>): ListSearch {
  const given = object(search.filter);
  const { chips, rest } = given ? fromFilter(given) : { chips: {}, rest: undefined };
  const f = { ...chips, ...(object(search.f) as Chips | undefined) };
  return {
    q: text(search.q),
    sort: text(search.sort),
    f: Object.keys(f).length > 0 ? f : undefined,
    filter: rest,
    bin: search.bin === true || search.bin === 'true' ? true : undefined,
  };
}
