#!/usr/bin/env zx
// Builds several flavours one after the other and says what became of each; one that fails does not stop the others.
// Usage: zx ci/matrix.mjs [FLAVOUR…] [-- OPTIONS OF build-kernel …]      (default: every flavour that can be built)
//        zx ci/matrix.mjs --list                                        the flavours as a JSON array, for a CI system's own matrix
// Writes OUT/matrix.json and OUT/matrix.junit.xml (OUT: --out, default artifacts). Exit status 1 when a build failed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

$.verbose = false;
const cli = resolve(import.meta.dirname, '../dist/cli.js');
const words = process.argv.slice(process.argv.findIndex((arg) => arg.endsWith('matrix.mjs')) + 1);
const split = words.indexOf('--') === -1 ? words.length : words.indexOf('--');
const options = words.slice(split + 1);
const out = resolve(options[options.indexOf('--out') + 1 || options.length] ?? 'artifacts');

async function all() {
  const { flavours } = JSON.parse((await $`node ${cli} list --json`).stdout);
  return flavours.filter(({ kind }) => kind === 'flavour').map(({ name }) => name);
}
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

if (words[0] === '--list') {
  process.stdout.write(`${JSON.stringify(await all())}\n`);
} else {
  const rows = [];
  for (const flavour of split > 0 ? words.slice(0, split) : await all()) {
    const started = Date.now();
    // Progress on standard error, the result as one document.
    const { stdout, exitCode } = await $({ nothrow: true, stdio: ['ignore', 'pipe', 'inherit'] })`node ${cli} ${flavour} --json ${options}`;
    const document = JSON.parse(stdout);
    const row = { flavour, ok: exitCode === 0, status: exitCode, seconds: Math.round((Date.now() - started) / 1000), ...document };
    rows.push(row);
    process.stdout.write(`${row.ok ? 'ok  ' : 'FAIL'}  ${flavour.padEnd(20)} ${String(row.seconds).padStart(5)} s  ${row.ok ? row.artifact : row.error.what}\n`);
  }
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'matrix.json'), `${JSON.stringify(rows, null, 2)}\n`);
  const cases = rows.map(({ flavour, ok, seconds, error }) => {
    const failure = ok ? '' : `<failure message="${escape(error.what)}">${escape([error.why, error.fix].filter(Boolean).join('\n'))}</failure>`;
    return `  <testcase classname="build" name="${escape(flavour)}" time="${String(seconds)}">${failure}</testcase>`;
  });
  writeFileSync(join(out, 'matrix.junit.xml'), `<?xml version="1.0" encoding="UTF-8"?>\n<testsuite name="build-kernel matrix" tests="${String(rows.length)}" failures="${String(rows.filter(({ ok }) => !ok).length)}">\n${cases.join('\n')}\n</testsuite>\n`);
  process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;
}
