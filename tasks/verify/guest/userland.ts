import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedBuild, ensureBusybox, kernelHeaders, muslKey, type BusyboxInput } from '../../lib/busybox.js';
import { digestOf, sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { MUSL_CC } from '../../lib/musl.js';
import { packageRoot } from '../../lib/paths.js';

/** What runs in every guest: busybox and our own program (agent and traffic), both static, built with musl once and kept in the cache. */

const GUEST_SOURCES = join(packageRoot, 'templates', 'guest');

export interface Userland {
  /** busybox, static. */
  busybox: string;
  /** The agent and traffic program, static. */
  traffic: string;
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
export async function ensureUserland(input: BusyboxInput): Promise<Userland> {
  const { cacheDir, log } = input;
  const headers = await kernelHeaders(cacheDir, log);
  const traffic = await cachedBuild(input, 'traffic', digestOf([await trafficKey(), await muslKey(cacheDir, log)]), (into) => buildTraffic(headers, into, log));
  const found = { busybox: await ensureBusybox(input), traffic: join(traffic, 'traffic') };
  for (const path of Object.values(found)) {
    if (!(await exists(path))) throw new ExpectedError({ code: 'environment', what: `${path} is gone from the cache.`, fix: 'Run build-kernel cache --prune, then the same command again.' });
  }
  return found;
}
