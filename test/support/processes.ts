import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Process ids of all whose environment has this variable with this value: what a test started, whoever is its parent now. */
export function marked(name: string, value: string): number[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}`.includes(`\0${name}=${value}\0`);
    } catch {
      return false;
    }
  }).map(Number);
}

/**
 * Waits for something to come about, as long as it takes on a busy machine.
 * @returns false when it has not after so many seconds
 */
export async function until(what: () => boolean | Promise<boolean>, seconds = 120): Promise<boolean> {
  for (const end = Date.now() + seconds * 1000; ; await sleep(50)) {
    if (await what()) return true;
    if (Date.now() > end) return false;
  }
}
