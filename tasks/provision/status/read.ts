import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shellQuote } from '../../lib/exec.js';
import { packageRoot } from '../../lib/paths.js';
import { ask, type Answer, type Question } from '../checks/frames.js';
import type { Gateway, Target } from '../types.js';
import { rangeWords } from './hex.js';
import { parseDevices, parseEngine, parseHeld, parseIpvsConnections, parseUsage, ratesOf, type Sample } from './parse.js';
import type { AddressUse, GatewayStatus } from './types.js';

/** Reads what a gateway is doing, in two round trips that are some seconds apart: rates are differences. */

const TABLES: Readonly<Record<'ipvs' | 'conntrack', string>> = { ipvs: '/proc/net/ip_vs_conn', conntrack: '/proc/net/nf_conntrack' };

/** The table in which a flavour's SNAT stands. */
export function tableOf({ language }: Pick<Gateway, 'language'>): 'ipvs' | 'conntrack' {
  return language === 'iptables' || language === 'nftables' ? 'conntrack' : 'ipvs';
}

const SAMPLE: Question = { script: 'read -r up _ </proc/uptime; echo "$up"; cat /proc/net/dev; echo =; cat /proc/net/ip_vs_stats 2>/dev/null' };

async function questions(gateway: Gateway): Promise<Question[]> {
  const awk = await readFile(join(packageRoot, 'templates', 'provision', 'probe', 'usage.awk'), 'utf8');
  const table = tableOf(gateway);
  const ranges = rangeWords(gateway.snat.flatMap(({ pool }) => pool));
  const source = table === 'ipvs' ? `cat ${TABLES.ipvs}` : `{ if [ -r ${TABLES.conntrack} ]; then cat ${TABLES.conntrack}; else conntrack -L 2>/dev/null; fi; }`;
  return [
    SAMPLE,
    {
      script: `command -v awk >/dev/null || { echo 'the host has no awk to count with' >&2; exit 3; }
[ -r ${TABLES[table]} ] || ${table === 'conntrack' ? 'command -v conntrack >/dev/null ||' : ''} { echo '${TABLES[table]} cannot be read: ${table === 'ipvs' ? 'ip_vs is not loaded' : 'nf_conntrack is not loaded'}' >&2; exit 3; }
${source} | awk -v TABLE=${table} -v RANGES=${shellQuote([ranges])} ${shellQuote([awk])}`,
      most: 4 * 1024 * 1024,
    },
    { script: 'ip -o addr show', most: 4 * 1024 * 1024 },
    { script: 'cat /proc/sys/net/netfilter/nf_conntrack_count /proc/sys/net/netfilter/nf_conntrack_max' },
    { script: 'uname -r; for p in /proc/[0-9]*/stat; do read -r _ name _ <"$p" && case $name in "(keepalived)") echo keepalived; break ;; esac; done 2>/dev/null' },
    { script: '[ ! -r /var/lib/build-kernel/engine ] || sh /var/lib/build-kernel/engine status' },
  ];
}

function sampleOf(answer: Answer | undefined): Sample {
  const [head = '', stats = ''] = (answer?.stdout ?? '').split('\n=\n');
  const [uptime = '0', ...lines] = head.split('\n');
  return { uptime: Number(uptime), devices: parseDevices(lines.join('\n')), connections: parseIpvsConnections(stats) };
}

/**
 * @param seconds between the two samples of the counters
 * @throws ExpectedError network
 */
export async function readStatus(target: Target, gateway: Gateway, seconds: number): Promise<GatewayStatus> {
  const date = new Date().toISOString();
  const [first, usage, addresses, conntrack, system, engine] = await ask(target, await questions(gateway), { limit: 60 });
  await sleep(seconds * 1000);
  const [second] = await ask(target, [SAMPLE]);
  const before = sampleOf(first);
  const after = sampleOf(second);
  const [release = '', keepalived] = (system?.stdout ?? '').trim().split('\n');
  const counted = parseUsage(usage?.status === 0 ? usage.stdout : '');
  const held = addresses?.status === 0 ? parseHeld(addresses.stdout) : undefined;
  const [count, max] = (conntrack?.stdout ?? '').trim().split('\n').map(Number);
  const run = parseEngine(engine?.stdout ?? '');
  return {
    host: gateway.host,
    flavour: gateway.flavour,
    date,
    release,
    uptime: after.uptime,
    ...(usage?.status === 0 ? { table: tableOf(gateway) } : { tableReason: usage?.stderr.trim() || 'the table could not be counted' }),
    pools: gateway.snat.map(({ from, pool }) => ({ from, ports: gateway.ports.last - gateway.ports.first + 1, addresses: pool.map((address) => addressUse(address, counted.use, held)) })),
    states: counted.states,
    ...(conntrack?.status === 0 && count !== undefined && max !== undefined ? { conntrack: { count, max } } : {}),
    rates: ratesOf(before, after, gateway.interfaces),
    ...(gateway.ha && held ? { vrrp: vrrpOf(gateway.ha.instances, held, keepalived === 'keepalived') } : {}),
    ...(run ? { run } : {}),
  };
}

function addressUse(address: string, use: ReadonlyMap<string, AddressUse['use']>, held: ReadonlySet<string> | undefined): AddressUse {
  return { address, ...(held ? { held: held.has(address) } : {}), use: use.get(address) ?? {} };
}

function vrrpOf(instances: NonNullable<Gateway['ha']>['instances'], held: ReadonlySet<string>, running: boolean): NonNullable<GatewayStatus['vrrp']> {
  const all = instances.map(({ name, device, addresses }) => {
    const plain = addresses.map((address) => address.split('/')[0] ?? '');
    return { name, device, held: plain.filter((address) => held.has(address)), missing: plain.filter((address) => !held.has(address)) };
  });
  const some = all.some((one) => one.held.length > 0);
  const gaps = all.some((one) => one.missing.length > 0);
  return { role: some ? (gaps ? 'mixed' : 'master') : 'backup', running, instances: all };
}
