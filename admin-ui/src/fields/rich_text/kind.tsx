import type { FieldKind } from '../kind';
import { longText } from '../long_text/kind';

/** Written and shown as plain paragraphs until the editor for rich text is there. */
export const richText: FieldKind = longText;
