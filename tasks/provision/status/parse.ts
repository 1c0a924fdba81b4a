import { formatAddress, parseAddress } from '../../lib/net/address.js';
import type { GatewayInterface } from '../types.js';
import { addressOfHex } from './hex.js';
import type { AddressUse, GatewayStatus, Rates } from './types.js';

/** Readers of what the host's files and programs print. */

type Counters = Readonly<Record<'rxBytes' | 'rxPackets' | 'rxDropped' | 'txBytes' | 'txPackets' | 'txDropped', number>>;

export interface Sample {
  uptime: number;
  devices: ReadonlyMap<string, Counters>;
  /** Connections since boot; undefined without IPVS. */
  connections?: number | undefined;
}

/** /proc/net/dev: bytes packets errs drop fifo frame compressed multicast, and the same for what is sent. */
export function parseDevices(text: string): Map<string, Counters> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const match = /^\s*([^\s:]+):\s*(.+)$/.exec(line);
      if (!match) return [];
      const [rxBytes = 0, rxPackets = 0, , rxDropped = 0, , , , , txBytes = 0, txPackets = 0, , txDropped = 0] = (match[2] ?? '').trim().split(/\s+/).map(Number);
      return [[match[1] ?? '', { rxBytes, rxPackets, rxDropped, txBytes, txPackets, txDropped }]];
    }),
  );
}

/** /proc/net/ip_vs_stats: two lines of titles, then totals in hexadecimal, connections first. */
export function parseIpvsConnections(text: string): number | undefined {
  const totals = text.split('\n').find((line) => /^\s*[0-9A-F]+(\s+[0-9A-F]+){4}\s*$/.test(line));
  return totals === undefined ? undefined : Number.parseInt(totals.trim().split(/\s+/)[0] ?? '', 16);
}

/** What usage.awk prints. */
export function parseUsage(text: string): { use: Map<string, AddressUse['use']>; states: GatewayStatus['states'] } {
  const use = new Map<string, Record<string, { connections: number; ports: number }>>();
  const states: { protocol: string; state: string; connections: number }[] = [];
  for (const line of text.split('\n')) {
    const [kind, first = '', second = '', third = '', fourth = ''] = line.split(' ');
    if (kind === 'use' && /^([0-9A-F]{8}|[0-9A-F]{32})$/.test(first)) {
      const address = addressOfHex(first);
      const uses = use.get(address) ?? {};
      uses[second] = { connections: Number(third), ports: Number(fourth) };
      use.set(address, uses);
    } else if (kind === 'state') {
      states.push({ protocol: first, state: second, connections: Number(third) });
    }
  }
  return { use, states: states.sort((a, b) => b.connections - a.connections || a.state.localeCompare(b.state)) };
}

/** Addresses of `ip -o addr show`, in their usual form. */
export function parseHeld(text: string): Set<string> {
  return new Set(
    [...text.matchAll(/\binet6? ([0-9a-fA-F.:]+)/g)].map((match) => {
      const address = parseAddress(match[1] ?? '');
      return address ? formatAddress(address) : (match[1] ?? '');
    }),
  );
}

/** `engine status`. @returns undefined when there is no run */
export function parseEngine(text: string): GatewayStatus['run'] {
  const found: { current?: { id: string; state: string }; pending?: { id: string; state: string; secondsLeft?: number } } = {};
  for (const line of text.split('\n')) {
    const [which, id = '', state = ''] = line.split(' ');
    if (which === 'current' || which === 'pending') found[which] = { id, state };
    if (which === 'seconds-left' && found.pending?.id === id) found.pending.secondsLeft = Number(state);
  }
  return found.current || found.pending ? found : undefined;
}

export function ratesOf(before: Sample, after: Sample, interfaces: readonly GatewayInterface[]): Rates {
  const seconds = after.uptime - before.uptime;
  const per = (from = 0, to = 0): number => (seconds > 0 && to >= from ? Math.round(((to - from) / seconds) * 10) / 10 : 0);
  return {
    seconds: Math.round(seconds * 100) / 100,
    ...(before.connections === undefined || after.connections === undefined ? {} : { newConnections: per(before.connections, after.connections) }),
    devices: interfaces.flatMap(({ device, role }) => {
      const [from, to] = [before.devices.get(device), after.devices.get(device)];
      if (!from || !to) return [];
      const rate = (name: keyof Counters): number => per(from[name], to[name]);
      return [{ device, role, rxPackets: rate('rxPackets'), txPackets: rate('txPackets'), rxBytes: rate('rxBytes'), txBytes: rate('txBytes'), rxDropped: rate('rxDropped'), txDropped: rate('txDropped') }];
    }),
  };
}
