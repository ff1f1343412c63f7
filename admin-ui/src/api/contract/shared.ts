/** What every answer is made of. docs/http.md written down by hand, one file per resource; types generated from the
 * server’s OpenAPI document will replace this folder. */

/** A decimal as text, never a JS number. */
export type Decimal = string;

export type Money = { amount: Decimal; currency: string };

export type Ref = { object: string; id: string; title: string };

export type Tone = 'neutral' | 'info' | 'success' | 'warning' | 'danger';

export type Page<T> = {
  data: T[];
  next_cursor?: string | null;
  count?: number | null;
  count_capped?: boolean;
};

export type Node = {
  label: string;
  value?: string | null;
  note?: string | null;
  children?: Node[];
  ref?: Ref | null;
};

export type Explanation = { sentence: string; tree?: Node[]; trace?: unknown };

export type FieldProblem = {
  pointer: string;
  code: string;
  message?: string;
  params?: Record<string, unknown>;
};

export type ProblemBody = {
  type?: string;
  code: string;
  title?: string;
  status: number;
  detail?: string;
  params?: Record<string, unknown>;
  errors?: FieldProblem[];
  trace_id?: string;
};

export type Action = {
  name: string;
  kind: 'transition' | 'update' | 'delete' | 'restore';
  title: string;
  primary?: boolean;
  destructive?: boolean;
  allowed: boolean;
  reason?: string | null;
  input?: string[];
  /** Which of the input must be filled in. */
  required?: string[];
  /** What the server would fill in; shown so that a person can change it. */
  defaults?: Record<string, unknown>;
};
