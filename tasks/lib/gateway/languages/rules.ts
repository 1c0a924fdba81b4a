import { CannotSay, type GatewaySpec, type SnatRule } from '../spec.js';
import type { Step } from '../steps.js';
import { onlyIpv4, onlyKnows, ranges, serviceSteps } from '../words.js';

/**
 * lvs-snat-v2: rules on the service "fwmark 1", which here is only a switch: no packet needs a mark. A rule is told from
 * another by source, destination, next hop and device (ip_vs_lookup_snat_dest); the longest source prefix decides.
 */

/** A rule's pool, which is one range. @throws CannotSay */
export function oneRange(language: string, { pool }: SnatRule): string {
  const [first, second] = ranges(pool);
  if (second) throw new CannotSay(language, `a pool with gaps (${ranges(pool).map(({ text }) => text).join(', ')}): a rule takes one range; make it one, or a rule for each of several source networks`);
  return first?.text ?? '';
}

/** @throws CannotSay when there is a rule that differs from another in its pool alone */
export function refuseTwins(language: string, rules: readonly SnatRule[]): void {
  const seen = new Set<string>();
  for (const { from, to, gateway, oif } of rules) {
    const key = [from, to, gateway, oif].join(' ');
    if (seen.has(key)) throw new CannotSay(language, `two rules for the same packets (from ${from})`);
    seen.add(key);
  }
}

/**
 * A rule whose source begins with 0.0.0.0 is listed, but never asked: ip_vs_snat_assign leaves it out of the tables
 * (`if (rule->saddr.ip)`), and what it was for is answered with "no destination available".
 * @throws CannotSay
 */
export function refuseAnySource(language: string, rules: readonly SnatRule[]): void {
  const any = rules.find(({ from }) => from.startsWith('0.0.0.0/'));
  if (any) throw new CannotSay(language, `a rule for all sources (from ${any.from}), which its kernel lists and never asks: say with from which networks are inside`);
}

export function snatRules(spec: GatewaySpec): Step[] {
  onlyKnows('snat-rules', spec.snat, ['from', 'to', 'pool', 'oif', 'gateway', 'newGateway'], ['sh', 'sdh', 'random']);
  onlyIpv4('snat-rules', spec.snat);
  refuseTwins('snat-rules', spec.snat);
  refuseAnySource('snat-rules', spec.snat);
  const service = { key: '-f 1', add: ['ipvsadm', '-A', '-f', '1', '-s', 'snat_sched'], remove: ['ipvsadm', '-D', '-f', '1'] };
  return [
    ...(spec.snat.length === 0 ? [] : [service]),
    ...spec.snat.map((rule): Step => {
      const { from, to, oif, gateway, newGateway, algorithm } = rule;
      const match = ['-f', '1', '-F', from, ...(to === undefined ? [] : ['-T', to]), ...(gateway === undefined ? [] : ['-W', gateway]), ...(oif === undefined ? [] : ['--oif', oif])];
      const settings = [...match, '-U', oneRange('snat-rules', rule), ...(algorithm === undefined ? [] : ['-O', algorithm]), ...(newGateway === undefined ? [] : ['-N', newGateway]), '-b'];
      return { key: match.join(' '), parent: service.key, add: ['ipvsadm', '-K', ...settings], edit: ['ipvsadm', '-k', ...settings], remove: ['ipvsadm', '-H', ...match] };
    }),
    ...serviceSteps(spec.services, true),
  ];
}
