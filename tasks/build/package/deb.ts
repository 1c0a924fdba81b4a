import { createHash } from 'node:crypto';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';
import { requireSafe, type PackageName } from './names.js';
import { copyTree, listTree, settleTree, type Entry } from './tree.js';

/** Debian packages. */

export interface DebInput extends PackageName {
  summary: string;
  /** Further lines of the description. */
  description: string;
  section: string;
  /** Staged root. */
  root: string;
  /** New place of a file, or undefined to leave it out. */
  place?: (path: string, type: Entry['type']) => string | undefined;
  /** Control fields beside the usual ones: Depends, Conflicts, … */
  fields?: Record<string, string>;
  /** Maintainer scripts by name: postinst, postrm. */
  scripts?: Record<string, string>;
  /** Seconds since 1970. */
  epoch: number;
  work: string;
  log?: StageLog;
}

function controlText(input: DebInput, entries: readonly Entry[]): string {
  const kib = entries.reduce((sum, { size }) => sum + Math.max(1, Math.ceil(size / 1024)), 0);
  const fields: Record<string, string> = {
    Package: input.name,
    Version: `${input.version}-${input.release}`,
    Architecture: 'amd64',
    Maintainer: 'build-kernel <build-kernel@localhost>',
    'Installed-Size': String(kib),
    Section: input.section,
    Priority: 'optional',
    ...input.fields,
    // A blank line of a description is written as a dot.
    Description: [input.summary, ...input.description.split('\n').map((line) => ` ${line === '' ? '.' : line}`)].join('\n'),
  };
  return Object.entries(fields).map(([name, value]) => `${name}: ${value}\n`).join('');
}

async function md5sums(root: string, entries: readonly Entry[]): Promise<string> {
  let text = '';
  for (const { path, type } of entries) {
    if (type === 'file') text += `${createHash('md5').update(await readFile(join(root, path))).digest('hex')}  ${path}\n`;
  }
  return text;
}

/**
 * Builds one deb.
 * @returns its path, below the scratch folder
 * @throws ExpectedError package (dpkg-deb failed), environment (no dpkg-deb)
 */
export async function buildDeb(input: DebInput): Promise<string> {
  const root = join(input.work, 'deb', input.name);
  await copyTree(input.root, root, input.place);
  const entries = await listTree(root);
  const control = join(root, 'DEBIAN');
  await mkdir(control);
  await writeFile(join(control, 'control'), controlText(input, entries));
  await writeFile(join(control, 'md5sums'), await md5sums(root, entries));
  const conffiles = entries.filter(({ path, type }) => type === 'file' && path.startsWith('etc/'));
  if (conffiles.length > 0) await writeFile(join(control, 'conffiles'), conffiles.map(({ path }) => `/${path}\n`).join(''));
  for (const [name, text] of Object.entries(input.scripts ?? {})) {
    await writeFile(join(control, name), text);
    await chmod(join(control, name), 0o755);
  }
  await settleTree(root, input.epoch);
  const file = join(input.work, 'deb', `${requireSafe('package name', input.name)}_${input.version}-${input.release}_amd64.deb`);
  // One thread: xz cuts its input into blocks when it has several, and the bytes would depend on the machine.
  await run(['dpkg-deb', '--root-owner-group', '-Zxz', '-z6', '--build', root, file], {
    env: { SOURCE_DATE_EPOCH: String(input.epoch), DPKG_DEB_THREADS_MAX: '1' },
    log: input.log,
    fail: { code: 'package', what: `dpkg-deb failed for ${input.name}.` },
  });
  return file;
}
