import { setTimeout as sleep } from 'node:timers/promises';
import { ExpectedError } from '../../lib/errors.js';
import type { Target } from '../types.js';
import type { Bundle } from './bundle.js';
import { engine, reboot, status, trialReboot } from './driver.js';
import { upload, type UploadProgress } from './upload.js';

/** A plan from upload to the point where it can be checked, and from there to its end. */

export type Step = 'upload' | 'apply' | 'activate' | 'reboot';

export interface CarryOutOptions {
  onStep?: (step: Step) => void;
  onProgress?: (progress: UploadProgress) => void;
  /** Seconds a host may take to come up again. */
  bootSeconds: number;
}

/** `tried`: in effect until the guard takes it back; `confirmed`: an image, where nothing can be tried. */
export type Outcome = 'tried' | 'confirmed';

async function stateOf(target: Target, id: string): Promise<string> {
  return (await status(target))?.runs[id] ?? 'unknown';
}

function noAnswer(target: Target, seconds: number): ExpectedError {
  return new ExpectedError({
    code: 'provision',
    what: `${target.name} did not answer within ${String(seconds)} seconds of its reboot.`,
    why: 'Its new kernel or network may have failed; the host then takes it back by itself after the confirmation time, or after a reset.',
    fix: 'Wait for it, then run build-kernel status or the same command again. If it stays away: reset it, the old kernel boots.',
  });
}

/** State of a run on a host that may be going down: 'trial' when it does not answer three times. */
async function patientState(target: Target, id: string): Promise<string> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await stateOf(target, id);
    } catch (error) {
      if (!(error instanceof ExpectedError) || error.code !== 'network') throw error;
      if (tries === 3) return 'trial';
      await sleep(5000);
    }
  }
}

/**
 * After the trial's reboot: the run must be the one that is tried.
 * @param seconds that the host may take
 * @throws ExpectedError provision when it did not come up, or came up without the run
 */
export async function arrived(target: Target, id: string, seconds: number): Promise<void> {
  const until = Date.now() + seconds * 1000;
  let state = 'trial';
  // In state trial it has not gone down yet: what answers may be another boot than the target has seen, but not the trial's.
  while (state === 'trial') {
    const left = Math.ceil((until - Date.now()) / 1000);
    if (left <= 0 || !(await target.waitUp(left))) throw noAnswer(target, seconds);
    state = await patientState(target, id);
  }
  if (state === 'tried' || state === 'confirmed') return;
  throw new ExpectedError({
    code: 'provision',
    what: `The new kernel did not come up on ${target.name}; the host has taken everything back.`,
    why: `The run ${id} is ${state}.`,
    fix: `Its console or BMC log says why; /var/lib/build-kernel/runs/${id}/log on the host says what was done.`,
  });
}

/**
 * Uploads a bundle, applies it and brings it into effect; goes on where an earlier call was cut off.
 * A failure while applying takes back what was done.
 */
export async function carryOut(target: Target, bundle: Bundle, options: CarryOutOptions): Promise<Outcome> {
  const { id } = bundle;
  const { onStep, onProgress, bootSeconds } = options;
  onStep?.('upload');
  await upload(target, bundle, onProgress);
  let state = await stateOf(target, id);
  if (state === 'reverting') {
    await engine(target, 'revert', id);
    await upload(target, bundle, onProgress);
    state = 'staged';
  }
  if (state === 'staged' || state === 'applying') {
    onStep?.('apply');
    try {
      await engine(target, 'apply', id);
    } catch (error) {
      if (!(error instanceof ExpectedError) || error.code === 'network' || error.code === 'busy' || error.code === 'interrupted') throw error;
      await engine(target, 'revert', id);
      throw error;
    }
    state = 'applied';
  }
  if (target.kind === 'folder') {
    await engine(target, 'confirm', id);
    return 'confirmed';
  }
  if (state === 'confirmed') return 'confirmed';
  if (bundle.reboot) {
    if (state === 'applied') {
      onStep?.('reboot');
      await trialReboot(target, id);
    }
    if (state !== 'tried') await arrived(target, id, bootSeconds);
    return 'tried';
  }
  onStep?.('activate');
  try {
    await engine(target, 'activate', id);
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code === 'network' || error.code === 'interrupted') throw error;
    await engine(target, 'revert', id);
    throw error;
  }
  return 'tried';
}

/** Makes a tried run the one that stays. */
export async function settleTrial(target: Target, id: string): Promise<void> {
  await engine(target, 'confirm', id);
}

/** Whether a run with a reboot has come to its boot; one that was cut off before left the host in the kernel it had. */
export function bootedInto(state: string | undefined): boolean {
  return state === 'tried' || state === 'confirmed' || state === 'reverting';
}

/**
 * Takes a run back: the one that is on its way, or the last one that was confirmed.
 * @returns whether the host is rebooting, out of the kernel or modules that were taken back
 */
export async function takeBack(target: Target, id: string, needsReboot: boolean): Promise<boolean> {
  const state = await stateOf(target, id);
  // The host did so itself when its time was over, with the reboot.
  if (state === 'reverted') return false;
  await engine(target, 'revert', id);
  if (!needsReboot || !bootedInto(state) || target.kind === 'folder') return false;
  await reboot(target);
  return true;
}
