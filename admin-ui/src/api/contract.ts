/**
 * The HTTP contract of docs/http.md, written by hand in one file for now. The types generated from
 * the server's OpenAPI document replace this file as soon as that document is served; nothing else
 * in the UI declares the shape of an answer.
 */

/** A decimal as text, never a JS number. */
export type Decimal = string;
export type Money = { amount: Decimal; currency: string };
export type Ref = { object: string; id: string; title: string };
export type Tone = 'neutral' | 'info' | 'success' | 'warning' | 'danger';

export type MenuItem = {
  id: string;
  title: string;
  object?: string | null;
  page?: string | null;
  icon?: string | null;
  children?: MenuItem[];
};

export type Me = {
  id: string;
  login: string;
  name: string;
  locale: string;
  tenant: string;
  time_zone: string;
  currency: string;
  roles: string[];
  csrf: string;
  menu: MenuItem[];
};

export type SessionReply = { token: string; csrf: string; expires_at: string; user: Me };

export type Action = {
  name: string;
  kind: 'transition' | 'update' | 'delete';
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

export type Refs = Record<string, RefValue | RefValue[] | null | undefined>;
export type RefValue = { id: string; title: string; object?: string };

export type Trace = { sentence?: string; inputs?: Record<string, unknown>; table?: string; row?: string };

export type SettlementStatus = 'none' | 'pending' | 'charged' | 'billed' | 'confirmed' | 'paid';

export type RecordSettlement = {
  status: SettlementStatus;
  title: string;
  lines: LineSummary[];
  amount?: Money | null;
};

export type RecordData = {
  id: string;
  version: number;
  state?: string | null;
  template?: string | null;
  created_at?: string;
  updated_at?: string;
  _title?: string;
  _refs?: Refs;
  _actions?: Action[];
  _settlement?: RecordSettlement | null;
  _trace?: Record<string, Trace> | null;
  [field: string]: unknown;
};

export type Page<T> = {
  data: T[];
  next_cursor?: string | null;
  count?: number | null;
  count_capped?: boolean;
};

export type HistoryEntry = {
  id: string;
  at: string;
  actor?: Ref | null;
  kind: 'created' | 'updated' | 'transitioned' | 'deleted';
  transition?: string | null;
  transition_title?: string | null;
  changes?: Record<string, { old: unknown; new: unknown }>;
};

export type Task = {
  id: string;
  kind: string;
  code: string;
  title: string;
  object?: string;
  record?: Ref | null;
  created_at: string;
  role?: string | null;
};

export type OptionView = { name: string; title: string; tone?: Tone };

export type FieldView = {
  name: string;
  title: string;
  type: string;
  required?: boolean;
  read_only?: boolean;
  system?: boolean;
  help?: string | null;
  default?: unknown;
  options?: OptionView[];
  to?: string[];
  scale?: number;
  minimum?: Decimal | number | null;
  maximum?: Decimal | number | null;
  currency?: string | null;
  multiline?: boolean;
  item_fields?: FieldView[];
  formula?: boolean;
  /** Kept out of forms and pages unless a template asks for it. */
  hidden?: boolean;
};

export type SectionView = { id: string; title: string; fields: string[] };

export type TemplateView = {
  name: string;
  title: string;
  description?: string;
  icon?: string;
  fields?: string[];
  required?: string[];
  defaults?: Record<string, unknown>;
  sections?: SectionView[];
};

export type ObjectView = {
  name: string;
  title: string;
  plural?: string;
  display?: string;
  key?: string | null;
  states?: OptionView[];
  fields: FieldView[];
  templates?: TemplateView[];
  list?: { columns?: string[]; sort?: string[]; filters?: string[] };
  rights?: { create?: boolean; update?: boolean; delete?: boolean };
  settled?: boolean;
};

export type Node = {
  label: string;
  value?: string | null;
  note?: string | null;
  children?: Node[];
  ref?: Ref | null;
};
export type Explanation = { sentence: string; tree?: Node[]; trace?: unknown };

export type LineKind = 'charge' | 'reversal' | 'correction';
export type StatementStatus = 'draft' | 'issued' | 'confirmed' | 'paid';

export type Line = {
  id: string;
  plan?: string;
  line?: string;
  kind: LineKind;
  fact?: Ref | null;
  payer?: Ref | null;
  payee?: Ref | null;
  business_date?: string;
  period?: string;
  service_period?: string | null;
  corrects?: string | null;
  reverses?: string | null;
  quantity?: Decimal | null;
  amount: Decimal;
  tax?: Decimal | null;
  net?: Decimal | null;
  tax_rate?: Decimal | null;
  tax_kind?: string | null;
  currency: string;
  dimensions?: Record<string, Ref | string | null>;
  statement?: { id: string; number?: string | null; status: StatementStatus } | null;
  run?: string | null;
  posted_at?: string;
  sentence?: string;
};
/** What a record carries of its lines: the same members, most of them optional. */
export type LineSummary = Partial<Line> & { id: string };

export type Statement = {
  id: string;
  number: string | null;
  status: StatementStatus;
  title: string;
  payer?: Ref | null;
  payee?: Ref | null;
  period: string;
  currency: string;
  gross: Decimal;
  tax: Decimal;
  net: Decimal;
  line_count: number;
  issued_at?: string | null;
  version: number;
  corrections?: string[];
  _actions?: Action[];
  lines?: Line[];
};

export type RunFailure = {
  unit?: string;
  fact?: Ref | null;
  code: string;
  detail?: string;
  params?: Record<string, unknown>;
};

export type Run = {
  id: string | null;
  plan: string;
  period: string;
  mode: 'commit' | 'preview';
  status: 'running' | 'completed' | 'partial' | 'unchanged' | 'failed';
  started_at?: string;
  finished_at?: string | null;
  facts?: number;
  lines?: number;
  reversed?: number;
  unchanged?: number;
  amount?: Decimal | null;
  currency?: string;
  units?: number;
  failures?: RunFailure[];
  statements?: string[];
  input_hash?: string;
  output_hash?: string;
};

export type Plan = { name: string; title: string; period_calendar?: string; object?: string };

export type Period = {
  name: string;
  from: string;
  to: string;
  status: 'open' | 'closed';
  closed_at?: string | null;
  lines?: number;
  amount?: Decimal | Money | null;
};

export type CardPoint = { label: string; value: Decimal | number; ref?: Ref | null };
export type DashboardCard = {
  id: string;
  title: string;
  kind: 'number' | 'bar' | 'pie' | 'table';
  unit?: string | null;
  data: CardPoint[];
  link?: string | null;
};
export type Dashboard = { name: string; title: string; cards: DashboardCard[] };

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
