import { CLIENT, POOL, REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';
import { noSnat } from './snat.js';

/** Addresses of each line of /proc/net/ip_vs_conn: the columns of `ipvsadm -lnc` are wrong on some kernels, this file is not. */
function tableEntries(text: string): string[][] {
  const address = (hex: string): string => (hex.match(/../g) ?? []).map((byte) => parseInt(byte, 16)).join('.');
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.split(/\s+/).filter((field) => /^[0-9A-F]{8}$/.test(field)).map(address))
    .filter((fields) => fields.length > 0);
}

/** What the gateway's tools say of the traffic. */
export const listing: Scenario = {
  name: 'listing',
  claim: 'The listing commands show the configuration and count the connections that passed.',
  notFor: (subject) => noSnat(subject) ?? (['iptables', 'nftables'].includes(subject.language) ? 'its connections are netfilter\'s' : undefined),
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    const made = (await context.connect('client', REMOTE, 80, { count: 12 })).filter(({ ok }) => ok).length;
    const services = await context.must('gateway', ['ipvsadm', '-ln']);
    const counted = [...services.stdout.matchAll(/->.*?(\d+)\s+(\d+)\s*$/gm)].reduce((sum, match) => sum + Number(match[1]) + Number(match[2]), 0);
    context.check('connections in ipvsadm -ln', String(made), String(counted), counted === made && made === 12);
    if (!['nat-service', 'nat-snat', 'snat-rules'].includes(context.subject.language)) {
      const pools = await context.run('gateway', ['ipvsadm', '-G']);
      const shown = POOL.filter((address) => pools.stdout.includes(address));
      context.check('pool in ipvsadm -G', POOL.join(', '), shown.join(', ') || pools.stderr.trim() || 'none', shown.length === POOL.length);
    }
    const table = tableEntries((await context.must('gateway', ['cat', '/proc/net/ip_vs_conn'])).stdout);
    const ours = table.filter((addresses) => addresses.includes(CLIENT) && addresses.some((address) => (POOL as readonly string[]).includes(address)));
    context.check('entries in /proc/net/ip_vs_conn', `at least ${String(made)}`, String(ours.length), ours.length >= made);
    const list = await context.run('gateway', ['ipvsadm', '-lnc']);
    const lines = list.stdout.split('\n').filter((line) => /^(TCP|UDP)\s/.test(line));
    const states = lines.filter((line) => /\s(NONE|ESTABLISHED|SYN_SENT|SYN_RECV|FIN_WAIT|TIME_WAIT|CLOSE|CLOSE_WAIT|LAST_ACK)\s/.test(line)).length;
    context.check('lines of ipvsadm -lnc with a state', `${String(lines.length)} of ${String(lines.length)}`, `${String(states)} of ${String(lines.length)}`, lines.length > 0 && states === lines.length);
  },
};
