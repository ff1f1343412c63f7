const text = (value: unknown) => (typeof value === 'string' && value ? value : undefined);

/** What the URL of the statements page says. */
export type StatementSearch = { period?: string; payee?: string; status?: string };

export function readStatementSearch(search: Record<string, unknown>): StatementSearch {
  return { period: text(search.period), payee: text(search.payee), status: text(search.status) };
}

/** What the URL of the analysis says: `by` lists dimensions in the order chosen, parted by commas. */
export type AnalysisSearch = { view?: 'ledger'; by?: string; period?: string };

export function readAnalysisSearch(search: Record<string, unknown>): AnalysisSearch {
  return {
    view: search.view === 'ledger' ? 'ledger' : undefined,
    by: text(search.by),
    period: text(search.period),
  };
}
