/** What a gateway is doing right now: plain data, the same in JSON. */

/** Use of one public address. */
export interface AddressUse {
  address: string;
  /** The host has the address: it answers for it. undefined: could not be read. */
  held?: boolean;
  /** By protocol: connections, and different ports that they use. */
  use: Readonly<Record<string, { connections: number; ports: number }>>;
}

export interface PoolStatus {
  /** Source networks. */
  from: string;
  /** Ports that one of its addresses has for one protocol and one server outside. */
  ports: number;
  addresses: readonly AddressUse[];
}

export interface Rates {
  /** Seconds between the two samples. */
  seconds: number;
  /** IPVS's own counter; undefined without IPVS. */
  newConnections?: number;
  /** Per second, by device. */
  devices: readonly { device: string; role: string; rxPackets: number; txPackets: number; rxBytes: number; txBytes: number; rxDropped: number; txDropped: number }[];
}

export interface GatewayStatus {
  host: string;
  flavour: string;
  date: string;
  release: string;
  /** Seconds since boot. */
  uptime: number;
  /** The table that `pools` and `states` are counted from; undefined: none could be read, `tableReason` says why. */
  table?: 'ipvs' | 'conntrack';
  tableReason?: string;
  pools: readonly PoolStatus[];
  /** Connections by protocol and state, services' too. */
  states: readonly { protocol: string; state: string; connections: number }[];
  conntrack?: { count: number; max: number };
  rates: Rates;
  /** undefined: one gateway alone. */
  vrrp?: { role: 'master' | 'backup' | 'mixed'; running: boolean; instances: readonly { name: string; device: string; held: readonly string[]; missing: readonly string[] }[] };
  /** undefined: never provisioned. */
  run?: { current?: { id: string; state: string }; pending?: { id: string; state: string; secondsLeft?: number } };
}
