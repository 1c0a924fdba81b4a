import { chmod, mkdtemp, stat, statfs, writeFile } from 'node:fs/promises';
import { totalmem, tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import semver from 'semver';
import { run } from '../lib/exec.js';
import { exists, remove } from '../lib/files.js';
import { oddCharacter } from '../lib/plain-path.js';
import { formatBytes } from '../lib/ui/format.js';
import type { Finding } from './findings.js';
import { findProgram } from './probes.js';
import type { Purpose } from './requirements.js';

/** What no package cures: disk, memory, file systems, versions. */

const GIB = 1024 ** 3;

/** Folders of a build. They need not exist yet. */
export interface Places {
  work: string;
  out: string;
  cache: string;
}

/**
 * Bytes that one build with the gateway configuration takes, estimated and rounded up: a pristine tree of 0.4 GiB and
 * its download in the cache; the patched tree (mostly hard links), objects and staged roots in the work folder.
 * A distribution's configuration with all its modules takes more.
 */
const SPACE: Record<keyof Places, number> = { work: 3 * GIB, cache: 1.5 * GIB, out: 0.5 * GIB };

const all: Purpose[] = ['kernel', 'tools', 'package', 'verify', 'test'];
const builds: Purpose[] = ['kernel', 'tools', 'package'];

/** The nearest folder above that exists. */
async function existing(path: string): Promise<string> {
  let at = resolve(path);
  while (!(await exists(at)) && dirname(at) !== at) at = dirname(at);
  return at;
}

function finding(id: string, purposes: Purpose[], why: string, problem: string | undefined, found: string, fix: string, bad: 'missing' | 'advice' = 'missing'): Finding {
  return problem === undefined ? { id, state: 'ok', detail: found, why, purposes } : { id, state: bad, detail: problem, why, purposes, fix };
}

/** Free space, added up for folders on one file system. */
export async function checkSpace(places: Places, space = SPACE): Promise<Finding[]> {
  const needs = new Map<number, { names: string[]; at: string; need: number; free: number }>();
  for (const name of ['work', 'cache', 'out'] as const) {
    const at = await existing(places[name]);
    const info = await statfs(at);
    const key = (await stat(at)).dev;
    const before = needs.get(key) ?? { names: [], at, need: 0, free: info.bavail * info.bsize };
    needs.set(key, { ...before, names: [...before.names, name], need: before.need + space[name] });
  }
  return [...needs.values()].map(({ names, at, need, free }) =>
    finding(
      `free space (${names.join(', ')})`,
      builds,
      'trees, objects and packages',
      free < need ? `${formatBytes(free)} free at ${at}, a build takes about ${formatBytes(need)}` : undefined,
      `${formatBytes(free)} at ${at}`,
      'Free some space, or name folders on another disk with --work, --cache and --out.',
    ),
  );
}

export function checkMemory(bytes: number = totalmem()): Finding {
  return finding(
    'memory',
    builds,
    'compiling',
    bytes < 0.9 * GIB ? `${formatBytes(bytes)}: the linker of a kernel may be killed` : undefined,
    formatBytes(bytes),
    'Add memory or swap, or build with --jobs 1.',
    'advice',
  );
}

/** Old kernels have files whose names differ in case only (xt_MARK.h, xt_mark.h). */
export async function checkCase(work: string): Promise<Finding> {
  const why = 'the kernel has files whose names differ in case only';
  const at = await existing(work);
  try {
    const dir = await mkdtemp(join(at, '.build-kernel-Case-'));
    try {
      await writeFile(join(dir, 'Case'), '');
      const same = await exists(join(dir, 'cASE'));
      return finding('case-sensitive work folder', ['kernel'], why, same ? `${at} does not tell upper from lower case` : undefined, at, 'Name a folder on a Linux file system with --work.');
    } finally {
      await remove(dir);
    }
  } catch {
    return finding('writable work folder', ['kernel'], 'everything is built there', `${at} cannot be written`, at, 'Name another folder with --work.');
  }
}

export function checkPath(work: string): Finding {
  const path = resolve(work);
  const bad = oddCharacter(path);
  return finding(
    'path of the work folder',
    ['kernel', 'tools', 'package'],
    'make and rpmbuild split or expand such paths',
    bad === undefined ? undefined : `${path} has a ${bad === ' ' ? 'blank' : JSON.stringify(bad)} in it`,
    path,
    'Name a folder with a plain path with --work.',
  );
}

/** A folder mounted noexec cannot run configure's test programs. */
export async function checkExec(name: string, folder: string): Promise<Finding> {
  const why = 'programs that were just built are run there';
  const at = await existing(folder);
  const fix = name === 'temporary folder' ? 'Set TMPDIR to a folder that is not mounted noexec.' : 'Name another folder with --work.';
  try {
    const dir = await mkdtemp(join(at, '.build-kernel-exec-'));
    try {
      const script = join(dir, 'try');
      await writeFile(script, '#!/bin/sh\nexit 0\n');
      await chmod(script, 0o755);
      const problem = await run([script]).then(() => undefined, () => `${at} is mounted noexec`);
      return finding(`${name} runs programs`, ['kernel', 'tools'], why, problem, at, fix);
    } finally {
      await remove(dir);
    }
  } catch {
    return finding(`${name} runs programs`, ['kernel', 'tools'], why, `${at} cannot be written`, at, fix);
  }
}

export function checkNode(version: string = process.versions.node): Finding {
  return finding('Node.js', all, 'this program', semver.gte(version, '20.0.0') ? undefined : `version ${version}, 20 or later is needed`, version, 'Install Node.js 20 or later.');
}

/** Versions with which kernels of 2.6.32 were built and booted. */
const PROVEN_GCC = '11 - 12';
const OLDEST_GCC = '4.4.0';

export async function checkGcc(cc = 'gcc'): Promise<Finding[]> {
  const gcc = await findProgram([cc]);
  if (gcc === undefined) return [];
  const { stdout } = await run([gcc, '-dumpfullversion', '-dumpversion'], { ok: [0, 1] });
  const version = semver.coerce(stdout.split('\n')[0])?.version ?? '0.0.0';
  const old = semver.lt(version, OLDEST_GCC);
  const problem = old ? `version ${version} is older than ${OLDEST_GCC}` : semver.satisfies(version, PROVEN_GCC) ? undefined : `version ${version}; gcc ${PROVEN_GCC} is proven`;
  return [finding('gcc version', ['kernel'], 'old kernels and new compilers', problem, version, 'If the build fails, name a proven one with --cc (gcc-12).', old ? 'missing' : 'advice')];
}

/** All checks of the machine. */
export async function checkMachine(places: Places): Promise<Finding[]> {
  const found = await Promise.all([
    [checkNode()],
    checkGcc(),
    [checkMemory()],
    checkSpace(places),
    [checkPath(places.work)],
    checkCase(places.work).then((one) => [one]),
    checkExec('temporary folder', tmpdir()).then((one) => [one]),
    checkExec('work folder', places.work).then((one) => [one]),
  ]);
  return found.flat();
}
