import i18next from 'i18next';
import type { ProblemBody } from './contract/shared';

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
};
export type Reply<T> = { data: T; etag: string | null };

function address(path: string, asked: Asked['query'] = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    if (value !== undefined && value !== null && value !== '') query.set(name, String(value));
  }
  const text = query.toString();
  return `${BASE}${path}${text ? `?${text}` : ''}`;
}

const common = () => ({ Accept: 'application/json', 'Accept-Language': i18next.language || 'zh-CN' });

/** One request; when the session ended meanwhile the person signs in over the page and it is sent again. */
async function send(method: string, path: string, asked: Asked, accept?: string): Promise<Response> {
  const headers: Record<string, string> = { ...common(), ...asked.headers };
  if (accept) headers.Accept = accept;
  if (method !== 'GET' && session.csrf) headers['X-CSRF-Token'] = session.csrf;
  if (asked.body !== undefined) headers['Content-Type'] = 'application/json';

  let response: Response;
  try {
    response = await fetch(address(path, asked.query), {
      method,
      headers,
      credentials: 'same-origin',
      body: asked.body === undefined ? undefined : JSON.stringify(asked.body),
      signal: asked.signal,
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new Problem({ code: 'network', status: 0 });
  }
  if (response.status === 401 && path !== '/session') {
    const again = signInAgain();
    if (again) {
      await again; // nothing they typed is lost
      return send(method, path, asked, accept);
    }
  }
  return response;
}

export async function call<T>(method: string, path: string, asked: Asked = {}): Promise<Reply<T>> {
  const response = await send(method, path, asked);
  if (!response.ok) throw new Problem(problemOf(response.status, await response.text()));
  const text = await response.text();
  const data = text === '' ? undefined : JSON.parse(text);
  return { data: data as T, etag: response.headers.get('ETag') };
}

function problemOf(status: number, text: string): ProblemBody {
  const fallback: ProblemBody = { code: `http_${status}`, status };
  try {
    const body = JSON.parse(text) as Partial<ProblemBody>;
    return { ...fallback, ...body, code: body.code ?? fallback.code, status };
  } catch {
    return fallback;
  }
}

/** Sends a file as it is and tells how much has left. `fetch` cannot tell that, so this is XMLHttpRequest. */
export function upload<T>(
  path: string,
  query: Record<string, string | undefined>,
  file: Blob,
  on: { progress?: (ratio: number) => void; signal?: AbortSignal } = {},
): Promise<T> {
  return new Promise<T>((done, fail) => {
    const request = new XMLHttpRequest();
    request.open('POST', address(path, query));
    for (const [name, value] of Object.entries(common())) request.setRequestHeader(name, value);
    if (session.csrf) request.setRequestHeader('X-CSRF-Token', session.csrf);
    request.setRequestHeader('Content-Type', file.type || 'application/octet-stream');
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total > 0) on.progress?.(event.loaded / event.total);
    };
    request.onload = () => {
      if (request.status >= 200 && request.status < 300) {
        done((request.responseText ? JSON.parse(request.responseText) : undefined) as T);
        return;
      }
      const again = request.status === 401 ? signInAgain() : null;
      if (again) again.then(() => upload<T>(path, query, file, on)).then(done, fail);
      else fail(new Problem(problemOf(request.status, request.responseText)));
    };
    request.onerror = () => fail(new Problem({ code: 'network', status: 0 }));
    request.onabort = () => fail(new DOMException('stopped', 'AbortError'));
    on.signal?.addEventListener('abort', () => request.abort(), { once: true });
    request.send(file);
  });
}

/** Asks for a file and hands it to the browser as a download; tells how many bytes have come. */
export async function download(
  method: 'GET' | 'POST',
  path: string,
  asked: {
    query?: Asked['query'];
    body?: unknown;
    name: string;
    progress?: (bytes: number) => void;
    signal?: AbortSignal;
  },
): Promise<void> {
  const response = await send(method, path, asked, '*/*');
  if (!response.ok) throw new Problem(problemOf(response.status, await response.text()));
  const reader = response.body?.getReader();
  const parts: BlobPart[] = [];
  let bytes = 0;
  while (reader) {
    const { value, done } = await reader.read().catch((error: unknown) => {
      if (asked.signal?.aborted) throw error;
      throw new Problem({ code: 'download_broken', status: 0 });
    });
    if (done) break;
    parts.push(value);
    bytes += value.byteLength;
    asked.progress?.(bytes);
  }
  const type = response.headers.get('Content-Type') ?? 'application/octet-stream';
  offer(new Blob(parts, { type }), fileName(response.headers.get('Content-Disposition')) ?? asked.name);
}

function fileName(disposition: string | null): string | null {
  const encoded = /filename\*=(?:UTF-8'')([^;]+)/i.exec(disposition ?? '')?.[1];
  try {
    if (encoded) return decodeURIComponent(encoded);
  } catch {
    // a name that cannot be read is not used
  }
  return /filename="?([^";]+)"?/i.exec(disposition ?? '')?.[1] ?? null;
}

function offer(blob: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const enc = encodeURIComponent;
export const api = {
  get: async <T>(path: string, query?: Asked['query'], signal?: AbortSignal) =>
    (await call<T>('GET', path, { query, signal })).data,
  post: async <T>(path: string, body: unknown, headers?: Record<string, string>, query?: Asked['query']) =>
    (await call<T>('POST', path, { body, headers, query })).data,
  /** A question that needs a body; it changes nothing. */
  ask: async <T>(path: string, body: unknown, signal?: AbortSignal) =>
    (await call<T>('POST', path, { body, signal })).data,
  patch: async <T>(path: string, body: unknown, version?: number) =>
    (await call<T>('PATCH', path, { body, headers: version === undefined ? {} : { 'If-Match': `"${version}"` } })).data,
  remove: async (path: string, version?: number) => {
    await call<void>('DELETE', path, version === undefined ? {} : { headers: { 'If-Match': `"${version}"` } });
  },
  record: (object: string, id?: string) => `/records/${enc(object)}${id === undefined ? '' : `/${enc(id)}`}`,
};
