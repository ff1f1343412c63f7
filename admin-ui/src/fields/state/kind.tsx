import { ChoiceRead } from '../choice/kind';
import { choiceFilter } from '../filters';
import type { FieldKind } from '../kind';

/** Changed by transitions only. */
export const state: FieldKind = { Read: ChoiceRead, filter: choiceFilter, sortable: true };
