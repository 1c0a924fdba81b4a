import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A child and what it has started: they are signalled, and end, as one. */

/** Signals every process of a group; one that has gone already is none of ours. @param pid its leader */
export function signalGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone already.
  }
}

/** True while a process of the group has not ended. What nobody reaps (in a container without an init) has. */
function groupLives(leader: number): boolean {
  return readdirSync('/proc').some((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      // PID (NAME) STATE PARENT GROUP …
      const [state = '', , group] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return Number(group) === leader && !'ZX'.includes(state);
    } catch {
      return false;
    }
  });
}

/** Ends what is left of a group, and returns when it has ended: who is killed in the middle of a write still ends that. */
export async function endGroup(pid: number): Promise<void> {
  signalGroup(pid, 'SIGKILL');
  for (const until = Date.now() + 2000; groupLives(pid) && Date.now() < until; ) await sleep(20);
}
