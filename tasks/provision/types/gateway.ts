import type { RedirectRule } from '../../lib/gateway/chroute.js';
import type { LanguageName } from '../../lib/gateway/languages.js';
import type { HealthCheck, Service, SnatRule } from '../../lib/gateway/spec.js';

export type { HealthCheck } from '../../lib/gateway/spec.js';

/** A gateway as gateway.yaml says it, and how its hosts are reached. */

/** A gateway as one host is to be: gateway.yaml with its defaults, references and this host's own values filled in. */
export interface Gateway {
  /** Name of the host in gateway.yaml; the name given with --host when the file names no hosts. */
  host: string;
  flavour: string;
  addons: readonly string[];
  /** Artifact folder, absolute. */
  artifact: string;
  language: LanguageName;
  /** Ports that a public address has for each protocol and server outside. */
  ports: { first: number; last: number };
  interfaces: readonly GatewayInterface[];
  snat: readonly SnatRule[];
  /** Protocols of the SNAT services, where a language has one per protocol. */
  protocols: readonly ('tcp' | 'udp')[];
  services: readonly GatewayService[];
  redirects: readonly RedirectRule[];
  /** Who configures IPVS: our start script, or keepalived from keepalived.conf. Services with checks are always keepalived's. */
  rulesBy: 'script' | 'keepalived';
  tuning: Tuning;
  ha?: HighAvailability;
  access: Access;
  /** Minutes until a gateway that nobody confirmed goes back to what it was. */
  confirmMinutes: number;
  /** Arm the BMC's watchdog, where there is one, before a kernel is tried. */
  watchdog: boolean;
  /** Proof by traffic: a client inside, and a TCP service outside that it opens a connection to. */
  probe?: { client: SshAccess; connect: { address: string; port: number } };
}

export interface GatewayInterface {
  device: string;
  role: 'inside' | 'outside' | 'management' | 'other';
  /** With prefix length, IPv4 and IPv6. Empty: whatever the host gives it. */
  addresses: readonly string[];
  /** Next hops, one for a family: of its default route (outside), or of the routes below. */
  gateways?: readonly string[];
  /** Networks reached through the next hop of their family in place of its default route. */
  routes: readonly string[];
  mtu?: number;
}

export interface GatewayService extends Service {
  scheduler: string;
  /** Seconds a client keeps its real server. */
  persistence?: number;
  check?: HealthCheck;
}

export interface Tuning {
  /** undefined: the kernel's or driver's own. Per device over the default for inside and outside devices. */
  offloads: Readonly<Record<string, Readonly<Record<string, 'on' | 'off'>>>>;
  /** Ring sizes by device; 'max' is what the device can. */
  rings: Readonly<Record<string, { rx?: number | 'max'; tx?: number | 'max' }>>;
  irq: { policy: 'spread' | 'numa' | 'none'; irqbalance: 'ban' | 'off' | 'keep' };
  /** Receive packet steering over all cores, for devices with fewer queues than cores. */
  rps: boolean;
  /** Entries; undefined: the kernel's default. */
  conntrack: { max?: number; buckets?: number };
  /** log2 of IPVS's connection table; a module parameter. */
  ipvsTableBits?: number;
  /** Name to value, in the order they are set; ip_forward and the flavour's own are in it. */
  sysctls: Readonly<Record<string, string>>;
  /** Switches IPVS's debug messages on (needs a kernel built with them). */
  debugLevel?: number;
}

export interface HighAvailability {
  /** Secret: never in a log, in a plan's diff or in a file that others can read. */
  password: string;
  priority: number;
  /** The one with the highest priority begins as master. */
  master: boolean;
  instances: readonly {
    name: string;
    device: string;
    id: number;
    addresses: readonly string[];
    /** Adverts to these peers in place of multicast. */
    unicast?: { source: string; peers: readonly string[] };
  }[];
  syncGroup: string;
  /** IPVS's connection synchronisation. */
  sync?: { device: string; id: number };
  /** Seconds that a host which comes back leaves the role where it is. */
  preemptDelay: number;
  /** The other peers, by name, with an address of each on the first instance's network. */
  peers: readonly { name: string; address?: string }[];
}

export interface Access {
  /** Address of this host that no service uses and ssh goes to. */
  management?: string;
  /** TCP ports that stay open on the host itself. */
  ports: readonly number[];
  /** Stop what comes from inside and is not translated. */
  leakGuard: boolean;
}

/** How ssh reaches a host of gateway.yaml. */
export interface SshAccess {
  /** What ssh's command line takes: a host of its configuration, an address, user@host. */
  destination: string;
  port?: number;
  /** Absolute path of ssh's configuration; undefined: the user's own. */
  config?: string;
  /** Absolute path of a private key. */
  identity?: string;
  /** Allow what EL6's sshd needs and a current ssh refuses. */
  oldAlgorithms: boolean;
}
