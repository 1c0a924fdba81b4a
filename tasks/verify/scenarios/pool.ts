import { CLIENT, CLIENTS, ISP1, POOL, REMOTE } from '../lab/topology.js';
import type { Context, Scenario } from './context.js';
import { noSnat } from './snat.js';
import { showTally, tally } from './traffic.js';

/** How a pool is used. */

const COUNT = 300;

async function peersOf(context: Context, count: number, host: string = REMOTE, from?: string): Promise<string[]> {
  const connections = await context.connect('client', host, 80, { count, ...(from === undefined ? {} : { from }) });
  return connections.filter(({ ok }) => ok).map(({ seen }) => seen?.address ?? '?');
}

export const poolDistribution: Scenario = {
  name: 'pool-distribution',
  claim: '300 connections use the whole pool, each address by the share that its algorithm promises.',
  notFor: noSnat,
  run: async (context) => {
    const { language } = context.subject;
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    if (language === 'iptables' || language === 'nftables') {
      // A netfilter range is chosen by a hash of source and destination: one pair keeps one address.
      const one = tally(await peersOf(context, COUNT));
      context.check('one client, one server', `${String(COUNT)} × one address`, showTally(one), one.size === 1 && [...one.values()][0] === COUNT);
      return;
    }
    const peers = tally(await peersOf(context, COUNT));
    const counts = POOL.map((address) => peers.get(address) ?? 0);
    const total = counts.reduce((a, b) => a + b, 0);
    context.check('connections answered from the pool', String(COUNT), String(total), total === COUNT);
    // Round robin gives exact thirds; at random a third lies between 70 and 130 but for one run in 10,000.
    // (nat-service names its service persistent because ipvsadm takes port 0 in no other way; its author means round robin.)
    const exact = language !== 'snat-rules';
    context.check('per address', exact ? '100 each' : '70 to 130 each', showTally(peers), counts.every((count) => (exact ? count === COUNT / POOL.length : count >= 70 && count <= 130)));
  },
};

export const poolPerClient: Scenario = {
  name: 'pool-per-client',
  claim: 'A client that shall keep one public address keeps it, and clients together use the pool.',
  notFor: (subject) => noSnat(subject) ?? (['iptables', 'nftables', 'nat-snat'].includes(subject.language) ? undefined : subject.language === 'snat-rules' ? 'see the scenario algorithms' : 'it chooses in turn, for every connection'),
  run: async (context) => {
    await context.configure(context.spec({ snat: [{ ...context.usualRule(), persistent: true }] }));
    await context.serve('server', { tcp: [80] });
    const used = new Set<string>();
    for (const from of CLIENTS) {
      const peers = tally([...(await peersOf(context, 10, REMOTE, from)), ...(await peersOf(context, 10, ISP1, from))]);
      context.check(`addresses of ${from}`, '20 × one address', showTally(peers), peers.size === 1 && [...peers.values()][0] === 20);
      for (const peer of peers.keys()) used.add(peer);
    }
    context.check('addresses used by all clients', 'more than one', String(used.size), used.size > 1);
  },
};

/** FULLNAT gives a local address some 60,000 ports, the last of them only by luck: its search gives up after a number of tries. */
const MORE_THAN_PORTS = 80_000;
/** A host beyond the ISP that answers nothing until it gets its address. */
const SILENT = '192.0.2.99';
/** IPVS forgets a connection that got no answer to its SYN after 60 s. */
const FORGOTTEN = 65;

export const poolExhaustion: Scenario = {
  name: 'pool-exhaustion',
  claim: 'When the ports to a server run out, new connections to it fail with a log line, others go on, and it recovers.',
  slow: true,
  notFor: (subject) => noSnat(subject) ?? (['nat-service', 'iptables', 'nftables', 'nat-snat'].includes(subject.language) ? 'made for the port range of FULLNAT local addresses' : undefined),
  run: async (context) => {
    const [address] = POOL;
    await context.configure(context.spec({ snat: [context.usualRule([address])] }));
    await context.must('server', ['ip', 'route', 'add', 'blackhole', `${SILENT}/32`]);
    await context.serve('server', { tcp: [80] });
    await context.must('client', ['traffic', 'flood', '-n', String(MORE_THAN_PORTS), '-b', CLIENT, SILENT, '80'], 300_000);
    await context.must('server', ['ip', 'route', 'del', 'blackhole', `${SILENT}/32`]);
    await context.must('server', ['ip', 'addr', 'add', `${SILENT}/32`, 'dev', 'lo']);
    const refused = (await context.connect('client', SILENT, 80, { count: 40, from: '192.168.40.13', timeout: 1000 })).filter(({ ok }) => !ok).length;
    context.check('new connections to it that fail', 'more than half of 40', `${String(refused)} of 40`, refused > 20);
    const log = await context.run('gateway', 'dmesg | grep -i "port" | tail -3');
    context.check('log', 'a line that no port is available', log.stdout.trim().split('\n').pop() ?? '', /port/i.test(log.stdout));
    const other = (await context.connect('client', REMOTE, 80, { count: 3 })).filter(({ ok }) => ok).length;
    context.check('connections to another server meanwhile', '3 of 3', `${String(other)} of 3`, other === 3);
    await context.run('client', ['sleep', String(FORGOTTEN)], (FORGOTTEN + 20) * 1000);
    const again = (await context.connect('client', SILENT, 80, { count: 3 })).filter(({ ok }) => ok).length;
    context.check(`connections ${String(FORGOTTEN)} s later`, '3 of 3', `${String(again)} of 3`, again === 3);
  },
};
