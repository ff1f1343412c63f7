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

/** An import's progress as a stream, one step each half second. */
function events(path, request, response) {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  let n = 0;
  const timer = setInterval(() => {
    const { body } = fake.handle({ method: 'GET', path: path.replace(/\/events$/, ''), headers: request.headers });
    n += 1;
    response.write(`id: ${n}\nevent: progress\ndata: ${JSON.stringify(body)}\n\n`);
    if (!['planning', 'applying', 'reverting'].includes(body.status)) {
      clearInterval(timer);
      response.end();
    }
  }, 500);
  request.on('close', () => clearInterval(timer));
}

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://fake');
  if (url.pathname.startsWith('/api/')) {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const bytes = Buffer.concat(chunks);
    const json = (request.headers['content-type'] ?? '').includes('json');
    if (url.pathname.endsWith('/events')) {
      events(url.pathname, request, response);
      return;
    }
    const answer = fake.handle({
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headers: request.headers,
      body: json && bytes.length > 0 ? JSON.parse(bytes.toString('utf8')) : undefined,
      raw: json ? undefined : bytes,
    });
    await new Promise((done) => setTimeout(done, 60));
    response.writeHead(answer.status, {
      'Content-Type': answer.status >= 400 ? 'application/problem+json' : 'application/json',
      ...answer.headers,
    });
    response.end(answer.raw ?? (answer.status === 204 ? undefined : JSON.stringify(answer.body)));
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
