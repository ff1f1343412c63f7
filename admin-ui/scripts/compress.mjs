// Writes .br and .gz beside every text asset of dist, so the server compresses nothing at run time.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const dist = new URL('../dist', import.meta.url).pathname;
const quality = Number(process.env.BROTLI_QUALITY ?? 9);
const text = new Set(['.js', '.css', '.html', '.svg', '.json', '.txt']);
let files = 0;

for (const name of readdirSync(dist, { recursive: true })) {
  const path = join(dist, String(name));
  if (!statSync(path).isFile() || !text.has(extname(path))) continue;
  const bytes = readFileSync(path);
  if (bytes.length < 256) continue;
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: quality } }));
  files += 1;
}
console.log(`compressed ${files} files (brotli ${quality}, gzip 9)`);
