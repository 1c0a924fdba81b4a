import { digestOf } from '../../lib/digest.js';
import type { Desired, Effect, HostFacts, Plan, Target } from '../types.js';
import { findChanges } from './changes.js';

export interface PlanInput {
  host: string;
  target: Target;
  facts: HostFacts;
  desired: Desired;
  /** Effects that do not hold now. */
  drift: readonly { effect: Effect; seen: string }[];
  /** From preflight. */
  warnings: readonly string[];
}

/**
 * The difference between what a host must have and what it has. Changes nothing.
 * @throws ExpectedError preflight when a path of the host is in the way
 */
export async function makePlan({ host, target, facts, desired, drift, warnings }: PlanInput): Promise<Plan> {
  const changes = await findChanges(target, desired.resources);
  const { kernel } = desired;
  const running = kernel !== undefined && facts.release === kernel.release;
  // Replaced modules of a running kernel stay loaded until it boots again.
  const replaced = changes.some(({ path }) => path === kernel?.image || path.startsWith(`/lib/modules/`));
  const reboot = !facts.offline && kernel !== undefined && (!running || replaced);
  const identity = {
    host,
    changes: changes.map(({ path, kind, mode, before, after }) => ({ path, kind, mode, before, after })),
    effects: desired.effects.map(({ id, expect }) => ({ id, expect })),
    scripts: [desired.activate, desired.deactivate, desired.restored],
    release: kernel?.release,
  };
  return {
    host,
    id: digestOf(identity).slice(0, 16),
    changes,
    drift,
    ...(kernel === undefined ? {} : { kernel: { ...kernel, running } }),
    reboot,
    interrupts: [...(reboot ? ['The host reboots: everything it does stops for as long as that takes.'] : []), ...desired.interrupts],
    warnings,
  };
}

export { planDocument, showPlan } from './show.js';

/** Nothing to change, nothing to bring about: the host is as it must be. */
export function isDone(plan: Plan): boolean {
  return plan.changes.length === 0 && plan.drift.length === 0 && !plan.reboot;
}
