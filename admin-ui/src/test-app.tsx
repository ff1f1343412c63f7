import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { render } from '@testing-library/react';
import { vi } from 'vitest';
import { createFake } from '../dev/fake.mjs';
import { session } from './api/client';
import { makeQueryClient } from './app/query-client';
import { makeRouter } from './app/router';
import { startLanguage, switchLanguage } from './i18n/language';

type Asked = {
  method: string;
  path: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  body?: unknown;
};
type Answer = { status: number; body?: unknown; raw?: string | Uint8Array; headers: Record<string, string> };

/** The whole application at one address, with the fake server behind `fetch`. */
export async function openApp(
  path: string,
  options: { signedIn?: boolean; before?: (asked: Asked) => Answer | undefined } = {},
) {
  await startLanguage();
  await switchLanguage('zh-CN', false);
  session.known = false;
  session.csrf = null;
  const fake = createFake({ signedIn: options.signedIn ?? true, now: new Date('2026-11-22T08:00:00Z') });
  const asked: Asked[] = [];
  let cookie = '';
  vi.stubGlobal('fetch', async (address: string, init: RequestInit) => {
    const url = new URL(address, 'http://localhost');
    const headers: Record<string, string> = { cookie };
    new Headers(init.headers).forEach((value, name) => {
      headers[name] = value;
    });
    const request: Asked = {
      method: init.method ?? 'GET',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers,
      body: init.body ? JSON.parse(String(init.body)) : undefined,
    };
    asked.push(request);
    const answer: Answer = options.before?.(request) ?? fake.handle(request);
    cookie = answer.headers?.['Set-Cookie'] ?? cookie;
    const text = answer.raw === undefined ? JSON.stringify(answer.body) : String(answer.raw);
    return new Response(answer.status === 204 ? null : text, { status: answer.status, headers: answer.headers });
  });
  vi.stubGlobal('XMLHttpRequest', uploader(fake.handle, asked, options.before));
  const history = createMemoryHistory({ initialEntries: [path] });
  const router = makeRouter(history);
  const client = makeQueryClient();
  render(
    <QueryClientProvider client={client}>
      <RouterProvider router={router} />
    </QueryClientProvider>,
  );
  return { fake, asked, router, client };
}

type Before = ((asked: Asked) => Answer | undefined) | undefined;

/** What `upload` needs of XMLHttpRequest: one file goes to the fake server, with its progress on the way. */
function uploader(handle: (asked: Asked & { raw: string }) => Answer, asked: Asked[], before: Before) {
  return class {
    upload: { onprogress?: (event: { lengthComputable: boolean; loaded: number; total: number }) => void } = {};
    status = 0;
    responseText = '';
    onload?: () => void;
    onabort?: () => void;
    private method = '';
    private url = new URL('http://localhost');
    private headers: Record<string, string> = {};
    open(method: string, address: string) {
      this.method = method;
      this.url = new URL(address, 'http://localhost');
    }
    setRequestHeader(name: string, value: string) {
      this.headers[name.toLowerCase()] = value;
    }
    abort() {
      this.onabort?.();
    }
    async send(file: Blob) {
      const raw = await new Promise<string>((done) => {
        const reader = new FileReader();
        reader.onload = () => done(String(reader.result));
        reader.readAsText(file);
      });
      this.upload.onprogress?.({ lengthComputable: true, loaded: file.size, total: file.size });
      const request = {
        method: this.method,
        path: this.url.pathname,
        query: Object.fromEntries(this.url.searchParams),
        headers: this.headers,
      };
      asked.push(request);
      const answer = before?.(request) ?? handle({ ...request, raw });
      this.status = answer.status;
      this.responseText = answer.body === undefined ? '' : JSON.stringify(answer.body);
      this.onload?.();
    }
  };
}
