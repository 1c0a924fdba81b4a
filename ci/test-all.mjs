#!/usr/bin/env node
// Lint, types, both test projects; ends with the plain line "N passed, N failed" that CI systems read.
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

function step(title, args) {
  process.stdout.write(`\n== ${title}\n`);
  return spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' }).status === 0;
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
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`\n${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exit(failed === 0 ? 0 : 1);
