import type { DesiredKernel, Gateway, HostFacts } from '../types.js';
import type { Finding, PreflightInput } from './types.js';

/** What becomes of a host whose new kernel hangs before it can do anything about it itself. */

const DRIVERS = ['CONFIG_IPMI_SI', 'CONFIG_IPMI_WATCHDOG'];

/** A kernel of its own will be booted. */
function tries(facts: HostFacts, kernel: DesiredKernel | undefined): kernel is DesiredKernel {
  return kernel?.kind === 'kernel' && !facts.offline && facts.release !== kernel.release;
}

/** Whether the BMC's watchdog is armed for the trial: the new kernel must be able to stop it again. */
export function armsWatchdog({ gateway, facts, kernel }: { gateway: Pick<Gateway, 'watchdog'>; facts: HostFacts; kernel?: DesiredKernel }): boolean {
  return gateway.watchdog && facts.bmcWatchdog === true && kernel?.kind === 'kernel' && DRIVERS.every((name) => kernel.config[name] !== undefined);
}

export function checkWatchdog({ gateway, facts, kernel }: PreflightInput): Finding[] {
  if (!gateway.watchdog || !tries(facts, kernel) || armsWatchdog({ gateway, facts, kernel })) return [];
  const needsHand = 'A new kernel that hangs so that not even its lockup detectors run needs a hand: somebody has to reset the host. It is then what it was.';
  const what = facts.bmcWatchdog === true ? `The new kernel cannot stop the BMC's watchdog (${DRIVERS.join(', ')}), so it is not armed. ${needsHand}` : `The host has no watchdog that outlives a reboot. ${needsHand}`;
  const fix = facts.bmcWatchdog === true ? undefined : 'If it has a BMC: modprobe ipmi_si ipmi_watchdog, then run this again.';
  return [{ level: 'warning', id: 'watchdog', what, ...(fix === undefined ? {} : { fix }) }];
}

/** For the plan: what a hang means. */
export function ifItHangs(input: { gateway: Pick<Gateway, 'watchdog'>; facts: HostFacts; kernel?: DesiredKernel }): string | undefined {
  if (!tries(input.facts, input.kernel)) return undefined;
  return armsWatchdog(input) ? "the BMC's watchdog resets the host (2 to 5 minutes), which then is what it was" : 'it stays so until somebody resets the host, which then is what it was';
}
