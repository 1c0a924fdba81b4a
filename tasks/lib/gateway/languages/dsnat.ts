import { CannotSay, type GatewaySpec } from '../spec.js';
import type { Step } from '../steps.js';
import { ANY, flag, onlyIpv4, onlyKnows, serviceSteps } from '../words.js';

/** Xiaomi's dsnat and what came of it: pools are local addresses, on services or on zones; the ISP as a real server. */

/** dsnat's first edition: one pool for all, on the 0.0.0.0:0 service of each protocol. */
export function dsnat(spec: GatewaySpec): Step[] {
  onlyKnows('dsnat', spec.snat, ['from', 'pool'], ['rr']);
  onlyIpv4('dsnat', spec.snat);
  if (spec.snat.length > 1 || spec.snat.some(({ from }) => from !== ANY)) throw new CannotSay('dsnat', 'a choice by source network');
  return [
    ...(spec.snat.length === 0 ? [] : spec.protocols).flatMap((protocol): Step[] => {
      const service = [flag(protocol), '0.0.0.0:0'];
      const key = service.join(' ');
      return [
        { key, add: ['ipvsadm', '-A', ...service, '-s', 'rr'], remove: ['ipvsadm', '-D', ...service] },
        ...spec.snat.flatMap(({ pool }) =>
          pool.map((address): Step => ({ key: `${key} pool ${address}`, parent: key, add: ['ipvsadm', '-P', ...service, '-z', address], remove: ['ipvsadm', '-Q', ...service, '-z', address] })),
        ),
      ];
    }),
    ...serviceSteps(spec.services, true),
  ];
}

/**
 * SNAT's zones; where services have no local addresses of their own, those of FULLNAT are the last zone's, for all other
 * sources.
 * @throws CannotSay
 */
export function zonesOf(name: string, spec: GatewaySpec, serviceLocals: boolean): { from: string; pool: readonly string[] }[] {
  const locals = serviceLocals ? [] : [...new Set(spec.services.flatMap(({ local }) => local ?? []))];
  if (locals.length > 0 && spec.snat.some(({ from }) => from === ANY)) {
    throw new CannotSay(name, 'SNAT for all sources beside FULLNAT services, whose local addresses are the zone of all other sources; name the source networks');
  }
  return [...spec.snat, ...(locals.length > 0 ? [{ from: ANY, pool: locals }] : [])];
}

/** Zones: local addresses hang on source networks, which match in the order they were added. */
export function zones(name: string, addLocal: string, deleteLocal: string, serviceLocals: boolean): (spec: GatewaySpec) => Step[] {
  return (spec) => {
    onlyKnows(name, spec.snat, ['from', 'pool'], ['rr']);
    onlyIpv4(name, spec.snat);
    return [
      ...(spec.snat.length === 0 ? [] : spec.protocols).map((protocol): Step => {
        const service = [flag(protocol), '0.0.0.0:0'];
        return { key: service.join(' '), add: ['ipvsadm', '-A', ...service, '-s', 'rr'], remove: ['ipvsadm', '-D', ...service] };
      }),
      ...zonesOf(name, spec, serviceLocals).flatMap(({ from, pool }): Step[] => {
        const key = `zone ${from}`;
        return [
          { key, list: 'zones', add: ['ipvsadm', '-K', '--zone', from], remove: ['ipvsadm', '-V', '--zone', from] },
          // A zone with addresses cannot be deleted.
          ...pool.map((address): Step => ({ key: `${key} ${address}`, parent: key, stays: true, add: ['ipvsadm', addLocal, '--zone', from, '-z', address], remove: ['ipvsadm', deleteLocal, '--zone', from, '-z', address] })),
        ];
      }),
      ...serviceSteps(spec.services, serviceLocals),
    ];
  };
}

/** The first edition of lvs-snat-v2: marked packets, the ISP's router as real server, the pool as local addresses. */
export function fwmarkSnat(spec: GatewaySpec): Step[] {
  onlyKnows('fwmark-snat', spec.snat, ['from', 'pool'], ['rr']);
  onlyIpv4('fwmark-snat', spec.snat);
  if (spec.snat.length > 1) throw new CannotSay('fwmark-snat', 'more than one rule to one ISP');
  const { nextHop } = spec;
  if (spec.snat.length > 0 && nextHop === undefined) throw new CannotSay('fwmark-snat', "SNAT without the address of the ISP's router");
  const key = '-f 1';
  return [
    ...spec.snat.flatMap(({ from, pool }): Step[] => {
      const mark = ['-s', from, '-j', 'MARK', '--set-mark', '1'];
      return [
        { key: `mark ${from}`, add: ['iptables', '-t', 'mangle', '-A', 'PREROUTING', ...mark], remove: ['iptables', '-t', 'mangle', '-D', 'PREROUTING', ...mark] },
        { key, add: ['ipvsadm', '-A', '-f', '1', '-s', 'rr'], remove: ['ipvsadm', '-D', '-f', '1'] },
        ...pool.map((address): Step => ({ key: `${key} pool ${address}`, parent: key, add: ['ipvsadm', '-P', '-f', '1', '-z', address], remove: ['ipvsadm', '-Q', '-f', '1', '-z', address] })),
        { key: `${key} router ${nextHop ?? ''}`, parent: key, add: ['ipvsadm', '-a', '-f', '1', '-r', nextHop ?? '', '-b'], remove: ['ipvsadm', '-d', '-f', '1', '-r', nextHop ?? ''] },
      ];
    }),
    ...serviceSteps(spec.services, true),
  ];
}

/** Services only. */
export function fullnat(spec: GatewaySpec): Step[] {
  if (spec.snat.length > 0) throw new CannotSay('fullnat', 'SNAT');
  return serviceSteps(spec.services, true);
}
