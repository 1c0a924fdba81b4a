#!/usr/bin/env zx
// Builds several flavours one after the other and says what became of each; one that fails does not stop the others.
// Usage: zx ci/matrix.mjs [FLAVOUR…] [-- OPTIONS OF build-kernel …]      (default: every flavour that can be built)
//        zx ci/matrix.mjs --list                                        the flavours as a JSON array, for a CI system's own matrix
//        zx ci/matrix.mjs --gitlab                                      a child pipeline with a job for each, for GitLab
// Writes OUT/matrix.json and OUT/matrix.junit.xml (OUT: --out, default artifacts). Exit status 1 when a build failed.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { answer, cli, junit, line, positional, words } from './lib/script.mjs';

$.verbose = false;
const { own, options } = words('matrix.mjs');
const out = resolve(options.find((option) => option.startsWith('--out='))?.slice('--out='.length) ?? options[options.indexOf('--out') + 1 || options.length] ?? process.env.BUILD_KERNEL_OUT ?? 'artifacts');
const flavours = positional(own, ['--list', '--gitlab'], 'usage: zx ci/matrix.mjs [FLAVOUR…] [-- OPTIONS OF build-kernel …], or --list, or --gitlab');

async function all() {
  const { flavours } = JSON.parse((await $`node ${cli} list --json`).stdout);
  return flavours.filter(({ kind }) => kind === 'flavour').map(({ name }) => name);
}

/** JSON is YAML too. */
const pipeline = (flavours) => ({
  include: [{ local: 'ci/gitlab/flavour.gitlab-ci.yml' }],
  ...Object.fromEntries(flavours.map((flavour) => [flavour, { extends: '.flavour', variables: { FLAVOUR: flavour } }])),
});

async function build(flavour) {
  const started = Date.now();
  // Progress on standard error, the result as one document.
  const ended = await $({ nothrow: true, stdio: ['ignore', 'pipe', 'inherit'] })`node ${cli} ${flavour} --json ${options}`;
  const said = answer(ended);
  const ok = ended.exitCode === 0 && said.error === undefined;
  const row = { flavour, ok, status: ended.exitCode ?? 1, seconds: Math.round((Date.now() - started) / 1000), ...(ok ? {} : { error: { what: 'it failed' } }), ...said };
  process.stdout.write(`${line(row.ok, flavour, row.seconds, row.ok ? row.artifact : row.error.what)}\n`);
  return row;
}

if (own.includes('--list')) process.stdout.write(`${JSON.stringify(await all())}\n`);
else if (own.includes('--gitlab')) process.stdout.write(`${JSON.stringify(pipeline(await all()), null, 2)}\n`);
else {
  const rows = [];
  for (const flavour of flavours.length > 0 ? flavours : await all()) rows.push(await build(flavour));
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, 'matrix.json'), `${JSON.stringify(rows, null, 2)}\n`);
  const failure = ({ what, why, fix }) => ({ message: what, text: [why, fix].filter(Boolean).join('\n') });
  const cases = rows.map(({ flavour, ok, seconds, error }) => ({ name: flavour, seconds, ...(ok ? {} : { failure: failure(error) }) }));
  writeFileSync(join(out, 'matrix.junit.xml'), junit('build-kernel matrix', cases));
  process.exitCode = rows.every(({ ok }) => ok) ? 0 : 1;
}
