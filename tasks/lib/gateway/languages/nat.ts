import { CannotSay, type GatewaySpec, type SnatRule } from '../spec.js';
import type { Command, Step } from '../steps.js';
import { ANY, endpoint, flag, isEverything, isV6, onlyIpv4, onlyKnows, refuseFullnat, serviceSteps } from '../words.js';

/** SNAT as an extension of NAT: the "real servers" of a service that takes everything are the public addresses. */

/** Seconds of -p where no persistence is asked for: ipvsadm takes port 0 for persistent services only. */
const SHORT = 10;
const LONG = 300;

/** Seconds that a client keeps its address. */
export const persistSeconds = ({ persistent, persistSeconds: seconds }: SnatRule, otherwise: number): number => seconds ?? (persistent ? LONG : otherwise);

function poolSteps(service: readonly string[], settings: readonly string[], pool: readonly string[]): Step[] {
  const key = service.join(' ');
  return [
    { key, add: ['ipvsadm', '-A', ...service, ...settings], edit: ['ipvsadm', '-E', ...service, ...settings], remove: ['ipvsadm', '-D', ...service] },
    ...pool.map((address): Step => {
      const real = [...service, '-r', endpoint(address, 0)];
      return { key: real.join(' '), parent: key, add: ['ipvsadm', '-a', ...real, '-m'], remove: ['ipvsadm', '-d', ...real] };
    }),
  ];
}

/** jlijian3's, for 2.6.32. */
export function natService(spec: GatewaySpec): Step[] {
  onlyKnows('nat-service', spec.snat, ['from', 'pool', 'persistent', 'persistSeconds'], ['rr']);
  onlyIpv4('nat-service', spec.snat);
  refuseFullnat('nat-service', spec.services);
  if (spec.snat.length > 1 || spec.snat.some(({ from }) => from !== ANY)) throw new CannotSay('nat-service', 'a choice by source network');
  return [
    ...(spec.snat.length === 0 ? [] : spec.protocols).flatMap((protocol) =>
      spec.snat.flatMap((rule) => poolSteps([flag(protocol), '0.0.0.0:0'], ['-s', 'rr', '-p', String(persistSeconds(rule, SHORT))], rule.pool)),
    ),
    ...serviceSteps(spec.services, false),
  ];
}

const scheduler = ({ algorithm }: SnatRule): string => algorithm ?? 'rr';

/** nat-snat: rules for everything are the catch-all services, others have a mark each. */
export const isCatchAll = ({ from, to }: SnatRule): boolean => isEverything(from) && to === undefined;

/** Rules with the marks that select for them: 1 for the first, and so on; a catch-all has none. @throws CannotSay */
export function natSnatRules(spec: GatewaySpec): { rule: SnatRule; mark?: number }[] {
  onlyKnows('nat-snat', spec.snat, ['from', 'to', 'pool', 'persistent', 'persistSeconds'], ['rr', 'sh']);
  // net.ipv4.vs.snat_persist is one for both families.
  const sticky = new Set(spec.snat.filter(isCatchAll).map(({ persistent }) => persistent === true));
  if (sticky.size > 1) throw new CannotSay('nat-snat', 'persistence for everything of one family only');
  const seen = new Set<boolean>();
  let mark = 0;
  return spec.snat.map((rule) => {
    const six = isV6(rule.from);
    if (rule.pool.some((address) => isV6(address) !== six)) throw new CannotSay('nat-snat', 'a pool of another family than its sources');
    if (seen.has(six)) throw new CannotSay('nat-snat', `a rule (from ${rule.from}) behind one that takes everything`);
    if (isCatchAll(rule)) seen.add(six);
    else mark += 1;
    return { rule, ...(isCatchAll(rule) ? {} : { mark }) };
  });
}

/** Marks that select for rules: the first that fits decides, as in every other language. */
export function natSnatMarks(spec: GatewaySpec): Step[] {
  return natSnatRules(spec).flatMap(({ rule: { from, to }, mark }): Step[] => {
    if (mark === undefined) return [];
    const program = isV6(from) ? 'ip6tables' : 'iptables';
    const words = ['-s', from, ...(to === undefined ? [] : ['-d', to]), '-m', 'mark', '--mark', '0', '-j', 'MARK', '--set-mark', String(mark)];
    const command = (action: string): Command => [program, '-t', 'mangle', action, 'PREROUTING', ...words];
    return [{ key: `${program} ${words.join(' ')}`, list: program, add: command('-A'), remove: command('-D') }];
  });
}

/**
 * nat-snat, our own for current kernels, in the stock ipvsadm's words. One pool for all: the catch-all services. Pools by
 * source: a mark for each source network, and a service for each mark.
 */
export function natSnat(spec: GatewaySpec): Step[] {
  refuseFullnat('nat-snat', spec.services);
  const marks = natSnatMarks(spec);
  let nextMark = 0;
  // The setting says whether clients of the catch-all services shall really stick.
  const set = (value: string): Command => ['sysctl', '-w', `net.ipv4.vs.snat_persist=${value}`];
  const sticky = spec.snat.some((rule) => isCatchAll(rule) && rule.persistent) ? '1' : '0';
  return [
    ...(spec.snat.some(isCatchAll) ? [{ key: 'snat_persist', add: set(sticky), edit: set(sticky), remove: set('1') }] : []),
    ...natSnatRules(spec).flatMap(({ rule, mark }): Step[] => {
      if (mark === undefined) {
        return spec.protocols.flatMap((protocol) => poolSteps([flag(protocol), isV6(rule.from) ? '[::]:0' : '0.0.0.0:0'], ['-s', scheduler(rule), '-p', String(persistSeconds(rule, SHORT))], rule.pool));
      }
      const selected = marks[nextMark];
      nextMark += 1;
      const service = ['-f', String(mark), ...(isV6(rule.from) ? ['-6'] : [])];
      return [...(selected ? [selected] : []), ...poolSteps(service, ['-s', scheduler(rule), ...(rule.persistent ? ['-p', String(persistSeconds(rule, LONG))] : [])], rule.pool)];
    }),
    ...serviceSteps(spec.services, false),
  ];
}
