import type { ArtifactTree } from '../../lib/artifact.js';
import { hookResources, initramfsHere, planBoot, type BootPlan } from '../boot/index.js';
import { drift } from '../checks/index.js';
import { desire } from '../desired/index.js';
import { readFacts } from '../facts/index.js';
import { makePlan } from '../plan/index.js';
import { armsWatchdog, ifItHangs, preflight, warningsOf, type Finding } from '../preflight/index.js';
import type { Desired, Gateway, HostFacts, Plan, Target } from '../types.js';

/** All that is known before anything is changed. */
export interface Prepared {
  facts: HostFacts;
  /** With the boot hook and the boot menu. */
  desired: Desired;
  boot?: BootPlan;
  plan: Plan;
  findings: readonly Finding[];
}

/**
 * Looks at a host and makes its plan. Changes nothing.
 * @param say what is being looked at
 * @param scratch folder for what is made for the host here; must stay until it was sent
 * @throws ExpectedError preflight, provision, environment: what stands in the way
 */
export async function prepare(target: Target, gateway: Gateway, artifact: ArtifactTree, warnings: readonly string[], say: (text: string) => void, scratch: string): Promise<Prepared> {
  say('what it is');
  const facts = await readFacts(target);
  const wanted = await desire(gateway, facts, artifact);
  const { kernel } = wanted;
  // What the facts alone speak against comes first: planBoot stops at the first thing it cannot do.
  const early = preflight({ gateway, facts, kernel, changes: [] });
  let boot: BootPlan | undefined;
  if (kernel && !early.some(({ level }) => level === 'error')) {
    const image = artifact.kernel.find(({ path }) => path === kernel.image);
    boot = await planBoot({ facts, read: (path) => target.get(path), makeHere: initramfsHere(artifact, scratch, say) }, kernel, image?.kind === 'file' ? image.sha256 : '');
    if (boot && armsWatchdog({ gateway, facts, kernel })) boot = { ...boot, watchdog: 'bmc' };
  }
  const desired: Desired = { ...wanted, resources: [...hookResources(facts), ...wanted.resources, ...(boot?.resources ?? [])] };
  say(`${String(desired.resources.length)} files`);
  const seen = facts.offline ? [] : await drift(target, desired.effects);
  const plan = await makePlan({ host: gateway.host, target, facts, desired, drift: seen, warnings });
  const findings = preflight({ gateway, facts, kernel, changes: plan.changes });
  const hang = ifItHangs({ gateway, facts, kernel });
  return { facts, desired, ...(boot ? { boot } : {}), plan: { ...plan, ...(hang === undefined ? {} : { hang }), warnings: [...warnings, ...warningsOf(findings)] }, findings };
}
