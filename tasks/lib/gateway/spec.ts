/** What a gateway does, said once for all flavours; languages.ts renders it for each flavour's tools. */

/** A stretch of public addresses that SNAT chooses from. */
export interface SnatRule {
  /** Source network: 192.168.40.0/24; 0.0.0.0/0 takes all. */
  from: string;
  /** Only what goes to this network. */
  to?: string;
  /** Public addresses, in order, without gaps where a language takes only ranges. */
  pool: readonly string[];
  /** Only what leaves by this interface. */
  oif?: string;
  /** Only what the routing table sends to this next hop. */
  gateway?: string;
  /** Send it to this next hop instead. */
  newGateway?: string;
  /** How an address is chosen: by source (sh), by source and destination (sdh), at random, in turn (rr). */
  algorithm?: 'sh' | 'sdh' | 'random' | 'rr';
  /** One client keeps one address (iptables --persistent, nft persistent, ipvsadm -p). */
  persistent?: boolean;
  /** How long after its last connection, seconds, where a language can say it. */
  persistSeconds?: number;
}

/** How a real server's health is looked at, in keepalived's terms. */
export interface HealthCheck {
  kind: 'tcp' | 'http' | 'https';
  /** http, https: path asked for and status expected. */
  path?: string;
  status?: number;
  /** http, https: MD5 of the page, 32 hexadecimal digits. */
  digest?: string;
  /** Another port than the real server's. */
  port?: number;
  /** Seconds. */
  timeout: number;
  interval: number;
  /** Further tries before a server is taken out; undefined: keepalived's own. */
  retries?: number;
}

/** A virtual service on the same gateway. */
export interface Service {
  mode: 'nat' | 'fullnat';
  protocol: 'tcp' | 'udp';
  address: string;
  port: number;
  /** weight: 1 when left out; 0 takes no new connections. */
  servers: readonly { address: string; port: number; weight?: number }[];
  /** rr when left out. */
  scheduler?: string;
  /** Seconds a client keeps its real server. */
  persistence?: number;
  /** FULLNAT: addresses that servers see. */
  local?: readonly string[];
  /** Only keepalived looks at health. */
  check?: HealthCheck;
}

export interface GatewaySpec {
  snat: readonly SnatRule[];
  /** Protocols of the SNAT services, where a language has one per protocol. */
  protocols: readonly ('tcp' | 'udp')[];
  services: readonly Service[];
  /** Next hop of the uplink, for the language whose real server it is. */
  nextHop?: string;
  /** Outgoing interface, for rules that need one. */
  outside: string;
}

/** Thrown when a language has no words for something; the message says for what. */
export class CannotSay extends Error {
  constructor(
    readonly language: string,
    readonly what: string,
  ) {
    super(`${language} cannot say: ${what}`);
    this.name = 'CannotSay';
  }
}
