import { randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ExpectedError, errno } from './errors.js';
import { checkInterrupted, endRun, runId } from './exec.js';

/**
 * A lock file names its holder: process id, that process's start time and run id. A lock whose holder is gone
 * (kill -9, power loss) is taken over at once, after ending the holder's orphans; time-based staleness, which the
 * lock libraries offer, would make the next run wait and could not name the holder.
 */

interface Holder {
  pid: number;
  /** Field 22 of /proc/PID/stat: clock ticks after boot. Tells a reused process id from the holder. */
  started: string;
  run: string;
  command: string;
}

function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${String(pid)}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

function parseHolder(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/** Takes the lock or says who has it. Returns the release function. */
async function acquire(path: string): Promise<(() => Promise<void>) | Holder> {
  await mkdir(dirname(path), { recursive: true });
  // Unique per attempt: one process may wait for one lock in several places at once.
  const mine = `${path}.${String(process.pid)}.${randomUUID().slice(0, 8)}`;
  const me: Holder = { pid: process.pid, started: startTime(process.pid) ?? '', run: runId, command: process.argv.slice(2).join(' ') };
  await writeFile(mine, JSON.stringify(me));
  try {
    for (;;) {
      try {
        // link(2) fails when the name exists: it is the atomic step.
        await link(mine, path);
        return async () => rm(path, { force: true });
      } catch (error) {
        if (errno(error) !== 'EEXIST') throw error;
      }
      const text = await readFile(path, 'utf8').catch(() => undefined);
      if (text === undefined) continue;
      const holder = parseHolder(text);
      if (holder && startTime(holder.pid) === holder.started) return holder;
      if (holder) endRun(holder.run);
      // Two waiters may see the same stale lock: only what is still that one goes; a newer one is put back.
      const aside = `${mine}.stale`;
      await rename(path, aside).catch(() => undefined);
      const moved = await readFile(aside, 'utf8').catch(() => undefined);
      if (moved !== undefined && moved !== text) await link(aside, path).catch(() => undefined);
      await rm(aside, { force: true });
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/**
 * Runs `work` while holding the lock.
 * @param path the lock file
 * @param what what the lock guards, for the message ("the work folder …")
 * @param wait milliseconds to wait for another holder (default 0: fail at once)
 * @param onWait told once whom it waits for
 * @throws ExpectedError busy
 */
export async function withLock<T>(path: string, what: string, work: () => Promise<T>, wait = 0, onWait?: (holder: string) => void): Promise<T> {
  const until = Date.now() + wait;
  let told = false;
  for (;;) {
    const got = await acquire(path);
    if (typeof got === 'function') {
      try {
        return await work();
      } finally {
        await got();
      }
    }
    if (Date.now() >= until) {
      throw new ExpectedError({
        code: 'busy',
        what: `${what} is in use by another build-kernel (process ${String(got.pid)}: build-kernel ${got.command}).`,
        why: `lock: ${path}`,
        fix: 'Wait for it to end, or work elsewhere: --work names another folder, -o another output.',
      });
    }
    if (!told) onWait?.(`process ${String(got.pid)}: build-kernel ${got.command}`);
    told = true;
    checkInterrupted();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}
