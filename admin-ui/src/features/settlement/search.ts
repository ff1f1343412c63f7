/** What the URL of the statements page says. */
export type StatementSearch = { period?: string; payee?: string; status?: string };

export function readStatementSearch(search: Record<string, unknown>): StatementSearch {
  const text = (value: unknown) => (typeof value === 'string' && value ? value : undefined);
  return { period: text(search.period), payee: text(search.payee), status: text(search.status) };
}
