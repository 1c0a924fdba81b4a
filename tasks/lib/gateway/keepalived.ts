import { block } from './keepalived/block.js';
import { services } from './keepalived/services.js';
import { snat } from './keepalived/snat.js';
import { syncDaemon, vrrp, type Vrrp } from './keepalived/vrrp.js';
import type { LanguageName } from './languages.js';
import type { GatewaySpec } from './spec.js';

/**
 * keepalived.conf in each flavour's dialect: local_address_group and lb_kind FNAT (FULLNAT's keepalived), zone
 * (dsnat-279), snat_rule (lvs-snat-v2). Sources: the READMEs of the flavours, keepalived/check/check_parser.c and
 * vrrp/vrrp_parser.c of each; keepalived.conf(5) of 2.2.7.
 */

export { besideKeepalived } from './keepalived/snat.js';
export type { Vrrp, VrrpInstance } from './keepalived/vrrp.js';

/**
 * A whole keepalived.conf. It holds the password of VRRP: mode 0600.
 * @throws CannotSay
 */
export function renderKeepalived(language: LanguageName, spec: GatewaySpec, ha?: Vrrp): string {
  return [...block('global_defs', ['router_id gateway', ...(ha ? syncDaemon(language, ha) : [])]), ...snat(language, spec), ...services(language, spec.services), ...(ha ? vrrp(language, ha) : []), ''].join('\n');
}
