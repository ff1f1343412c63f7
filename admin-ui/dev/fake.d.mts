type Asked = {
  method: string;
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: unknown;
};
type Answer = { status: number; body?: unknown; headers: Record<string, string> };
type Row = Record<string, unknown> & { id: string; version: number };

export function createFake(options?: { signedIn?: boolean; now?: Date }): {
  handle: (asked: Asked) => Answer;
  db: { records: Record<string, Row[]> };
};
