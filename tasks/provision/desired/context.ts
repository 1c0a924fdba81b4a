import type { ArtifactTree } from '../../lib/artifact.js';
import type { Step } from '../../lib/gateway/steps.js';
import type { Gateway, GatewayInterface, HostFacts, Resource, Effect } from '../types.js';

/** What every part is made from, and what it gives. */

export const ETC = '/etc/build-kernel';
/** Comes first in root's PATH on EL6 as on Debian, and no package of a distribution writes there. */
export const SBIN = '/usr/local/sbin';
export const GATEWAY = `${ETC}/gateway`;

export interface Context {
  gateway: Gateway;
  words: Words;
  facts: HostFacts;
  artifact: ArtifactTree;
  tools: Tools;
}

/** Programs that the gateway runs, by absolute path on the host. */
export interface Tools {
  /** undefined: there is none. */
  ipvsadm?: string;
  keepalived?: string;
  iptables?: string;
  ip6tables?: string;
  /** keepalived is the host's own package, with its own unit. */
  ownKeepalived: boolean;
  /** Paths of the artifact that are put on the host. */
  install: ReadonlySet<string>;
}

/** What the flavour's tools are told: the start script's steps by program, and keepalived.conf. */
export interface Words {
  ipvs: readonly Step[];
  /** iptables and ip6tables: SNAT, marks, CHROUTE. */
  netfilter: readonly Step[];
  /** Settings that a language makes with sysctl, by name. */
  settings: Readonly<Record<string, string>>;
  /** undefined: keepalived has nothing to do here. */
  keepalived?: string;
}

export interface Part {
  resources: Resource[];
  effects: Effect[];
}

export const nothing: Part = { resources: [], effects: [] };

export const join = (parts: readonly Part[]): Part => ({ resources: parts.flatMap(({ resources }) => resources), effects: parts.flatMap(({ effects }) => effects) });

export const file = (part: string, path: string, content: string, why: string, mode = 0o644): Resource => ({ kind: 'file', part, path, content, why, mode });
export const script = (part: string, path: string, content: string, why: string): Resource => file(part, path, content, why, 0o755);
export const link = (part: string, path: string, to: string, why: string): Resource => ({ kind: 'link', part, path, to, why });
export const absent = (part: string, path: string, why: string): Resource => ({ kind: 'absent', part, path, why });

export const withRole = ({ interfaces }: Gateway, ...roles: GatewayInterface['role'][]): GatewayInterface[] => interfaces.filter(({ role }) => roles.includes(role));

/** Does IPVS run here: SNAT by it, or services. */
export function usesIpvs({ language, services }: Gateway): boolean {
  return services.length > 0 || (language !== 'iptables' && language !== 'nftables');
}
