/** docs/http.md, Imports and exports. */
import type { ProblemBody, Ref } from './shared';

export type ImportStatus =
  | 'uploaded'
  | 'planning'
  | 'planned'
  | 'applying'
  | 'applied'
  | 'cancelled'
  | 'failed'
  | 'reverting'
  | 'reverted';

/**
 * Where a column of the file goes; null leaves it out. `by` finds a reference by its key, its title or another unique
 * text, without it by any of these; `thousands` reads `1,234.50`.
 */
export type Target = { field: string; by?: string; thousands?: boolean } | null;
export type Mapping = Record<string, Target>;
export type ImportMode = 'create' | 'update' | 'upsert';
export type DuplicatePolicy = 'skip' | 'update' | 'create' | 'error';
export type Outcome = 'create' | 'update' | 'skip' | 'duplicate' | 'error';

export type Import = {
  id: string;
  object: string;
  name: string;
  format: 'csv' | 'xlsx';
  encoding?: string | null;
  sheets?: string[];
  sheet?: string | null;
  columns: string[];
  mapping?: Record<string, Target | string> | null;
  mode?: ImportMode | null;
  by?: string | null;
  duplicates?: DuplicatePolicy | null;
  date_format?: string | null;
  status: ImportStatus;
  rows?: number | null;
  done?: number | null;
  counts?: Partial<Record<Outcome | 'applied' | 'kept', number>> | null;
  created_at: string;
  created_by?: Ref | null;
  problem?: ProblemBody | null;
};

export type ImportPlan = {
  mapping: Mapping;
  mode: ImportMode;
  by?: string;
  duplicates: DuplicatePolicy;
  encoding?: string;
  sheet?: string;
  date_format?: string;
};

export type ImportRow = {
  row: number;
  outcome: Outcome;
  record?: Ref | null;
  values?: Record<string, unknown>;
  errors?: { column?: string | null; field?: string | null; code: string; message?: string }[];
};
