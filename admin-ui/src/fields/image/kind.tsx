import { attachment } from '../attachment/kind';
import type { FieldKind } from '../kind';

/** The same files, with pictures offered first. */
export const image: FieldKind = attachment;
