import { POOL, REMOTE } from '../../lab/topology.js';
import type { Scenario } from '../context.js';
import { checkNoLeak } from '../snat.js';
import { showTally, tally } from '../traffic.js';
import { onlyNatSnat } from './own.js';

/** Many connections at once. */

const COUNT = 3000;
/** Datagrams that an emulated wire may lose on a busy host, before they reach the gateway: nobody sends them again. */
const LOST = COUNT / 3;

export const thousands: Scenario = {
  name: 'thousands',
  claim: `${String(COUNT)} TCP connections and ${String(COUNT)} UDP flows go in exact thirds, and no two share a public address and port.`,
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    for (const protocol of ['tcp', 'udp'] as const) {
      const udp = protocol === 'udp';
      const port = udp ? 53 : 80;
      const made = (await context.connect('client', REMOTE, port, { count: COUNT, udp, timeout: 4000, ...(udp ? { parallel: 16 } : {}) })).filter(({ ok }) => ok).length;
      const least = udp ? COUNT - LOST : COUNT;
      context.check(`${protocol}: answered`, `at least ${String(least)}`, String(made), made >= least);
      // What the wire says: each flow is one public pair. On a slow guest, connections of the scenario before still end meanwhile: TCP counts where it begins.
      const flowsOn = async (segment: 'inside' | 'isp1'): Promise<Set<string>> =>
        new Set((await context.packets(segment)).filter(({ protocol: its, destination, destinationPort, flags }) => its === protocol && destination === REMOTE && destinationPort === port && (udp || flags === 'S')).map(({ source, sourcePort }) => `${source}:${String(sourcePort)}`));
      const [came, pairs] = [await flowsOn('inside'), await flowsOn('isp1')];
      context.check(`${protocol}: different public pairs`, `as many as flows that came (${String(came.size)})`, String(pairs.size), pairs.size === came.size && pairs.size >= least);
      const shares = tally([...pairs].map((pair) => pair.slice(0, pair.lastIndexOf(':'))));
      const counts = POOL.map((address) => shares.get(address) ?? 0);
      context.check(`${protocol}: flows by address`, 'equal, or one more', showTally(shares), shares.size === POOL.length && Math.max(...counts) - Math.min(...counts) <= 1);
    }
    await checkNoLeak(context, ['isp1']);
  },
};
