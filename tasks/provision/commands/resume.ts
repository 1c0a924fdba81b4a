import { arrived, engine, status, trialReboot, type EngineStatus } from '../run/index.js';
import { checkResources, isDrift } from '../checks/index.js';
import { ExpectedError } from '../../lib/errors.js';
import type { Desired, Target } from '../types.js';
import { readJournal, type Journal } from './journal.js';

/** A run that is on a host's way already: one that was cut off, or one that waits to be confirmed. */

export interface OnItsWay {
  id: string;
  state: EngineStatus['runs'][string];
  journal: Journal;
}

/**
 * @returns undefined when nothing is on its way
 * @throws ExpectedError busy when somebody is at work on the host
 */
export async function onItsWay(target: Target): Promise<OnItsWay | undefined> {
  const engine = await status(target);
  if (engine?.lock) {
    throw new ExpectedError({ code: 'busy', what: `${target.name} is being changed by ${engine.lock.who} (process ${String(engine.lock.pid)} there).`, fix: 'Wait for them; build-kernel status shows what is on its way.' });
  }
  const id = engine?.pending;
  if (engine === undefined || id === undefined) return undefined;
  const state = engine.runs[id] ?? 'unknown';
  if (state === 'staged' || state === 'reverted' || state === 'confirmed') return undefined;
  const journal = await readJournal(target, id);
  return journal && { id, state, journal };
}

/** In words, for the question whether to go on. */
export function inWords({ state }: OnItsWay): string {
  switch (state) {
    case 'applying':
      return 'was cut off while its files were written';
    case 'applied':
      return 'has written its files and is not in effect yet';
    case 'trial':
      return 'waits for the reboot of its trial';
    case 'tried':
      return 'is in effect on trial and not confirmed';
    case 'reverting':
      return 'was being taken back';
    default:
      return `is ${state}`;
  }
}

/**
 * Finishes the files of a run that was cut off, so that they can be compared with what is wanted now.
 * @returns whether the run makes of the host what is wanted now; when not, it was taken back
 */
export async function catchUp(target: Target, run: OnItsWay, desired: Desired): Promise<boolean> {
  if (run.state === 'reverting' || run.state === 'unknown') {
    await engine(target, 'revert', run.id);
    return false;
  }
  if (run.state === 'applying') await engine(target, 'apply', run.id);
  const checks = await checkResources(target, desired.resources, true);
  if (!checks.some(({ status: one }) => isDrift(one))) return true;
  await engine(target, 'revert', run.id);
  return false;
}

/**
 * Brings a run whose files are in place into effect.
 * @returns after it is in effect on trial
 * @throws ExpectedError provision when the host did not come up in it
 */
export async function bringIntoEffect(target: Target, run: OnItsWay, bootSeconds: number, say: (text: string) => void): Promise<void> {
  if (run.state === 'tried') return;
  if (!run.journal.reboot) {
    say('bringing it into effect');
    await engine(target, 'activate', run.id);
    return;
  }
  say('the host reboots');
  await trialReboot(target, run.id);
  await arrived(target, run.id, bootSeconds);
}
