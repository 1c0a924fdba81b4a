import type { LanguageName } from '../languages.js';
import { CannotSay, type HealthCheck, type Service } from '../spec.js';
import { refuseFullnat } from '../words.js';
import { block, line, localGroup } from './block.js';

/** Virtual services with their real servers and health checks in keepalived.conf. */

/** Which keepalived reads it: 1.2.2 with the authors' changes, or a current one. What is said for 1.2 a current one reads too. */
export const isCurrent = (language: LanguageName): boolean => language === 'nat-snat' || language === 'nftables';

const NO_FULLNAT: readonly LanguageName[] = ['nat-service', 'nat-snat', 'iptables', 'nftables'];

function check(language: LanguageName, { kind, path, status, digest, port, timeout, retries }: HealthCheck): string[] {
  if (kind === 'tcp') {
    if (retries !== undefined && !isCurrent(language)) throw new CannotSay('keepalived 1.2', 'retries of a TCP check');
    return block('TCP_CHECK', [...line('connect_port', port), `connect_timeout ${String(timeout)}`, ...(retries === undefined ? [] : [`retry ${String(retries)}`, 'delay_before_retry 1'])]);
  }
  return block(kind === 'http' ? 'HTTP_GET' : 'SSL_GET', [
    ...block('url', [`path ${path ?? '/'}`, ...line('digest', digest), ...line('status_code', status)]),
    ...line('connect_port', port),
    `connect_timeout ${String(timeout)}`,
    ...(retries === undefined ? [] : [`${isCurrent(language) ? 'retry' : 'nb_get_retry'} ${String(retries)}`]),
    'delay_before_retry 1',
  ]);
}

/** FULLNAT's local addresses: a group of the service's, or (dsnat-279) the zone's, which are said elsewhere. @throws CannotSay */
function locals(language: LanguageName, local: readonly string[] | undefined, name: string): { group: string[]; words: string[] } {
  if (!local || language === 'dsnat-zones') return { group: [], words: [] };
  if (language === 'lvs-snat-zones') throw new CannotSay("lvs-snat-279's keepalived", 'local addresses of a service (its author left it as dsnat\'s was, where they are a zone\'s)');
  return { group: localGroup(name, local), words: [`laddr_group_name ${name}`] };
}

/** @throws CannotSay */
export function services(language: LanguageName, list: readonly Service[]): string[] {
  if (NO_FULLNAT.includes(language)) refuseFullnat(language, list);
  return list.flatMap((service, index) => {
    const { mode, protocol, address, port, servers, local, scheduler, persistence, check: health } = service;
    const { group, words } = locals(language, local, `service${String(index + 1)}`);
    return [
      ...group,
      ...block(`virtual_server ${address} ${String(port)}`, [
        `delay_loop ${String(health?.interval ?? 6)}`,
        `lb_algo ${scheduler ?? 'rr'}`,
        `lb_kind ${mode === 'nat' ? 'NAT' : 'FNAT'}`,
        `protocol ${protocol.toUpperCase()}`,
        ...line('persistence_timeout', persistence),
        ...words,
        ...servers.flatMap((server) => block(`real_server ${server.address} ${String(server.port)}`, [`weight ${String(server.weight ?? 1)}`, ...(health ? check(language, health) : [])])),
      ]),
    ];
  });
}
