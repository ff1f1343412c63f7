import i18next from 'i18next';
import type { ProblemBody } from './contract';

const BASE = '/api/v1';

/** A refusal or a failure, always with a code. */
export class Problem extends Error {
  readonly body: ProblemBody;
  constructor(body: ProblemBody) {
    super(body.detail ?? body.title ?? body.code);
    this.name = 'Problem';
    this.body = body;
  }
  get code(): string {
    return this.body.code;
  }
  get status(): number {
    return this.body.status;
  }
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  return new Problem({ code: 'ui_error', status: 0, detail: error instanceof Error ? error.message : undefined });
}

/** The session of this page: its CSRF value, and what to do when the server no longer knows it. */
export const session: { csrf: string | null; known: boolean; ask: (() => Promise<void>) | null } = {
  csrf: null,
  known: false,
  ask: null,
};
let asking: Promise<void> | null = null;

function signInAgain(): Promise<void> | null {
  if (!session.known || !session.ask) return null;
  asking ??= session.ask().finally(() => {
    asking = null;
  });
  return asking;
}

export type Asked = {
  query?: Record<string, string | number | undefined | null>;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  keepalive?: boolean;
};
export type Reply<T> = { data: T; etag: string | null };

export async function call<T>(method: string, path: string, asked: Asked = {}): Promise<Reply<T>> {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked.query ?? {})) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  const headers: Record<string, string> = {
    Accept: 'application/json',
    'Accept-Language': i18next.language || 'zh-CN',
    ...asked.headers,
  };
  if (method !== 'GET' && session.csrf) headers['X-CSRF-Token'] = session.csrf;
  if (asked.body !== undefined) headers['Content-Type'] = 'application/json';

  let response: Response;
  try {
    response = await fetch(`${BASE}${path}${text ? `?${text}` : ''}`, {
      method,
      headers,
      credentials: 'same-origin',
      body: asked.body === undefined ? undefined : JSON.stringify(asked.body),
      signal: asked.signal,
      keepalive: asked.keepalive,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem({ code: 'network', status: 0 });
  }

  if (response.status === 401 && path !== '/session') {
    const again = signInAgain();
    if (again) {
      await again; // the person signs in over the page; nothing they typed is lost
      return call<T>(method, path, asked);
    }
  }
  if (!response.ok) throw new Problem(await readProblem(response));
  const data = response.status === 204 ? undefined : await response.json();
  return { data: data as T, etag: response.headers.get('ETag') };
}

async function readProblem(response: Response): Promise<ProblemBody> {
  const fallback: ProblemBody = { code: `http_${response.status}`, status: response.status };
  try {
    const body = (await response.json()) as Partial<ProblemBody>;
    return { ...fallback, ...body, code: body.code ?? fallback.code, status: response.status };
  } catch {
    return fallback;
  }
}

const enc = encodeURIComponent;
export const api = {
  get: async <T>(path: string, query?: Asked['query'], signal?: AbortSignal) =>
    (await call<T>('GET', path, { query, signal })).data,
  post: async <T>(path: string, body: unknown, headers?: Record<string, string>) =>
    (await call<T>('POST', path, { body, headers })).data,
  patch: async <T>(path: string, body: unknown, version: number) =>
    (await call<T>('PATCH', path, { body, headers: { 'If-Match': `"${version}"` } })).data,
  remove: async (path: string, version: number, keepalive = false) => {
    await call<void>('DELETE', path, { headers: { 'If-Match': `"${version}"` }, keepalive });
  },
  record: (object: string, id?: string) => `/records/${enc(object)}${id === undefined ? '' : `/${enc(id)}`}`,
};
