import type { LanguageName } from '../languages.js';
import { zonesOf } from '../languages/dsnat.js';
import { natSnatMarks, natSnatRules, persistSeconds } from '../languages/nat.js';
import { oneRange, refuseAnySource, refuseTwins } from '../languages/rules.js';
import { CannotSay, type GatewaySpec } from '../spec.js';
import type { Step } from '../steps.js';
import { ANY, isV6, onlyIpv4, onlyKnows } from '../words.js';
import { block, line, localGroup } from './block.js';

/** SNAT in each flavour's dialect of keepalived.conf. */

/** "192.168.40.0/24" → "192.168.40.0 24" */
const zoneOf = (from: string): string => from.replace('/', ' ');

function catchAll(protocol: 'tcp' | 'udp', extra: readonly string[]): string[] {
  return block('virtual_server 0.0.0.0 0', ['delay_loop 6', 'lb_algo rr', 'lb_kind FNAT', `protocol ${protocol.toUpperCase()}`, ...extra]);
}

function zones(spec: GatewaySpec): string[] {
  onlyKnows("dsnat-279's keepalived", spec.snat, ['from', 'pool'], ['rr']);
  const all = zonesOf("dsnat-279's keepalived", spec, false);
  return [
    ...all.flatMap(({ pool }, index) => localGroup(`pool${String(index + 1)}`, pool)),
    ...all.flatMap(({ from }, index) => block(`zone ${zoneOf(from)}`, [`laddr_group_name pool${String(index + 1)}`])),
    ...(spec.snat.length === 0 ? [] : spec.protocols.flatMap((protocol) => catchAll(protocol, []))),
  ];
}

function rules(spec: GatewaySpec): string[] {
  if (spec.snat.length === 0) return [];
  const name = "lvs-snat-v2's keepalived";
  onlyKnows(name, spec.snat, ['from', 'to', 'pool', 'oif', 'gateway', 'newGateway'], ['sh', 'sdh', 'random']);
  onlyIpv4(name, spec.snat);
  refuseTwins(name, spec.snat);
  refuseAnySource(name, spec.snat);
  return block('virtual_server fwmark 1', [
    'delay_loop 6',
    'lb_algo snat_sched',
    'lb_kind FNAT',
    ...spec.snat.flatMap((rule) =>
      block('snat_rule', [
        `from ${rule.from}`,
        ...line('to', rule.to),
        ...line('gw', rule.gateway),
        ...line('oif', rule.oif),
        ...line('new_gw', rule.newGateway),
        `snat_ip ${oneRange(name, rule)}`,
        ...line('algo', rule.algorithm),
      ]),
    ),
  ]);
}

function natSnat(spec: GatewaySpec): string[] {
  return natSnatRules(spec).flatMap(({ rule, mark }) => {
    const pool = rule.pool.flatMap((address) => block(`real_server ${address} 0`, ['weight 1']));
    const head = [`lb_algo ${rule.algorithm ?? 'rr'}`, 'lb_kind NAT'];
    if (mark !== undefined) return block(`virtual_server fwmark ${String(mark)}`, [...head, ...(isV6(rule.from) ? ['ip_family inet6'] : []), ...(rule.persistent ? [`persistence_timeout ${String(persistSeconds(rule, 0))}`] : []), ...pool]);
    return spec.protocols.flatMap((protocol) =>
      block(`virtual_server ${isV6(rule.from) ? '::' : '0.0.0.0'} 0`, [...head, `protocol ${protocol.toUpperCase()}`, `persistence_timeout ${String(persistSeconds(rule, 10))}`, ...pool]),
    );
  });
}

/** @throws CannotSay */
export function snat(language: LanguageName, spec: GatewaySpec): string[] {
  switch (language) {
    case 'dsnat': {
      onlyKnows("dsnat-220's keepalived", spec.snat, ['from', 'pool'], ['rr']);
      const [rule, more] = spec.snat;
      if (more || (rule && rule.from !== ANY)) throw new CannotSay("dsnat-220's keepalived", 'a choice by source network');
      return rule ? [...localGroup('pool', rule.pool), ...spec.protocols.flatMap((protocol) => catchAll(protocol, ['laddr_group_name pool']))] : [];
    }
    case 'dsnat-zones':
      return zones(spec);
    case 'snat-rules':
      return rules(spec);
    case 'nat-snat':
      return natSnat(spec);
    default:
      if (spec.snat.length > 0) throw new CannotSay(`${language}'s keepalived`, WHY[language]);
      return [];
  }
}

const WHY: Record<Exclude<LanguageName, 'dsnat' | 'dsnat-zones' | 'snat-rules' | 'nat-snat'>, string> = {
  'lvs-snat-zones': 'zones (its author left keepalived as it was)',
  fullnat: 'SNAT',
  'fwmark-snat': 'SNAT (its author published no such configuration)',
  'nat-service': 'SNAT (it was never seen to do it)',
  iptables: 'SNAT: that is iptables\' own',
  nftables: 'SNAT: that is nft\'s own',
};

/** What must be there beside keepalived for what it configures: the marks of nat-snat's rules. @throws CannotSay */
export function besideKeepalived(language: LanguageName, spec: GatewaySpec): Step[] {
  return language === 'nat-snat' ? natSnatMarks(spec) : [];
}
