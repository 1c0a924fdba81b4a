import { copyFile, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import { fetchFirst, tarballOf, type Fetch } from '../../lib/fetch/alternatives.js';
import { unpackTar } from '../../lib/archive.js';
import { withLock } from '../../lib/lock.js';
import type { StageLog } from '../../lib/log.js';
import { linkKernelHeaders, MUSL_CC, muslIdentity } from '../../lib/musl.js';
import { packageRoot } from '../../lib/paths.js';
import type { SourceSpec } from '../../lib/sources.js';

/**
 * What runs in every guest: a static busybox and our own static program (agent and traffic), both built with musl once
 * and kept in the cache. Static and musl: they run on 2.6.32 as on today's kernels.
 */

const SOURCES: SourceSpec[] = [
  { kind: 'apt', package: 'busybox', source: true },
  {
    kind: 'file',
    name: 'busybox-1.36.1.tar.bz2',
    urls: ['https://busybox.net/downloads/busybox-1.36.1.tar.bz2'],
    sha256: 'b8cc24c9574d809e7279c3be349795c5d5ceb6fdf19ca709f80cde50e47de314',
  },
];

/** Symbols of busybox's defconfig that differ: static, and without what needs headers that musl lacks. */
const BUSYBOX_CONFIG: Record<string, string> = {
  CONFIG_STATIC: 'y',
  // Kernel headers of today have lost what tc needs; guests use none of these three.
  CONFIG_TC: 'n',
  CONFIG_SELINUX: 'n',
  CONFIG_PAM: 'n',
  // Scripts find our own ip and ping by PATH, not busybox's inside its shell.
  CONFIG_FEATURE_SH_STANDALONE: 'n',
  CONFIG_FEATURE_PREFER_APPLETS: 'n',
};

const GUEST_SOURCES = join(packageRoot, 'templates', 'guest');

export interface Userland {
  /** busybox, static. */
  busybox: string;
  /** The agent and traffic program, static. */
  traffic: string;
}

export interface UserlandInput {
  cacheDir: string;
  fetch: Fetch;
  jobs: number;
  log?: StageLog;
  progress?: (text: string) => void;
}

/** Runs `build` into a folder of the cache unless it is there already; it appears whole or not at all. */
async function cached(input: UserlandInput, name: string, key: string, build: (folder: string) => Promise<void>): Promise<string> {
  const folder = join(input.cacheDir, 'guest', `${name}-${key.slice(0, 24)}`);
  if (await exists(folder)) return folder;
  return withLock(
    join(input.cacheDir, 'locks', `guest-${name}.lock`),
    `${name} for guests in the cache`,
    async () => {
      if (await exists(folder)) return folder;
      const part = `${folder}.part`;
      await remove(part);
      await mkdir(part, { recursive: true });
      await build(part);
      await rename(part, folder);
      return folder;
    },
    1_800_000,
  );
}

async function buildBusybox(archive: string, headers: string, into: string, input: UserlandInput): Promise<void> {
  const { log, jobs } = input;
  const tree = join(into, 'src');
  await unpackTar(archive, tree, log);
  const cc = `CC=${MUSL_CC} -idirafter ${headers}`;
  const make = async (...args: string[]): Promise<void> => {
    await run(['make', '-C', tree, cc, ...args], {
      log,
      discard: true,
      fail: { code: 'environment', what: 'busybox does not build with musl-gcc.', fix: 'See the log; build-kernel doctor --for verify names what is missing.' },
    });
  };
  await make('defconfig');
  const config = join(tree, '.config');
  const symbols = new Set(Object.keys(BUSYBOX_CONFIG));
  const lines = (await readFile(config, 'utf8')).split('\n').filter((line) => !symbols.has(/CONFIG_\w+/.exec(line)?.[0] ?? ''));
  lines.push(...Object.entries(BUSYBOX_CONFIG).map(([symbol, value]) => (value === 'n' ? `# ${symbol} is not set` : `${symbol}=${value}`)), '');
  await writeFile(config, lines.join('\n'));
  await make(`-j${String(jobs)}`, 'busybox');
  await copyFile(join(tree, 'busybox'), join(into, 'busybox'));
  await remove(tree);
}

async function buildTraffic(headers: string, into: string, log?: StageLog): Promise<void> {
  const names = (await readdir(GUEST_SOURCES)).filter((name) => name.endsWith('.c')).sort();
  await run([MUSL_CC, '-std=gnu11', '-O2', '-static', '-s', '-idirafter', headers, '-o', join(into, 'traffic'), ...names.map((name) => join(GUEST_SOURCES, name))], {
    log,
    fail: { code: 'environment', what: "The guests' program does not compile.", fix: 'Install musl-tools (musl-gcc on rpm hosts); build-kernel doctor --install --for verify does.' },
  });
}

async function trafficKey(): Promise<string> {
  const names = (await readdir(GUEST_SOURCES)).sort();
  return digestOf(await Promise.all(names.map(async (name) => [name, sha256(await readFile(join(GUEST_SOURCES, name)))])));
}

/**
 * Builds what is not in the cache.
 * @throws ExpectedError environment (no musl-gcc), network, offline
 */
export async function ensureUserland(input: UserlandInput): Promise<Userland> {
  const { cacheDir, log } = input;
  const headers = join(cacheDir, 'guest', 'headers');
  if (!(await exists(join(headers, 'linux')))) await linkKernelHeaders(headers, log);
  const musl = await muslIdentity(headers, log);
  const traffic = await cached(input, 'traffic', digestOf([await trafficKey(), musl]), (into) => buildTraffic(headers, into, log));
  const tarball = await tarballOf(await fetchFirst('busybox', SOURCES, input.fetch));
  const busybox = await cached(input, 'busybox', digestOf([tarball.sha256, BUSYBOX_CONFIG, musl]), async (into) => {
    input.progress?.('building busybox with musl (once)');
    await buildBusybox(tarball.path, headers, into, input);
  });
  const found = { busybox: join(busybox, 'busybox'), traffic: join(traffic, 'traffic') };
  for (const path of Object.values(found)) {
    if (!(await exists(path))) throw new ExpectedError({ code: 'environment', what: `${path} is gone from the cache.`, fix: 'Run build-kernel cache --prune, then the same command again.' });
  }
  return found;
}
