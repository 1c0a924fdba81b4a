import { CLIENT, CLIENT2, CLIENTS, INSIDE2_NET, INSIDE_NET, ISP1, ISP2, POOL, POOL2, REMOTE, REMOTE2 } from '../lab/topology.js';
import type { Context, Scenario, Subject } from './context.js';
import { showTally, tally } from './traffic.js';

/** Rules of lvs-snat-v2: chosen by source, outgoing interface and next hop; another next hop; three algorithms. */

const onlyRules = ({ language }: Subject): string | undefined => (language === 'snat-rules' ? undefined : 'its language has no rules');

async function peers(context: Context, from: string, host: string, count = 10): Promise<Map<string, number>> {
  const connections = await context.connect('client', host, 80, { count, from, timeout: 1500 });
  return tally(connections.map(({ seen, error }) => seen?.address ?? error ?? '?'));
}

const within = (counts: ReadonlyMap<string, number>, pool: readonly string[]): boolean => counts.size > 0 && [...counts.keys()].every((address) => pool.includes(address));

export const rules: Scenario = {
  name: 'rules',
  claim: 'A rule takes what its source, outgoing interface and next hop select; new_gw sends it to another next hop.',
  notFor: onlyRules,
  run: async (context) => {
    await context.configure(
      context.spec({
        snat: [
          { from: INSIDE_NET, gateway: ISP1, oif: 'eth1', pool: POOL, algorithm: 'random' },
          { from: INSIDE_NET, gateway: ISP2, oif: 'eth2', pool: POOL2, algorithm: 'sdh' },
          // The routing table says ISP 1; the rule says ISP 2.
          { from: INSIDE2_NET, gateway: ISP1, newGateway: ISP2, pool: POOL2, algorithm: 'sh' },
        ],
      }),
    );
    await context.serve('server', { tcp: [80] });
    for (const [what, from, host, pool] of [
      ['by ISP 1', CLIENT, REMOTE, POOL],
      ['by ISP 2', CLIENT, REMOTE2, POOL2],
      ['redirected to ISP 2', CLIENT2, REMOTE, POOL2],
    ] as const) {
      const seen = await peers(context, from, host);
      context.check(`${what}: ${from} to ${host}`, `10 answered, only ${pool.join(', ')}`, showTally(seen), within(seen, pool));
    }
    const second = (await context.packets('isp2')).filter(({ protocol, destination }) => protocol === 'tcp' && destination === REMOTE);
    context.check(`packets to ${REMOTE} on isp2`, 'more than 0', String(second.length), second.length > 0);
  },
};

export const algorithms: Scenario = {
  name: 'algorithms',
  claim: 'sh keeps one address per source, sdh one per source and destination, random uses the pool for every connection.',
  notFor: onlyRules,
  run: async (context) => {
    for (const algorithm of ['sh', 'sdh', 'random'] as const) {
      const spec = context.spec({ snat: [{ from: INSIDE_NET, gateway: ISP1, oif: 'eth1', pool: POOL, algorithm }] });
      if (algorithm === 'sh') {
        await context.configure(spec);
        await context.serve('server', { tcp: [80] });
      } else {
        await context.clear();
        await context.reconfigure(spec);
      }
      const used = new Set<string>();
      for (const from of CLIENTS) {
        const first = await peers(context, from, REMOTE, 12);
        const other = await peers(context, from, ISP1, 12);
        const all = new Set([...first.keys(), ...other.keys()]);
        for (const each of all) used.add(each);
        if (algorithm === 'sh') context.check(`sh: addresses of ${from}`, 'one', showTally(new Map([...first, ...other])), all.size === 1 && within(first, POOL));
        if (algorithm === 'sdh') context.check(`sdh: addresses of ${from} to one server`, 'one', showTally(first), first.size === 1 && within(first, POOL));
        if (algorithm === 'random' && from === CLIENTS[0]) context.check(`random: addresses of ${from} to one server`, 'more than one', showTally(first), first.size > 1 && within(first, POOL));
      }
      if (algorithm !== 'sh') context.check(`${algorithm}: addresses used by all clients`, 'more than one', String(used.size), used.size > 1);
    }
  },
};
