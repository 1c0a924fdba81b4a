import { dirname, join, resolve } from 'node:path';
import type { Flavour } from '../../../lib/flavours/schema.js';
import type { LanguageName } from '../../../lib/gateway/languages.js';
import type { GatewaySpec } from '../../../lib/gateway/spec.js';
import type { Gateway, GatewayService, HealthCheck, SshAccess } from '../../types.js';
import type { GatewayFile } from '../schema/index.js';
import { resolveHa, withCarried } from './ha.js';
import { carriedAddresses, networksOf, ownInterfaces } from './interfaces.js';
import { expandPool, plain, plainNetwork, snatRules } from './pools.js';
import { resolveTuning } from './tuning.js';

/** gateway.yaml, its defaults and references filled in for one host. */

/** What a file was read with beside its text. */
export interface Surroundings {
  /** Absolute path of the file; paths in it are relative to its folder. */
  file: string;
  flavour: Flavour;
  /** VRRP's, from the file or its password_file. */
  password: string;
}

function healthCheck({ kind, path, status, digest, port, timeout, interval, retries }: NonNullable<GatewayFile['services'][number]['check']>): HealthCheck {
  const http = kind !== 'tcp';
  return {
    kind,
    ...(http ? { path: path ?? '/' } : {}),
    ...(http && (status !== undefined || digest === undefined) ? { status: status ?? 200 } : {}),
    ...(http && digest !== undefined ? { digest } : {}),
    ...(port === undefined ? {} : { port }),
    timeout,
    interval,
    ...(retries === undefined ? {} : { retries }),
  };
}

function services(file: GatewayFile): GatewayService[] {
  return file.services.map((service) => ({
    mode: service.mode,
    protocol: service.protocol,
    address: plain(service.address),
    port: service.port,
    scheduler: service.scheduler,
    ...(service.persistence === undefined ? {} : { persistence: service.persistence }),
    servers: service.servers.map(({ address, port, weight }) => ({ address: plain(address), port: port ?? service.port, weight })),
    ...(service.local === undefined ? {} : { local: expandPool(service.local) }),
    ...(service.check ? { check: healthCheck(service.check) } : {}),
  }));
}

/** Protocols that the flavour's SNAT gets right: what its data calls broken is left out unless it is asked for. */
export const soundProtocols = ({ broken }: Flavour): ('tcp' | 'udp')[] => (['tcp', 'udp'] as const).filter((protocol) => !Object.hasOwn(broken, `snat-${protocol}`));

/** Artifact folder of a flavour with add-ons, as build makes it. */
export const artifactFolder = ({ artifact, flavour, with: addons }: GatewayFile, file: string): string =>
  artifact === undefined ? join(dirname(file), 'artifacts', [flavour, ...addons].join('+')) : resolve(dirname(file), artifact);

/**
 * The gateway that one host is to be. The file's rules hold (see ../rules); names that it does not resolve are left out.
 */
export function resolveGateway(file: GatewayFile, host: string, { file: path, flavour, password }: Surroundings): Gateway {
  const interfaces = ownInterfaces(file, host);
  const snat = snatRules(file);
  const list = services(file);
  const shared = file.ha !== undefined;
  const carried = carriedAddresses(snat, list, interfaces, networksOf(interfaces, file.ha?.instances ?? []));
  const own = Object.hasOwn(file.hosts, host) ? file.hosts[host] : undefined;
  const management = own?.management ?? file.access.management;
  const ha = resolveHa(file, host, password, carried);
  const redirects = file.redirects.map(({ from, to, protocol, port, iif, oif, gw, next_hop: nextHop }) => ({
    ...(from === undefined ? {} : { from: plainNetwork(from) }),
    ...(to === undefined ? {} : { to: plainNetwork(to) }),
    ...(protocol === undefined ? {} : { protocol }),
    ...(port === undefined ? {} : { port }),
    ...(iif === undefined ? {} : { iif }),
    ...(oif === undefined ? {} : { oif }),
    ...(gw === undefined ? {} : { oldHop: plain(gw) }),
    nextHop: plain(nextHop),
  }));
  const complete = withCarried(interfaces, carried, shared);
  return {
    host,
    flavour: file.flavour,
    addons: file.with,
    artifact: artifactFolder(file, path),
    language: (flavour.language?.name ?? 'iptables') as LanguageName,
    ports: flavour.gateway.ports,
    interfaces: complete,
    snat,
    protocols: file.protocols ?? soundProtocols(flavour),
    services: list,
    redirects,
    rulesBy: file.rules_by ?? 'script',
    tuning: resolveTuning(file, flavour, {
      interfaces,
      snat,
      fullnat: list.some(({ mode }) => mode === 'fullnat'),
      detours: redirects.length > 0 || snat.some(({ newGateway, gateway }) => newGateway !== undefined || gateway !== undefined),
      leakGuard: file.access.leak_guard,
      sixes: [...complete.flatMap(({ addresses, gateways = [], routes }) => [...addresses, ...routes, ...gateways]), ...snat.flatMap(({ pool }) => pool), ...list.map(({ address }) => address), ...(ha?.instances ?? []).flatMap(({ addresses }) => addresses)].some((text) => text.includes(':')),
    }),
    ...(ha ? { ha } : {}),
    access: { ...(management === undefined ? {} : { management: plain(management) }), ports: file.access.ports, leakGuard: file.access.leak_guard },
    confirmMinutes: file.confirm_minutes,
    watchdog: file.watchdog === 'on',
    ...(file.probe ? { probe: { client: sshOf(file.probe.from, path, ''), connect: { address: plain(file.probe.connect.address), port: file.probe.connect.port } } } : {}),
  };
}

/** @param path absolute path of the file that says it */
function sshOf(ssh: NonNullable<GatewayFile['hosts'][string]>['ssh'], path: string, otherwise: string): SshAccess {
  const absolute = (given: string): string => resolve(dirname(path), given);
  return {
    destination: ssh.destination ?? otherwise,
    ...(ssh.port === undefined ? {} : { port: ssh.port }),
    ...(ssh.config === undefined ? {} : { config: absolute(ssh.config) }),
    ...(ssh.identity === undefined ? {} : { identity: absolute(ssh.identity) }),
    oldAlgorithms: ssh.old_algorithms,
  };
}

/** How ssh reaches a host: what the file says of it, else its name. */
export function sshAccess(file: GatewayFile, host: string, path: string): SshAccess {
  const ssh = Object.hasOwn(file.hosts, host) ? file.hosts[host]?.ssh : undefined;
  return sshOf(ssh ?? { old_algorithms: false }, path, host);
}

/** What the languages take (tasks/lib/gateway). */
export function languageSpec({ snat, protocols, services: list, interfaces }: Pick<Gateway, 'snat' | 'protocols' | 'services' | 'interfaces'>): GatewaySpec {
  const outside = interfaces.find(({ role }) => role === 'outside');
  const nextHop = outside?.gateways?.find((each) => !each.includes(':'));
  return { snat, protocols, services: list, ...(nextHop === undefined ? {} : { nextHop }), outside: outside?.device ?? '' };
}
