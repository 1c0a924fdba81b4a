import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackTar } from './archive.js';
import { digestOf } from './digest.js';
import { run } from './exec.js';
import { fetchFirst, tarballOf, type Fetch } from './fetch/alternatives.js';
import { exists, remove } from './files.js';
import { withLock } from './lock.js';
import type { StageLog } from './log.js';
import { linkKernelHeaders, MUSL_CC, muslIdentity } from './musl.js';
import { requirePlainPath } from './plain-path.js';
import type { SourceSpec } from './sources.js';

/** A static busybox, built with musl once and kept in the cache: it runs on 2.6.32 as on today's kernels. Guests and appliances live on it. */

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

export interface BusyboxInput {
  cacheDir: string;
  fetch: Fetch;
  jobs: number;
  log?: StageLog;
  progress?: (text: string) => void;
}

/** Runs `build` into a folder of the cache unless it is there already; it appears whole or not at all. */
export async function cachedBuild(input: Pick<BusyboxInput, 'cacheDir'>, name: string, key: string, build: (folder: string) => Promise<void>): Promise<string> {
  requirePlainPath(input.cacheDir, '--cache');
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

async function buildBusybox(archive: string, headers: string, into: string, input: BusyboxInput): Promise<void> {
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

/** Folder with links to this machine's kernel headers, which musl lacks. */
export async function kernelHeaders(cacheDir: string, log?: StageLog): Promise<string> {
  const headers = join(cacheDir, 'guest', 'headers');
  if (!(await exists(join(headers, 'linux')))) await linkKernelHeaders(headers, log);
  return headers;
}

/** What a program built with musl here depends on, beside its own source. */
export async function muslKey(cacheDir: string, log?: StageLog): Promise<string> {
  return muslIdentity(await kernelHeaders(cacheDir, log), log);
}

/**
 * @returns path of the program
 * @throws ExpectedError environment (no musl-gcc), network, offline
 */
export async function ensureBusybox(input: BusyboxInput): Promise<string> {
  const { cacheDir, log } = input;
  const headers = await kernelHeaders(cacheDir, log);
  const tarball = await tarballOf(await fetchFirst('busybox', SOURCES, input.fetch));
  const folder = await cachedBuild(input, 'busybox', digestOf([tarball.sha256, BUSYBOX_CONFIG, await muslKey(cacheDir, log)]), async (into) => {
    input.progress?.('building busybox with musl (once)');
    await buildBusybox(tarball.path, headers, into, input);
  });
  return join(folder, 'busybox');
}

/** Names of the applets of a busybox: `busybox --list` of the built program itself. */
export async function busyboxApplets(busybox: string): Promise<string[]> {
  const { stdout } = await run([busybox, '--list']);
  return stdout.split('\n').filter((name) => /^[\w[.+-]+$/.test(name));
}
