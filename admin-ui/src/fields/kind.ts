import type { ComponentType } from 'react';
import type { FieldView } from '../api/contract/objects';
import type { Refs } from '../api/contract/records';
import type { Operand } from '../lib/filter';
import type { Wiring } from '../ui/labelled';

/** What a field type must bring: one folder, one line in registry.ts. */
export type EditProps = {
  field: FieldView;
  value: unknown;
  onChange: (value: unknown) => void;
  wiring: Wiring;
  refs?: Refs;
  /** Errors below this field, by the rest of their path: `0/quantity`. */
  errors?: Record<string, string>;
  /** Accessible name where no visible label stands beside the control (cells of a sub-table). */
  label?: string;
};
export type ReadProps = { field: FieldView; value: unknown; refs?: Refs };
export type FilterProps = { field: FieldView; operand: Operand; onChange: (operand: Operand) => void };
export type SummaryProps = { field: FieldView; operand: Operand };

export type FilterKind = { Edit: ComponentType<FilterProps>; Summary: ComponentType<SummaryProps> };

export type FieldKind = {
  /** Missing where people never enter the value. */
  Edit?: ComponentType<EditProps>;
  Read: ComponentType<ReadProps>;
  /** How it looks in a row of a list; the same as Read when missing. */
  Cell?: ComponentType<ReadProps>;
  filter?: FilterKind;
  /** Numbers stand at the end of their column. */
  end?: boolean;
  sortable?: boolean;
  /** Takes the whole width of a form. */
  full?: boolean;
  /** Several controls under one label. */
  group?: boolean;
  /** Too large for a column of a list. */
  listless?: boolean;
};
