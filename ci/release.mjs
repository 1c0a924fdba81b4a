#!/usr/bin/env zx
// Packs a release: the npm package with its bill of materials, the notes of its version, SHA256SUMS. Publishes nothing.
// Usage: zx ci/release.mjs [FOLDER]      (default: release)
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { positional, root, usage, words } from './lib/script.mjs';

$.verbose = false;
const folder = resolve(positional(words('release.mjs').own, [], 'usage: zx ci/release.mjs [FOLDER]')[0] ?? 'release');
// It is emptied first: only what an earlier release was packed into.
const ours = /^(build-kernel-.*\.(tgz|cdx\.json)|NOTES\.md|SHA256SUMS)$/;
const strange = existsSync(folder) ? readdirSync(folder).filter((name) => !ours.test(name)) : [];
if (strange.length > 0) usage(`${folder} holds something else than a release (${strange.slice(0, 3).join(', ')}): it is not emptied. Name another folder.`);
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The changelog's section of this version; of what is not released yet while the version has none. */
function notes() {
  const sections = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /m).slice(1);
  const section = sections.find((text) => text.startsWith(version)) ?? sections.find((text) => text.startsWith('Unreleased'));
  if (section === undefined) throw new Error(`CHANGELOG.md has no section for ${version}`);
  return `## ${section.trimEnd()}\n`;
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await $({ cwd: root })`npm pack --silent --pack-destination ${folder}`;
// npm's own: every package that an installation brings, with licence and digest.
const { stdout } = await $({ cwd: root })`npm sbom --omit=dev --sbom-format=cyclonedx`;
const bom = JSON.parse(stdout);
// npm names the checkout's folder.
bom.metadata.component.name = 'build-kernel';
writeFileSync(join(folder, `build-kernel-${version}.cdx.json`), `${JSON.stringify(bom, null, 2)}\n`);
writeFileSync(join(folder, 'NOTES.md'), notes());
const sums = readdirSync(folder).sort().map((name) => `${createHash('sha256').update(readFileSync(join(folder, name))).digest('hex')}  ${name}\n`);
writeFileSync(join(folder, 'SHA256SUMS'), sums.join(''));
process.stdout.write(`${sums.join('')}`);
