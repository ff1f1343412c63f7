// Runs the checks and the tests, and closes with one plain line: N passed, N failed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('../', import.meta.url).pathname;
const scratch = mkdtempSync(join(tmpdir(), 'packwork-ui-'));
const report = join(scratch, 'vitest.json');
let passed = 0;
let failed = 0;

function step(name, command, args) {
  const { status } = spawnSync(join(root, 'node_modules/.bin', command), args, { cwd: root, stdio: 'inherit' });
  console.log(`${status === 0 ? 'pass' : 'FAIL'} ${name}`);
  return status === 0;
}
for (const [name, command, args] of [
  ['types (tsc)', 'tsc', ['--noEmit']],
  ['format and lint (biome)', 'biome', ['check', '.']],
]) {
  if (step(name, command, args)) passed += 1;
  else failed += 1;
}
const ran = step('unit and component tests (vitest)', 'vitest', [
  'run',
  '--reporter=default',
  '--reporter=json',
  `--outputFile.json=${report}`,
]);
try {
  const result = JSON.parse(readFileSync(report, 'utf8'));
  passed += result.numPassedTests;
  failed += result.numFailedTests;
  if (!ran && result.numFailedTests === 0) failed += 1;
} catch {
  failed += 1;
}
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
