/** docs/http.md, Settlement. */
import type { Action, Decimal, Money, Ref } from './shared';

export type LineKind = 'charge' | 'reversal' | 'correction';

export type StatementStatus = 'draft' | 'issued' | 'confirmed' | 'paid' | 'reversed';

/** Another statement, as far as a link needs it. */
export type StatementLink = { id: string; number: string | null; status: StatementStatus | null };

/** What a pair owes each other in a period, both directions together. */
export type NetPosition = {
  payer?: Ref | null;
  payee?: Ref | null;
  owed: Decimal;
  counter: Decimal;
  net: Decimal;
  open: Decimal;
};

/** One pair among the net positions of a period. */
export type PairPosition = NetPosition & {
  definition: string;
  title: string;
  currency: string;
  statements: { id: string; number: string | null; status: string; payee: string; gross: Decimal }[];
};

export type Positions = {
  period: string;
  data: PairPosition[];
  totals: { currency: string; moved: Decimal; net: Decimal; open: Decimal }[];
};

export type Dispute = {
  id: string;
  line: string;
  status: 'open' | 'accepted' | 'upheld' | 'reversed';
  reason: string;
  amount: Decimal;
  opened_at: string;
  opened_by?: Ref | null;
  settled_at?: string | null;
  settled_by?: Ref | null;
  note?: string | null;
  moved_to?: StatementLink | null;
  _actions?: Action[];
};

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
  disputed?: Decimal;
  undisputed?: Decimal;
  withdrawn?: Decimal;
  opening?: Decimal;
  debt?: Decimal;
  payable?: Decimal;
  net_position?: NetPosition;
  reverses?: StatementLink;
  reversed_by?: StatementLink;
  carried_to?: StatementLink;
  reason?: string;
  notes?: string[];
  disputes?: Dispute[];
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
  status: 'running' | 'completed' | 'partial' | 'unchanged' | 'failed' | 'cancelled';
  started_at?: string;
  finished_at?: string | null;
  facts?: number;
  done?: number;
  lines?: number;
  reversed?: number;
  unchanged?: number;
  amount?: Decimal | null;
  currency?: string;
  units?: number;
  failures?: RunFailure[];
  statements?: string[];
  /** The run that found everything as it still is. */
  same_as?: string | null;
  /** The run after which only what changed was settled. */
  after?: string | null;
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

/** A definition as a choice: its name, and what people call it. */
export type Titled = { name: string; title: string };

/** One group of a view over lines: the values of its dimensions, its account where accounts are asked for, and its sums. */
export type AnalysisRow = Record<string, unknown> & { currency: string };

export type Analysis = { by: string[]; data: AnalysisRow[]; totals: AnalysisRow[] };

export type Tier = {
  up_to: Decimal | null;
  rate: Decimal;
  flat: Decimal;
  deduct: Decimal;
  quick_deduction?: Decimal;
};

export type Schedule = Titled & { mode: string; tiers?: Tier[] };

export type AppliedPart = { tier: number; quantity: Decimal; rate: Decimal; flat: Decimal; amount: Decimal };

export type Applied = {
  schedule: string;
  amount: Decimal;
  applied: { quantity: Decimal; before: Decimal | null; amount: Decimal; parts: AppliedPart[] }[];
};
