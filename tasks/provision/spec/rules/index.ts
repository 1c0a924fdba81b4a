import type { Base, Flavour } from '../../../lib/flavours/schema.js';
import type { Fault } from '../../../lib/yaml.js';
import type { Surroundings } from '../resolve/index.js';
import type { GatewayFile } from '../schema/index.js';
import { checkNextHops, checkOwn, checkPools, checkRoles, checkServiceAddresses, checkWays } from './addresses.js';
import { checkCapacity } from './capacity.js';
import { checkAccess, checkHa, checkHosts } from './ha.js';
import { checkLanguage, checkLimits } from './language.js';
import { checkOrder } from './order.js';
import { checkProbe } from './probe.js';
import { checkRedirects } from './redirects.js';
import { checkReferences } from './references.js';
import { checkTables, checkTuning } from './tuning.js';

/** Rules across fields. Each says what it sees; nothing is changed. */

export interface Verdict {
  errors: Fault[];
  warnings: Fault[];
}

export interface RuleContext extends Surroundings {
  addons: readonly Flavour[];
  base: Base;
}

export type Rule = (file: GatewayFile, context: RuleContext, verdict: Verdict) => void | Promise<void>;

/** Names that must be there before anything else can be looked at. */
const FIRST: readonly Rule[] = [checkReferences];
const THEN: readonly Rule[] = [checkRoles, checkWays, checkOwn, checkNextHops, checkPools, checkServiceAddresses, checkOrder, checkRedirects, checkHosts, checkHa, checkAccess, checkTuning, checkTables, checkCapacity, checkLanguage, checkLimits, checkProbe];

export async function checkRules(file: GatewayFile, context: RuleContext): Promise<Verdict> {
  const verdict: Verdict = { errors: [], warnings: [] };
  for (const rule of FIRST) await rule(file, context, verdict);
  if (verdict.errors.length === 0) for (const rule of THEN) await rule(file, context, verdict);
  return verdict;
}
