// Fails when what a first page loads, or one route adds, weighs more than budgets.json allows.
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const root = new URL('../', import.meta.url).pathname;
const budgets = JSON.parse(readFileSync(`${root}budgets.json`, 'utf8'));
const manifest = JSON.parse(readFileSync(`${root}dist/.vite/manifest.json`, 'utf8'));
const size = (file) => gzipSync(readFileSync(`${root}dist/${file}`), { level: 9 }).length;

/** Every file that `key` needs before it can run, without what `without` already holds. */
function files(key, without = new Set(), seen = new Set()) {
  const chunk = manifest[key];
  for (const file of [chunk.file, ...(chunk.css ?? [])]) if (!without.has(file)) seen.add(file);
  for (const next of chunk.imports ?? []) files(next, without, seen);
  return seen;
}
const total = (set) => [...set].reduce((sum, file) => sum + size(file), 0);

const entry = Object.keys(manifest).find((key) => manifest[key].isEntry);
const initial = files(entry);
// The language in use is loaded before the first paint, so it counts as initial.
const language = Object.keys(manifest).find((key) => key.endsWith('i18n/load-zh-CN.ts'));
for (const file of files(language)) initial.add(file);
let failed = 0;
const report = (name, bytes, limit) => {
  const over = bytes > limit;
  if (over) failed += 1;
  console.log(`${over ? 'OVER' : 'ok  '} ${name}: ${bytes} of ${limit}`);
};
report('initial js+css', total(initial), budgets.initial);
report('initial requests (with index.html, favicon, me)', initial.size + 3, budgets.requests_initial);
for (const key of Object.keys(manifest)) {
  const chunk = manifest[key];
  if (!chunk.isDynamicEntry || key === language) continue;
  const extra = total(files(key, initial));
  const charts = key.includes('ui/charts');
  report(key, extra, charts ? budgets.charts : budgets.route);
}
process.exit(failed ? 1 : 0);
