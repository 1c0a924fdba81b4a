import { mkdir, readFile, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../digest.js';
import { ExpectedError } from '../errors.js';
import { run, type ExecOptions } from '../exec.js';
import { exists, remove, writeAtomic } from '../files.js';
import { deriveSources, type AptType } from './aptsources.js';
import { say, type FetchContext } from './context.js';
import { meter } from './progress.js';

/**
 * apt with a configuration and state of its own: needs no root, changes nothing on the host, and can have source
 * indexes where the host has none. The host's keys, proxies, credentials and pins (all under /etc/apt) still count.
 */

/** Indexes older than this are asked for again. */
const FRESH_MS = 6 * 3600 * 1000;

/** A file apt would download. */
export interface AptFile {
  uri: string;
  name: string;
  size: number;
  /** Missing when the archive only publishes another hash; apt checks that one itself. */
  sha256?: string;
}

export interface AptState {
  type: AptType;
  dir: string;
  /** Passed with -c, which is read after the host's files and so wins over them. */
  config: string;
}

function configText(dir: string): string {
  return [
    // Hooks of the host (containers have some that delete downloaded packages) are none of ours.
    ...['APT::Update::Pre-Invoke', 'APT::Update::Post-Invoke', 'APT::Update::Post-Invoke-Success', 'DPkg::Post-Invoke'].map(
      (name) => `#clear ${name};`,
    ),
    `Dir::State "${join(dir, 'state')}";`,
    `Dir::Cache "${join(dir, 'cache')}";`,
    `Dir::Log "${join(dir, 'log')}";`,
    `Dir::Etc::sourcelist "${join(dir, 'sources.list')}";`,
    `Dir::Etc::sourceparts "${join(dir, 'sources.list.d')}";`,
    // As root apt would drop to _apt, which may not enter our cache folder.
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";',
    'Acquire::Retries "3";',
    '',
  ].join('\n');
}

/** Makes (or renews, when the host's sources changed) the private folders. The caller holds the lock. */
export async function prepareState(ctx: FetchContext, type: AptType): Promise<AptState> {
  const etc = ctx.aptEtc ?? '/etc/apt';
  const dir = join(ctx.cacheDir, 'apt', `state-${type}`);
  const sources = await deriveSources(etc, type);
  const identity = sha256(JSON.stringify([sources, configText(dir)]));
  const config = join(dir, 'apt.conf');
  const known = await readFile(join(dir, 'sources.id'), 'utf8').catch(() => '');
  if (known !== identity) {
    await remove(dir);
    for (const sub of ['state/lists/partial', 'cache/archives/partial', 'log', 'sources.list.d']) {
      await mkdir(join(dir, sub), { recursive: true });
    }
    for (const file of sources) await writeAtomic(join(dir, 'sources.list.d', file.name), file.text);
    await writeAtomic(config, configText(dir));
    await writeAtomic(join(dir, 'sources.id'), identity);
  }
  if (sources.length === 0) {
    throw new ExpectedError({
      code: 'environment',
      what: `This host has no apt sources (${etc}/sources.list, ${etc}/sources.list.d).`,
      fix: 'Use a Debian or Ubuntu host or container, or bring the package with --source FILE.',
    });
  }
  return { type, dir, config };
}

/** True when the indexes were fetched lately. */
export async function isFresh(state: AptState): Promise<boolean> {
  const stamp = join(state.dir, 'updated');
  return (await exists(stamp)) && Date.now() - (await stat(stamp)).mtimeMs < FRESH_MS;
}

function noSpace(folder: string, what: string, why: string | undefined, cause?: unknown): ExpectedError {
  return new ExpectedError({
    code: 'space',
    what: `No space left in ${folder} for ${what}.`,
    why,
    fix: 'Free some space (build-kernel cache --prune) or name another folder with --cache; then run the same command again.',
    cause,
  });
}

const NO_SPACE = /enough free space|No space left|Disk quota exceeded/;
/** Less than this is full: apt writes in blocks of 64 KiB. */
const FULL_BYTES = 64 * 1024;

/** Tells when the disk of a folder has been full for a while: apt 2.6 does not end when an index cannot be written, it waits for ever (seen). */
function watchSpace(folder: string): { signal: AbortSignal; stop: () => void } {
  const full = new AbortController();
  let before = false;
  const look = async (): Promise<void> => {
    const { bavail, bfree, bsize, blocks } = await statfs(folder);
    const now = blocks !== 0 && (process.getuid?.() === 0 ? bfree : bavail) * bsize < FULL_BYTES;
    if (now && before) full.abort('the disk is full');
    before = now;
  };
  const timer = setInterval(() => void look().catch(() => undefined), 1000);
  return {
    signal: full.signal,
    stop: () => {
      clearInterval(timer);
    },
  };
}

/**
 * Fetches the indexes. One archive that fails is said, not fatal: the package may come from another.
 * @throws ExpectedError space
 */
export async function update(ctx: FetchContext, state: AptState): Promise<void> {
  const space = watchSpace(state.dir);
  const { exitCode, stderr } = await run(['apt-get', '-c', state.config, '-q', 'update'], { log: ctx.log, ok: [0, 100], abort: space.signal })
    .catch((error: unknown) => {
      if (!space.signal.aborted) throw error;
      throw noSpace(state.dir, "apt's indexes", String(space.signal.reason), error);
    })
    .finally(space.stop);
  if (NO_SPACE.test(stderr)) throw noSpace(state.dir, "apt's indexes", stderr.split('\n').filter((line) => /^[EW]: /.test(line)).join('\n'));
  const problems = stderr.split('\n').filter((line) => /^[EW]: /.test(line));
  if (exitCode !== 0 || problems.length > 0) say(ctx, `apt-get update had problems:\n${problems.map((line) => `  ${line}`).join('\n')}`);
  if (exitCode === 0) await writeAtomic(join(state.dir, 'updated'), '');
}

function aptArgs(state: AptState, rest: readonly string[]): [string, ...string[]] {
  // --only-source: the name is a source package's, never a binary package to be mapped to its source.
  const verb = state.type === 'deb' ? ['download'] : ['source', '--only-source', '--download-only'];
  return ['apt-get', '-c', state.config, '-q', ...verb, ...rest];
}

/** Parses `--print-uris` lines: 'URI' name size SHA256:hex. */
export function parseUris(text: string): AptFile[] {
  const files: AptFile[] = [];
  for (const line of text.split('\n')) {
    const match = /^'([^']+)' (\S+) (\d+)(?: (\w+):([0-9a-f]+))?$/.exec(line.trim());
    if (!match?.[1] || !match[2]) continue;
    const sha = match[4] === 'SHA256' ? match[5] : undefined;
    files.push({ uri: match[1], name: match[2], size: Number(match[3]), sha256: sha });
  }
  return files;
}

