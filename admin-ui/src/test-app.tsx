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
type Answer = { status: number; body?: unknown; headers: Record<string, string> };

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
    return new Response(answer.status === 204 ? null : JSON.stringify(answer.body), {
      status: answer.status,
      headers: answer.headers,
    });
  });
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
