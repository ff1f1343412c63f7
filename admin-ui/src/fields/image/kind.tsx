import { AttachmentEdit, AttachmentRead } from '../attachment/kind';
import type { FieldKind } from '../kind';

export const image: FieldKind = { Edit: AttachmentEdit, Read: AttachmentRead, listless: true };