/** Files of the candidate version; undefined when the indexes do not have the package. */
export async function resolve(ctx: FetchContext, state: AptState, name: string): Promise<AptFile[] | undefined> {
  const { exitCode, stdout } = await run(aptArgs(state, ['--print-uris', name]), { log: ctx.log, ok: [0, 100] });
  const files = parseUris(stdout);
  return exitCode === 0 && files.length > 0 ? files : undefined;
}

/**
 * Downloads the candidate version into a folder. apt checks every file against the signed index. Mirrors and snapshots
 * lose a source package's small files (.dsc, .debian.tar) more often than the upstream archive, so when not all of a
 * source package can be had, the archive alone is asked for.
 * @param total bytes of all its files
 * @throws ExpectedError network, space
 */
export async function download(ctx: FetchContext, state: AptState, name: string, total: number, into: string): Promise<void> {
  const report = meter(name, ctx);
  const options: ExecOptions = {
    cwd: into,
    log: ctx.log,
    onLine: (line) => {
      const percent = /^dlstatus:\d+:([\d.]+):/.exec(line)?.[1];
      if (percent !== undefined) report((total * Number(percent)) / 100, total);
    },
  };
  const status = ['-o', 'APT::Status-Fd=2'];
  if (state.type === 'deb-src') {
    const { exitCode } = await run(aptArgs(state, [...status, name]), { ...options, ok: [0, 100] });
    if (exitCode === 0) return;
  }
  const only = state.type === 'deb-src' ? ['--tar-only'] : [];
  try {
    await run(aptArgs(state, [...status, ...only, name]), {
      ...options,
      fail: {
        code: 'network',
        what: `apt could not download ${name}.`,
        fix: "Check the host's apt sources with `apt-get update`; or bring the package with --source FILE or --mirror DIR.",
      },
    });
  } catch (error) {
    if (!(error instanceof ExpectedError) || !NO_SPACE.test(error.why ?? '')) throw error;
    throw noSpace(into, name, error.why, error);
  }
}
