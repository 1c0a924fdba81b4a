import type { LanguageName } from '../languages.js';
import { CannotSay } from '../spec.js';
import { isV6 } from '../words.js';
import { block, line } from './block.js';
import { isCurrent } from './services.js';

/** VRRP in keepalived.conf. */

/** A VRRP instance. */
export interface VrrpInstance {
  name: string;
  /** Device of the adverts, and of the addresses. */
  interface: string;
  id: number;
  priority: number;
  /** With prefix length. */
  addresses: readonly string[];
  /** Adverts go to these peers in place of the multicast group (current keepalived only). */
  unicast?: { source: string; peers: readonly string[] };
}

export interface Vrrp {
  instances: readonly VrrpInstance[];
  password: string;
  /** True: this one begins as master. */
  master: boolean;
  /** Name of the group whose instances change sides together; GATEWAY when left out. */
  syncGroup?: string;
  /** IPVS's connection synchronisation: who is master sends, the others listen. keepalived 1.2 takes the id from the instance. */
  sync?: { interface: string; id: number };
  /** Seconds that one which comes back leaves the role where it is: time for the other to send what connections there are. */
  preemptDelay?: number;
}

/** The line for global_defs; keepalived 1.2 has one in an instance. */
export function syncDaemon(language: LanguageName, { sync, instances: [first] }: Vrrp): string[] {
  return sync && first && isCurrent(language) ? [`lvs_sync_daemon ${sync.interface} ${first.name} id ${String(sync.id)}`] : [];
}

/** Addresses that an advert has room for (VRRP_MAX_VIP); the rest move with the role and are not advertised. */
const ADVERTISED = 20;

/** One family is advertised, that of the first address. */
function split(addresses: readonly string[]): { advertised: string[]; excluded: string[] } {
  const six = addresses[0] !== undefined && isV6(addresses[0]);
  const own = addresses.filter((address) => isV6(address) === six);
  return { advertised: own.slice(0, ADVERTISED), excluded: [...own.slice(ADVERTISED), ...addresses.filter((address) => isV6(address) !== six)] };
}

/** @throws CannotSay */
export function vrrp(language: LanguageName, { instances, password, master, syncGroup = 'GATEWAY', sync, preemptDelay = 0 }: Vrrp): string[] {
  return [
    ...block(`vrrp_sync_group ${syncGroup}`, block('group', instances.map(({ name }) => name))),
    ...instances.flatMap(({ name, interface: device, id, priority, addresses, unicast }, index) => {
      if (unicast && !isCurrent(language)) throw new CannotSay('keepalived 1.2', 'unicast VRRP');
      const { advertised, excluded } = split(addresses);
      const onDevice = (list: readonly string[]): string[] => list.map((address) => `${address} dev ${device}`);
      return block(`vrrp_instance ${name}`, [
        // One that begins as master does not wait.
        `state ${master && preemptDelay === 0 ? 'MASTER' : 'BACKUP'}`,
        ...(preemptDelay > 0 ? [`preempt_delay ${String(preemptDelay)}`] : []),
        `interface ${device}`,
        ...(sync && index === 0 && !isCurrent(language) ? [`lvs_sync_daemon_interface ${sync.interface}`] : []),
        ...(advertised[0] !== undefined && isV6(advertised[0]) ? ['native_ipv6'] : []),
        `virtual_router_id ${String(id)}`,
        `priority ${String(priority)}`,
        'advert_int 1',
        ...(unicast ? [...line('unicast_src_ip', unicast.source), ...block('unicast_peer', unicast.peers)] : []),
        ...block('authentication', ['auth_type PASS', `auth_pass ${password}`]),
        ...block('virtual_ipaddress', onDevice(advertised)),
        ...(excluded.length > 0 ? block('virtual_ipaddress_excluded', onDevice(excluded)) : []),
      ]);
    }),
  ];
}
