import type { LanguageName } from './languages.js';
import { CannotSay, type GatewaySpec, type SnatRule } from './spec.js';

/**
 * keepalived.conf in each flavour's dialect: local_address_group and lb_kind FNAT (FULLNAT's keepalived), zone
 * (dsnat-279), snat_rule (lvs-snat-v2). Sources: the READMEs of the flavours, keepalived/check/check_parser.c of each.
 */

/** A VRRP instance. */
export interface VrrpInstance {
  name: string;
  interface: string;
  id: number;
  priority: number;
  /** With prefix length. */
  addresses: readonly string[];
}

export interface Vrrp {
  instances: readonly VrrpInstance[];
  password: string;
  /** True: this one begins as master. */
  master: boolean;
}

function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...body.map((line) => (line === '' ? '' : `    ${line}`)), '}'];
}

function localGroup(name: string, pool: readonly string[]): string[] {
  return block(`local_address_group ${name}`, pool);
}

function range(pool: readonly string[]): string {
  const first = pool[0] ?? '';
  const last = pool[pool.length - 1] ?? '';
  return first === last ? first : `${first}-${last}`;
}

function snatRule({ from, gateway, oif, newGateway, pool, algorithm }: SnatRule): string[] {
  return block('snat_rule', [
    `from ${from}`,
    ...(gateway === undefined ? [] : [`gw ${gateway}`]),
    ...(oif === undefined ? [] : [`oif ${oif}`]),
    ...(newGateway === undefined ? [] : [`new_gw ${newGateway}`]),
    `snat_ip ${range(pool)}`,
    ...(algorithm === undefined ? [] : [`algo ${algorithm}`]),
  ]);
}

/** "192.168.40.0/24" → "192.168.40.0 24" */
const zoneOf = (from: string): string => from.replace('/', ' ');

function catchAll(protocol: 'tcp' | 'udp', extra: readonly string[]): string[] {
  return block('virtual_server 0.0.0.0 0', ['delay_loop 6', 'lb_algo rr', 'lb_kind FNAT', `protocol ${protocol.toUpperCase()}`, ...extra]);
}

function snat(language: LanguageName, spec: GatewaySpec): string[] {
  const { protocols } = spec;
  switch (language) {
    case 'dsnat': {
      const [rule, more] = spec.snat;
      if (more) throw new CannotSay('dsnat', 'a choice by source network');
      return rule ? [...localGroup('pool', rule.pool), ...protocols.flatMap((protocol) => catchAll(protocol, ['laddr_group_name pool']))] : [];
    }
    case 'dsnat-zones':
      return [
        ...spec.snat.flatMap(({ pool }, index) => localGroup(`pool${String(index + 1)}`, pool)),
        ...spec.snat.flatMap(({ from }, index) => block(`zone ${zoneOf(from)}`, [`laddr_group_name pool${String(index + 1)}`])),
        ...(spec.snat.length === 0 ? [] : protocols.flatMap((protocol) => catchAll(protocol, []))),
      ];
    case 'snat-rules':
      return spec.snat.length === 0 ? [] : block('virtual_server fwmark 1', ['delay_loop 6', 'lb_algo snat_sched', 'lb_kind FNAT', ...spec.snat.flatMap(snatRule)]);
    case 'lvs-snat-zones':
      throw new CannotSay("lvs-snat-279's keepalived", 'zones (its author left keepalived as it was)');
    case 'fullnat':
      if (spec.snat.length > 0) throw new CannotSay('fullnat', 'SNAT');
      return [];
    case 'fwmark-snat':
      throw new CannotSay("lvs-snat-v2-first's keepalived", 'SNAT (its author published no such configuration)');
    case 'nat-snat':
      return spec.snat.flatMap(({ from, pool, persistent }) => {
        if (from !== '0.0.0.0/0') throw new CannotSay("nat-snat's keepalived", 'a source network without a mark');
        return protocols.flatMap((protocol) =>
          block('virtual_server 0.0.0.0 0', [
            'lb_algo rr',
            'lb_kind NAT',
            `protocol ${protocol.toUpperCase()}`,
            `persistence_timeout ${persistent ? '300' : '10'}`,
            ...pool.flatMap((address) => block(`real_server ${address} 0`, ['weight 1'])),
          ]),
        );
      });
    case 'nat-service':
    case 'iptables':
    case 'nftables':
      throw new CannotSay(language, 'anything to a keepalived of its own: its tools are the stock ones');
  }
}

function services(spec: GatewaySpec): string[] {
  return spec.services.flatMap(({ mode, protocol, address, port, servers, local }, index) => [
    ...(local ? localGroup(`service${String(index + 1)}`, local) : []),
    ...block(`virtual_server ${address} ${String(port)}`, [
      'delay_loop 6',
      'lb_algo rr',
      `lb_kind ${mode === 'nat' ? 'NAT' : 'FNAT'}`,
      `protocol ${protocol.toUpperCase()}`,
      ...(local ? [`laddr_group_name service${String(index + 1)}`] : []),
      ...servers.flatMap((server) => block(`real_server ${server.address} ${String(server.port)}`, ['weight 1'])),
    ]),
  ]);
}

function vrrp({ instances, password, master }: Vrrp): string[] {
  return [
    ...block('vrrp_sync_group GATEWAY', block('group', instances.map(({ name }) => name))),
    ...instances.flatMap(({ name, interface: device, id, priority, addresses }) =>
      block(`vrrp_instance ${name}`, [
        `state ${master ? 'MASTER' : 'BACKUP'}`,
        `interface ${device}`,
        `virtual_router_id ${String(id)}`,
        `priority ${String(priority)}`,
        'advert_int 1',
        ...block('authentication', ['auth_type PASS', `auth_pass ${password}`]),
        ...block('virtual_ipaddress', addresses.map((address) => `${address} dev ${device}`)),
      ]),
    ),
  ];
}

/**
 * A whole keepalived.conf.
 * @throws CannotSay
 */
export function renderKeepalived(language: LanguageName, spec: GatewaySpec, ha?: Vrrp): string {
  return [...block('global_defs', ['router_id gateway']), ...snat(language, spec), ...services(spec), ...(ha ? vrrp(ha) : []), ''].join('\n');
}
