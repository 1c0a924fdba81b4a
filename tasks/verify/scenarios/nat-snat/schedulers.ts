import { POOL, REMOTE } from '../../lab/topology.js';
import type { Context, Scenario } from '../context.js';
import { checkTranslated } from '../snat.js';
import { checkAlive, checkShares, onlyNatSnat, peers } from './own.js';
import { showTally } from '../traffic.js';

/** Schedulers of IPVS that look at weights and at what is open: they see a pool as they see real servers. */

/** Another scheduler for the TCP pool, and a weight for each address. */
async function reschedule(context: Context, scheduler: string, weights: readonly number[]): Promise<void> {
  await context.must('gateway', ['ipvsadm', '-E', '-t', '0.0.0.0:0', '-s', scheduler, '-p', '10']);
  for (const [index, weight] of weights.entries()) await weigh(context, index, weight);
}

async function weigh(context: Context, index: number, weight: number): Promise<void> {
  await context.must('gateway', ['ipvsadm', '-e', '-t', '0.0.0.0:0', '-r', `${POOL[index] ?? ''}:0`, '-m', '-w', String(weight)]);
}

export const weights: Scenario = {
  name: 'weights',
  claim: 'With wrr the addresses of a pool get connections by their weights, exactly; a change of weight holds at once.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    await reschedule(context, 'wrr', [1, 2, 3]);
    checkShares(context, 'connections by weights 1, 2, 3', await context.connect('client', REMOTE, 80, { count: 60 }), [10, 20, 30]);
    await weigh(context, 0, 4);
    await weigh(context, 2, 0);
    checkShares(context, 'connections by weights 4, 2, 0', await context.connect('client', REMOTE, 80, { count: 60 }), [40, 20, 0]);
  },
};

export const leastConnections: Scenario = {
  name: 'least-connections',
  claim: 'With lc a new connection gets the address that has the fewest open ones.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    await reschedule(context, 'lc', [1, 1, 0]);
    const talking = await context.background('client', ['traffic', 'flows', '-n', '20', '-j', '1', '-d', '4000', '-i', '100', REMOTE, '80'], 30_000);
    await context.run('client', 'sleep 2');
    await weigh(context, 2, 1);
    checkShares(context, 'new connections while the first two have ten each', await context.connect('client', REMOTE, 80, { count: 9 }), [0, 0, 9]);
    checkAlive(context, 'the open connections', (await talking()).stdout, 20);
  },
};

export const weightedLeastConnections: Scenario = {
  name: 'weighted-least-connections',
  claim: 'With wlc open connections are spread in proportion to the weights.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    await reschedule(context, 'wlc', [1, 3, 0]);
    // One after the other, all kept open: each decides by those before it.
    const connections = await context.connect('client', REMOTE, 80, { count: 40, parallel: 1, hold: 500 });
    checkTranslated(context, connections, POOL, 40);
    const seen = peers(connections);
    const first = seen.get(POOL[0]) ?? 0;
    context.check('open connections by weights 1 and 3', '10 and 30, at most one off', showTally(seen), Math.abs(first - 10) <= 1 && (seen.get(POOL[1]) ?? 0) === 40 - first);
  },
};
