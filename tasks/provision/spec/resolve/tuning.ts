import type { Flavour } from '../../../lib/flavours/schema.js';
import { formatNetwork, isPrivateAddress, parseCidr } from '../../../lib/net/address.js';
import { isCatchAll } from '../../../lib/gateway/languages/nat.js';
import type { SnatRule } from '../../../lib/gateway/spec.js';
import type { GatewayInterface, Tuning } from '../../types.js';
import type { GatewayFile } from '../schema/index.js';

/** Settings of devices and kernel: what the flavour needs, then what the operator says. */

/** A device's name as a part of a setting's: a dot in it is a slash. */
const inSetting = (device: string): string => device.replaceAll('.', '/');

interface Facts {
  interfaces: readonly GatewayInterface[];
  snat: readonly SnatRule[];
  fullnat: boolean;
  /** Some traffic leaves by another device than the routing table's. */
  detours: boolean;
  leakGuard: boolean;
  sixes: boolean;
}

function offloads(file: GatewayFile, flavour: Flavour, interfaces: readonly GatewayInterface[]): Tuning['offloads'] {
  const { gro, offloads: own } = file.tuning;
  const through = interfaces.filter(({ role }) => role === 'inside' || role === 'outside').map(({ device }) => device);
  const groState = gro ?? (flavour.gateway.off.includes('gro') ? 'off' : undefined);
  const devices = [...new Set([...through, ...Object.keys(own)])];
  return Object.fromEntries(
    devices.map((device) => [
      device,
      // Forwarding what LRO has glued together breaks it; the kernel's own automatic can be undone silently.
      { ...(through.includes(device) ? { lro: 'off' as const, ...(groState === undefined ? {} : { gro: groState }) } : {}), ...own[device] },
    ]),
  );
}

function settings(file: GatewayFile, flavour: Flavour, facts: Facts): Record<string, string> {
  const { interfaces, snat, fullnat, detours, leakGuard, sixes } = facts;
  const outside = interfaces.filter(({ role }) => role === 'outside');
  const language = flavour.language?.name;
  const set: Record<string, string> = {
    'net.ipv4.ip_forward': '1',
    ...(sixes ? { 'net.ipv6.conf.all.forwarding': '1' } : {}),
    // Answers come in by the ISP's device, whatever the routing table says about where they come from.
    ...(outside.length > 1 || detours ? Object.fromEntries(outside.map(({ device }) => [`net.ipv4.conf.${inSetting(device)}.rp_filter`, '2'])) : {}),
    ...flavour.gateway.sysctls,
    // The option tells servers outside the client's inside address; FULLNAT's own servers may be reading it.
    ...(flavour.gateway.toa !== undefined && snat.length > 0 && !fullnat ? { [flavour.gateway.toa]: '0' } : {}),
  };
  if (language === 'nat-snat' && snat.length > 0) {
    set['net.ipv4.vs.snat_guard'] = leakGuard ? '1' : '0';
    // Services that take everything have -p because ipvsadm wants it; whether clients shall stick is said here.
    if (snat.some(isCatchAll)) set['net.ipv4.vs.snat_persist'] = snat.some((rule) => isCatchAll(rule) && rule.persistent) ? '1' : '0';
    // By default private sources are what it takes, and private destinations what it leaves alone.
    const inside = interfaces.filter(({ role }) => role === 'inside').flatMap(({ addresses, routes }) => [...addresses, ...routes]).flatMap((text) => parseCidr(text) ?? []);
    if (inside.some(({ family, address }) => !isPrivateAddress({ family, value: address }))) {
      set['net.ipv4.vs.snat_sources'] = [...new Set(inside.map(formatNetwork))].join(',');
      set['net.ipv4.vs.snat_oif'] = outside.map(({ device }) => device).join(',');
    }
  }
  if (file.tuning.conntrack.max !== undefined) set['net.netfilter.nf_conntrack_max'] = String(file.tuning.conntrack.max);
  if (file.tuning.debug !== undefined) set['net.ipv4.vs.debug_level'] = String(file.tuning.debug);
  for (const [name, value] of Object.entries(file.tuning.sysctls)) {
    // The last one said is set last.
    Reflect.deleteProperty(set, name);
    set[name] = String(value);
  }
  return set;
}

export function resolveTuning(file: GatewayFile, flavour: Flavour, facts: Facts): Tuning {
  const { tuning } = file;
  return {
    offloads: offloads(file, flavour, facts.interfaces),
    rings: tuning.rings,
    irq: tuning.irq,
    rps: tuning.rps,
    conntrack: tuning.conntrack,
    ...(tuning.ipvs.table_bits === undefined ? {} : { ipvsTableBits: tuning.ipvs.table_bits }),
    sysctls: settings(file, flavour, facts),
    ...(tuning.debug === undefined ? {} : { debugLevel: tuning.debug }),
  };
}
