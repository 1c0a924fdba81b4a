import { setTimeout as sleep } from 'node:timers/promises';
import { checkInterrupted } from '../../lib/exec.js';
import type { Desired, Gateway, Target } from '../types.js';
import { checkEffects } from './effects.js';
import { checkResources } from './resources.js';
import { trafficOf } from './probe.js';
import { isDrift, type CheckResult } from './types.js';

/** What must hold before a run is confirmed. */

export interface ConfirmOptions {
  gateway: Pick<Gateway, 'probe' | 'snat' | 'ha'>;
  /** How long services may take to settle after a boot, seconds. */
  patience: number;
  /** Called after each look with what does not hold yet. */
  progress?: (text: string) => void;
  /** Asked after each look that does not hold: true when it is no use to go on, as the host has taken the run back. */
  over?: () => Promise<boolean>;
}

/**
 * Looks at files, effects and, with a probe, traffic, again and again until all holds or patience is over.
 * @returns the last look; it is a success when no result isDrift
 */
export async function confirmChecks(target: Target, desired: Pick<Desired, 'resources' | 'effects'>, { gateway, patience, progress, over }: ConfirmOptions): Promise<CheckResult[]> {
  const until = Date.now() + patience * 1000;
  for (;;) {
    checkInterrupted();
    const host = [...(await checkResources(target, desired.resources, true)), ...(await checkEffects(target, desired.effects))];
    // Traffic is tried when all else holds, and at the very end to say what is wrong.
    const settled = !host.some(({ status }) => isDrift(status));
    const last = Date.now() >= until;
    const results = settled || last ? [...host, ...(await trafficOf(target, gateway))] : host;
    const open = results.filter(({ status }) => isDrift(status));
    if (last || open.length === 0 || (await over?.())) return results;
    progress?.(`${String(open.length)} of ${String(results.length)} do not hold yet: ${open[0]?.id ?? ''}`);
    await sleep(3000);
  }
}
