import { referenceFilter } from '../filters';
import type { FieldKind } from '../kind';
import { ReferenceCell, ReferenceEdit } from '../reference/kind';

/** Chosen like any record, but without a page of its own yet. */
export const user: FieldKind = { Edit: ReferenceEdit, Read: ReferenceCell, filter: referenceFilter };
