import { CLIENT, CLIENT2, INSIDE_NET, POOL, REMOTE } from '../lab/topology.js';
import { needsMarks } from './nat-snat/own.js';
import type { Scenario } from './context.js';
import { checkNoLeak } from './snat.js';
import { allOf, showTally, tally } from './traffic.js';

/** Zones: the source network decides the pool. */
export const zones: Scenario = {
  name: 'zones',
  claim: 'The first zone that matches the source gives the address; a source that no zone has is dropped.',
  notFor: (subject) => (subject.language === 'nat-snat' ? needsMarks(subject) : ['dsnat-zones', 'lvs-snat-zones'].includes(subject.language) ? undefined : 'its language has no zones'),
  run: async (context) => {
    const [first, second] = POOL;
    // The wider zone comes second and holds the same sources: the order decides.
    await context.configure(context.spec({ snat: [{ from: `${CLIENT}/32`, pool: [first] }, { from: INSIDE_NET, pool: [second] }] }));
    await context.serve('server', { tcp: [80] });
    for (const [from, address] of [[CLIENT, first], ['192.168.40.11', second]] as const) {
      const connections = await context.connect('client', REMOTE, 80, { count: 10, from });
      const peers = tally(connections.map(({ seen, error }) => seen?.address ?? error ?? '?'));
      context.check(`addresses of ${from}`, `10 × ${address}`, showTally(peers), peers.get(address) === 10);
    }
    const none = await context.connect('client', REMOTE, 80, { count: 3, from: CLIENT2, timeout: 1000 });
    context.check(`connections of ${CLIENT2}, which no zone has`, '0 of 3', `${String(none.filter(({ ok }) => ok).length)} of 3`, allOf(none, 3, ({ ok }) => !ok));
    await checkNoLeak(context, ['isp1']);
  },
};
