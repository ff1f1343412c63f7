/** What the URL of the import pages says. */
export type ImportSearch = { object?: string };

export function readImportSearch(search: Record<string, unknown>): ImportSearch {
  return { object: typeof search.object === 'string' && search.object ? search.object : undefined };
}
