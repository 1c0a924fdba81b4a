#!/usr/bin/env node
// Lint, types, both test projects, the fast one on the current Node LTS too, a release pack; what each took; ends with the
// plain line "N passed, N failed" that CI systems read.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const scratch = mkdtempSync(join(tmpdir(), 'bk-test-'));
let passed = 0;
let failed = 0;
let skipped = 0;

const took = [];
function step(title, args) {
  process.stdout.write(`\n== ${title}\n`);
  const started = Date.now();
  const ok = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
  took.push({ title, ok, seconds: (Date.now() - started) / 1000 });
  return ok;
}
function check(title, args) {
  if (step(title, args)) passed += 1;
  else failed += 1;
}

check('lint', ['node_modules/eslint/bin/eslint.js', '.']);
check('types', ['node_modules/typescript/bin/tsc', '--noEmit']);
for (const project of ['fast', 'slow']) {
  const report = join(scratch, `${project}.json`);
  const ok = step(`tests: ${project}`, ['node_modules/vitest/vitest.mjs', 'run', '--project', project, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)]);
  try {
    const { numPassedTests, numFailedTests, numPendingTests = 0, numTodoTests = 0 } = JSON.parse(readFileSync(report, 'utf8'));
    passed += numPassedTests;
    failed += numFailedTests;
    skipped += numPendingTests + numTodoTests;
    // A file that cannot be loaded fails without a failed test.
    if (!ok && numFailedTests === 0) failed += 1;
  } catch {
    failed += 1;
  }
}
// What a vitest filter was given for is not for these.
if (process.argv.length === 2) {
  const zx = 'node_modules/zx/build/cli.js';
  check('tests: fast, Node 24', [zx, 'ci/node-matrix.mjs', '24']);
  check('release pack', [zx, 'ci/release.mjs', join(scratch, 'release')]);
}
process.stdout.write('\nSeconds by stage:\n');
for (const { title, ok, seconds } of took) process.stdout.write(`  ${title.padEnd(24)} ${seconds.toFixed(0).padStart(6)}${ok ? '' : '   failed'}\n`);
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(failed === 0 ? 0 : 1);
