import type { Plan, Target } from '../types.js';
import { status } from './driver.js';

/**
 * A plan with an identity that no confirmed run of the host has: what was changed by hand the same way as once before makes
 * the same plan, and its run is over. A run that is on its way, or was taken back, keeps the plan's: it goes on, or begins
 * anew.
 * @throws ExpectedError network
 */
export async function ownRun(target: Target, plan: Plan): Promise<Plan> {
  if (plan.changes.length === 0 && !plan.reboot) return plan;
  const runs = (await status(target))?.runs ?? {};
  let { id } = plan;
  for (let next = 2; runs[id] === 'confirmed'; next += 1) id = `${plan.id}-${String(next)}`;
  return { ...plan, id };
}
