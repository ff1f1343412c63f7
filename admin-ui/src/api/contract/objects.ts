/** What pages are drawn from: docs/http.md, Definitions. */
import type { Decimal, Tone } from './shared';

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
  /** Of attachment and image: several files. */
  multiple?: boolean;
  item_fields?: FieldView[];
  formula?: boolean;
  /** Computed whenever it is read: lists are neither filtered nor sorted by it. */
  live?: boolean;
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
  /** A right that an older server does not name is tried, and refused there. */
  rights?: { create?: boolean; update?: boolean; delete?: boolean; export?: boolean; import?: boolean };
  settled?: boolean;
};
