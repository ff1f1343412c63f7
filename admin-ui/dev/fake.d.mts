type Asked = {
  method: string;
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: unknown;
  raw?: string | Uint8Array;
};
type Answer = { status: number; body?: unknown; raw?: string | Uint8Array; headers: Record<string, string> };
type Row = Record<string, unknown> & { id: string; version: number };

export function createFake(options?: { signedIn?: boolean; now?: Date }): {
  handle: (asked: Asked) => Answer;
  db: {
    records: Record<string, Row[]>;
    deleted: Record<string, Row[]>;
    comments: { text: string; mentions: { id: string }[]; read: boolean }[];
    attachments: { id: string; name: string; field: string | null }[];
  };
};
