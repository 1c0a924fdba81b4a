#!/usr/bin/env zx
// A gateway's image as a job makes it: its artifact, the image (booted and checked), the complete corresponding source, sums
// and reports, all in one folder.
// Usage: zx ci/image.mjs GATEWAY.yaml OUTPUT [--into FOLDER] [--dry-run] [-- OPTIONS OF build-kernel image …]
//        OUTPUT: NAME.qcow2, NAME.img, NAME.tar, or NAME of an appliance's folder; in FOLDER (default: out)
// Writes FOLDER/{OUTPUT…, NAME-source.tar, reports/, junit.xml, SHA256SUMS}. Exit status: that of the step that failed, else 0.
import { createHash } from 'node:crypto';
import { createReadStream, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { shellQuote } from '../dist/lib/exec.js';
import { answer, cli, junit, positional, usage, words } from './lib/script.mjs';

$.verbose = false;
const { own, options } = words('image.mjs');
const USAGE = 'usage: zx ci/image.mjs GATEWAY.yaml OUTPUT [--into FOLDER] [--dry-run] [-- OPTIONS OF build-kernel image …]';
const into = own.includes('--into') ? own.splice(own.indexOf('--into'), 2)[1] : 'out';
const dry = own.includes('--dry-run');
const [gateway, output, ...more] = positional(own, ['--dry-run'], USAGE);
if (gateway === undefined || output === undefined || into === undefined || more.length > 0) usage(USAGE);

// Read even by --dry-run: it says which artifact there must be.
const checked = await $({ nothrow: true })`node ${cli} check ${gateway} --json`;
const spec = answer(checked);
if (spec.error) {
  process.stderr.write(`error: ${[spec.error.what, spec.error.why, spec.error.fix].filter(Boolean).join('\n  ')}\n`);
  process.exit(checked.exitCode || 1);
}
const name = [spec.flavour, ...spec.addons].join('+');
// Where gateway.yaml has it. One of another name was made elsewhere, and is taken as it is.
const { artifact } = spec;
const steps = [
  ...(basename(artifact) === name ? [['build', spec.flavour, ...spec.addons.flatMap((addon) => ['--with', addon]), '--out', dirname(artifact)]] : []),
  ['image', gateway, '--output', join(into, output), '--report', join(into, 'reports'), ...options],
  ['verify-artifact', artifact],
  ['verify-artifact', join(into, output)],
  ['source', artifact, '--file', join(into, `${name}-source.tar`)],
];

async function sha256(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}

/** Every file of the folder, by path. */
const files = () => readdirSync(into, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(into, join(entry.parentPath ?? entry.path, entry.name))).sort();

if (dry) {
  for (const args of steps) process.stdout.write(`build-kernel ${shellQuote(args)}\n`);
} else {
  mkdirSync(into, { recursive: true });
  const cases = [];
  for (const args of steps) {
    process.stderr.write(`\n$ build-kernel ${shellQuote(args)}\n`);
    const started = Date.now();
    const { exitCode } = await $({ nothrow: true, stdio: ['ignore', process.stderr, process.stderr] })`node ${cli} ${args}`;
    cases.push({ name: shellQuote(args.slice(0, 2)), seconds: (Date.now() - started) / 1000, ...(exitCode === 0 ? {} : { failure: { message: `build-kernel ${shellQuote(args)} ended with ${String(exitCode)}` } }) });
    process.exitCode = exitCode ?? 1;
    if (exitCode !== 0) break;
  }
  writeFileSync(join(into, 'junit.xml'), junit('build-kernel image', cases));
  const sums = [];
  for (const file of files().filter((path) => path !== 'SHA256SUMS')) sums.push(`${await sha256(join(into, file))}  ${file}\n`);
  writeFileSync(join(into, 'SHA256SUMS'), sums.join(''));
  process.stdout.write(sums.join(''));
}
