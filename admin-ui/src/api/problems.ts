import i18next from 'i18next';
import { asProblem } from './client';
import type { Duplicate, FieldConflict } from './contract/records';
import type { FieldProblem } from './contract/shared';

/** By code first, the server's text (already in the reader's language) as fallback. */
export function problemText(error: unknown): string {
  const problem = asProblem(error);
  const key = `errors:code.${problem.code}`;
  if (i18next.exists(key)) return i18next.t(key, { ...problem.body.params });
  return problem.body.detail ?? problem.body.title ?? i18next.t('errors:unknown');
}

/** Field problems by their pointer without the leading slash: `quantity`, `items/0/quantity`. */
export function byField(error: unknown): Record<string, string> {
  if (!error) return {};
  const found: Record<string, string> = {};
  for (const problem of asProblem(error).body.errors ?? []) {
    const path = problem.pointer
      .replace(/^\/?(fields\/|input\/)?/, '')
      .replaceAll('~1', '/')
      .replaceAll('~0', '~');
    found[path] ??= fieldText(problem);
  }
  return found;
}

function fieldText(problem: FieldProblem): string {
  const key = `errors:field.${problem.code}`;
  if (problem.message) return problem.message;
  return i18next.exists(key) ? i18next.t(key, { ...problem.params }) : problem.code;
}

export type Stale = { version: number | null; fields: Record<string, FieldConflict> };

/** What a `stale_version` answer says; null for every other problem. */
export function asStale(error: unknown): Stale | null {
  const { body } = asProblem(error);
  if (body.code !== 'stale_version') return null;
  const params = body.params ?? {};
  const version = Number(params.version);
  return {
    version: Number.isFinite(version) ? version : null,
    fields: (params.fields as Stale['fields'] | undefined) ?? {},
  };
}

/** Records that look like the one to be written, from a refusal; null for every other problem. */
export function asDuplicates(error: unknown): Duplicate[] | null {
  const { body } = asProblem(error);
  if (body.code !== 'possible_duplicate') return null;
  const found = body.params?.data ?? body.params?.duplicates ?? body.params?.rules;
  return Array.isArray(found) ? (found as Duplicate[]) : [];
}
