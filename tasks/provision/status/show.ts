import { table } from '../../lib/io.js';
import { oneLine } from '../../lib/report/text.js';
import { formatDuration } from '../../lib/ui/format.js';
import type { AddressUse, GatewayStatus } from './types.js';

/** A status for people. */

export interface ShowOptions {
  /** Every address, not only the most used. */
  all?: boolean;
}

/** How many addresses of a pool are shown without `all`. */
const SHOWN = 16;

export function showStatus(status: GatewayStatus, { all = false }: ShowOptions = {}): string {
  return [head(status), ...vrrp(status), ...run(status), '', ...pools(status, all), ...connections(status), '', ...rates(status)].join('\n');
}

function head({ host, flavour, release, uptime }: GatewayStatus): string {
  return oneLine(`${host}, ${flavour}: kernel ${release}, up ${formatDuration(uptime * 1000)}`);
}

function vrrp({ vrrp }: GatewayStatus): string[] {
  if (!vrrp) return [];
  const word = { master: 'master: it holds all addresses', backup: 'backup: it holds none of the addresses', mixed: 'neither master nor backup: it holds some of the addresses' }[vrrp.role];
  return [
    `VRRP: ${word}${vrrp.running ? '' : '; keepalived does not run'}`,
    ...(vrrp.role === 'mixed' ? vrrp.instances.filter(({ missing }) => missing.length > 0).map(({ name, device, missing }) => `  ${name} on ${device} without ${missing.join(', ')}`) : []),
  ];
}

function run({ run }: GatewayStatus): string[] {
  if (!run) return ['run: none (not provisioned, or rolled back)'];
  const left = run.pending?.secondsLeft;
  return [
    ...(run.current ? [`run: ${run.current.id} ${run.current.state}`] : []),
    ...(run.pending ? [`run under way: ${run.pending.id} ${run.pending.state}${left === undefined ? '' : `, taken back in ${formatDuration(left * 1000)} unless confirmed`}`] : []),
  ];
}

function used({ use }: AddressUse): number {
  return Object.values(use).reduce((sum, { connections }) => sum + connections, 0);
}

function pools({ pools, tableReason }: GatewayStatus, all: boolean): string[] {
  if (tableReason !== undefined) return [`pools: ${oneLine(tableReason)}`];
  return pools.flatMap(({ from, ports, addresses }) => {
    const sorted = [...addresses].sort((a, b) => used(b) - used(a));
    const shown = all ? sorted : sorted.slice(0, SHOWN);
    const protocols = [...new Set(['tcp', 'udp', ...addresses.flatMap(({ use }) => Object.keys(use))])];
    const rows = shown.map((one) => [one.address, ...protocols.flatMap((protocol) => cells(one, protocol, ports)), one.held === false ? 'not on this host' : '']);
    const left = sorted.length - shown.length;
    return [
      `pool of ${from}`,
      table([['address', ...protocols.flatMap((protocol) => [protocol, 'ports']), ''], ...rows]),
      ...(left > 0 ? [`… and ${String(left)} more addresses, less used (--all)`] : []),
      '',
    ];
  });
}

function cells({ use }: AddressUse, protocol: string, all: number): [string, string] {
  const { connections, ports } = use[protocol] ?? { connections: 0, ports: 0 };
  return [String(connections), protocol === 'icmp' ? '' : `${String(ports)} (${((ports / all) * 100).toFixed(ports < all / 10 ? 1 : 0)} %)`];
}

function connections({ states, conntrack, table: name }: GatewayStatus): string[] {
  const total = states.reduce((sum, { connections }) => sum + connections, 0);
  return [
    ...(name === undefined ? [] : [`connections: ${String(total)} in the ${name === 'ipvs' ? 'IPVS' : 'conntrack'} table${total === 0 ? '' : `: ${states.map(({ protocol, state, connections }) => `${protocol} ${state} ${String(connections)}`).join(', ')}`}`]),
    ...(conntrack ? [`conntrack: ${String(conntrack.count)} of ${String(conntrack.max)}`] : []),
  ];
}

function rates({ rates: { seconds, newConnections, devices } }: GatewayStatus): string[] {
  const megabits = (bytes: number): string => `${((bytes * 8) / 1e6).toFixed(1)} Mbit/s`;
  const rows = devices.map((one) => [one.device, one.role, String(one.rxPackets), megabits(one.rxBytes), String(one.txPackets), megabits(one.txBytes), one.rxDropped + one.txDropped > 0 ? `${String(one.rxDropped + one.txDropped)} dropped/s` : '']);
  return [
    ...(newConnections === undefined ? [] : [`new connections: ${String(newConnections)}/s over ${String(seconds)} s`]),
    table([['device', '', 'in/s', '', 'out/s', '', ''], ...rows]),
  ];
}
