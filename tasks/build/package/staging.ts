import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { depmodStaged } from './depmod.js';
import { copyTree, listTree, settleTree, type Entry } from './tree.js';

/** Staged roots of the packages: the compile and tools stages' roots, cleaned, with depmod done and one time for all. */

export interface Staged {
  root: string;
  entries: Entry[];
}

/** The folder of links to the build machine that modules_install leaves. */
const BUILD_LINKS = ['build', 'source'];

/**
 * Stages the kernel: boot/ and lib/modules/RELEASE, nothing else. Firmware that the kernel's own source brings goes
 * to lib/firmware/RELEASE, which hosts search before lib/firmware and which belongs to no other package.
 * @throws ExpectedError package: the root is not whole, or modules need symbols that do not exist
 */
export async function stageKernel(from: string, to: string, release: string, epoch: number, log?: StageLog): Promise<Staged> {
  for (const path of [`boot/vmlinuz-${release}`, `boot/System.map-${release}`, `boot/config-${release}`, `lib/modules/${release}`]) {
    if (!(await exists(join(from, path)))) {
      throw new ExpectedError({ code: 'package', what: `The compiled kernel has no ${path}.`, why: `looked in ${from}`, fix: 'Compile again: build-kernel clean FLAVOUR, then build it.' });
    }
  }
  const modules = `lib/modules/${release}`;
  const wanted = ['boot', 'lib', 'lib/modules', modules];
  await copyTree(from, to, (path) => {
    if (BUILD_LINKS.some((name) => path === `${modules}/${name}`)) return undefined;
    if (wanted.includes(path) || path.startsWith(`${modules}/`)) return path;
    if (/^boot\/(vmlinuz|System\.map|config)-/.test(path) && path.endsWith(`-${release}`)) return path;
    if (path === 'lib/firmware') return path;
    if (path.startsWith('lib/firmware/')) return path.replace('lib/firmware/', path.startsWith(`lib/firmware/${release}`) ? 'lib/firmware/' : `lib/firmware/${release}/`);
    return undefined;
  });
  await depmodStaged(to, release, log);
  await settleTree(to, epoch);
  return { root: to, entries: await listTree(to) };
}

/** Stages replacement modules: lib/modules/RELEASE/updates, nothing else. depmod runs on the host, over the kernel's own. */
export async function stageModules(from: string, to: string, release: string, epoch: number): Promise<Staged> {
  const updates = `lib/modules/${release}/updates`;
  if (!(await exists(join(from, updates)))) {
    throw new ExpectedError({ code: 'package', what: `The compiled modules have no ${updates}.`, why: `looked in ${from}`, fix: 'Compile again: build-kernel clean FLAVOUR, then build it.' });
  }
  await copyTree(from, to, (path) => (updates.startsWith(path) || path.startsWith(`${updates}/`) ? path : undefined));
  await settleTree(to, epoch);
  return { root: to, entries: await listTree(to) };
}

/** Stages one variant of the tools as they are. */
export async function stageTools(from: string, to: string, epoch: number): Promise<Staged> {
  await copyTree(from, to);
  await settleTree(to, epoch);
  return { root: to, entries: await listTree(to) };
}

export interface InitScripts {
  /** `chkconfig --add` registers these and leaves them off. */
  register: string[];
  /** Packaged but not registered, and why. */
  left: { name: string; why: string }[];
}

/**
 * The init scripts of staged tools. Registering must switch nothing on: upstream's iptables script, which says 2345,
 * would load rules at the next boot that nobody has looked at.
 */
export async function initScripts({ root, entries }: Staged): Promise<InitScripts> {
  const scripts: InitScripts = { register: [], left: [] };
  for (const { path, type } of entries) {
    const name = /^etc\/(?:rc\.d\/)?init\.d\/([^/]+)$/.exec(path)?.[1];
    if (name === undefined || type === 'dir') continue;
    const line = /^#\s*chkconfig:\s*(\S+)\s+\d+\s+\d+/m.exec(await readFile(join(root, path), 'utf8'));
    if (line?.[1] === '-') scripts.register.push(name);
    else scripts.left.push({ name, why: line ? `"${line[0]}" would switch it on` : 'it has no "# chkconfig:" line' });
  }
  return scripts;
}
