/** docs/http.md, Records. */
import type { LineSummary } from './settlement';
import type { Action, Money, ProblemBody, Ref } from './shared';

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

/** A change of one record: who, when, what from what to what. */
export type HistoryEntry = {
  id: string;
  at: string;
  actor?: Ref | null;
  kind: 'created' | 'updated' | 'transitioned' | 'deleted' | 'restored';
  transition?: string | null;
  transition_title?: string | null;
  changes?: Record<string, { old: unknown; new: unknown }>;
};

/** What `stale_version` says of one field: as it was read, as it is wanted, as it is now. */
export type FieldConflict = { base?: unknown; yours: unknown; theirs: unknown };

/** Who looks like a record that is being written. */
export type Duplicate = {
  rule: string;
  action: 'warn' | 'block';
  title?: string;
  records: Ref[];
  hidden?: number;
};

export type BulkOperation =
  | { op: 'create'; data: Record<string, unknown> }
  | { op: 'update'; id: string; version?: number; data: Record<string, unknown> }
  | { op: 'delete'; id: string; version?: number }
  | { op: 'transition'; id: string; version?: number; name: string; input: Record<string, unknown> };
export type BulkResult = { status: number; id?: string; version?: number; problem?: ProblemBody };
export type BulkReply = { results: BulkResult[]; succeeded: number; failed: number };

export type Comment = {
  id: string;
  text: string;
  author?: Ref | null;
  mentions?: Ref[];
  created_at: string;
  edited_at?: string | null;
  mine?: boolean;
};
export type Mention = { comment: Comment; record: Ref; read: boolean };
export type MentionPage = { data: Mention[]; next_cursor?: string | null; unread: number };

export type Attachment = {
  id: string;
  name: string;
  type: string;
  size: number;
  sha256?: string;
  field?: string | null;
  uploaded_by?: Ref | null;
  uploaded_at: string;
};
