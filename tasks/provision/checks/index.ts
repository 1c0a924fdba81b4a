import type { Desired, Target } from '../types.js';
import { checkEffects } from './effects.js';
import { checkResources } from './resources.js';
import type { CheckResult } from './types.js';

export { checkEffects, drift } from './effects.js';
export { checkResources } from './resources.js';
export { confirmChecks, type ConfirmOptions } from './confirm.js';
export { probeClientAway, trafficOf } from './probe.js';
export { checkTraffic, type TrafficProbe } from './traffic.js';
export { isDrift, type CheckResult, type CheckStatus, type HostReport } from './types.js';

/**
 * Looks at everything that a host must have and that must be in effect; changes nothing. Two round trips.
 * @param onTrial the run is not confirmed yet
 */
export async function checkHost(target: Target, desired: Pick<Desired, 'resources' | 'effects'>, onTrial = false): Promise<CheckResult[]> {
  return [...(await checkResources(target, desired.resources, onTrial)), ...(await checkEffects(target, desired.effects))];
}
