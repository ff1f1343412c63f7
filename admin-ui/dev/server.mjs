// `npm run dev:fake`: the fake server on 127.0.0.1:8080, with the built UI when dist exists.
// User admin, password packwork.
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { createFake } from './fake.mjs';

const port = Number(process.env.PORT ?? 8080);
const dist = new URL('../dist', import.meta.url).pathname;
const fake = createFake();
const types = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
};
const csp =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'";

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://fake');
  if (url.pathname.startsWith('/api/')) {
    let text = '';
    for await (const chunk of request) text += chunk;
    const answer = fake.handle({
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: text ? JSON.parse(text) : undefined,
    });
    await new Promise((done) => setTimeout(done, 60));
    response.writeHead(answer.status, {
      'Content-Type': answer.status >= 400 ? 'application/problem+json' : 'application/json',
      ...answer.headers,
    });
    response.end(answer.status === 204 ? undefined : JSON.stringify(answer.body));
    return;
  }
  const asked = normalize(url.pathname);
  const path = extname(asked) && existsSync(join(dist, asked)) ? asked : extname(asked) ? null : '/index.html';
  if (!path) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'Content-Type': types[extname(path)] ?? 'application/octet-stream',
    'Content-Security-Policy': csp,
    'Cache-Control': 'no-cache',
  });
  response.end(readFileSync(join(dist, path)));
}).listen(port, '127.0.0.1', () => console.log(`fake server on http://127.0.0.1:${port}`));
