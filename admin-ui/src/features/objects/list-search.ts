import type { Chips } from '../../lib/filter';

/** What the URL of a list says. Everything else about a list is remembered, not addressed. */
export type ListSearch = { q?: string; sort?: string; f?: Chips };

const text = (value: unknown): string | undefined =>
  typeof value === 'string' || typeof value === 'number' ? String(value) || undefined : undefined;

export function readListSearch(search: Record<string, unknown>): ListSearch {
  const f = search.f && typeof search.f === 'object' && !Array.isArray(search.f) ? (search.f as Chips) : undefined;
  return { q: text(search.q), sort: text(search.sort), f };
}
