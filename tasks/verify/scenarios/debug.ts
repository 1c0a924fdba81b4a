import { REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';
import { noSnat } from './snat.js';

/** The log that the recipe's `make M=… -DDEBUG` build was for. */
export const debugLog: Scenario = {
  name: 'debug-log',
  claim: 'At debug_level 12 the kernel logs what IPVS does with a connection; at 0 it is silent.',
  notFor: (subject) => noSnat(subject) ?? (subject.debug ? undefined : 'not a debug build (--debug-ipvs)'),
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    const lines = async (): Promise<number> => Number((await context.run('gateway', 'dmesg | grep -c IPVS')).stdout.trim());
    await context.must('gateway', 'echo 0 > /proc/sys/net/ipv4/vs/debug_level');
    const before = await lines();
    await context.connect('client', REMOTE, 80, { count: 1 });
    const silent = (await lines()) - before;
    await context.must('gateway', 'echo 12 > /proc/sys/net/ipv4/vs/debug_level');
    await context.connect('client', REMOTE, 80, { count: 1 });
    await context.must('gateway', 'echo 0 > /proc/sys/net/ipv4/vs/debug_level');
    const loud = (await lines()) - before - silent;
    context.check('IPVS lines for a connection at level 0', '0', String(silent), silent === 0);
    context.check('IPVS lines for a connection at level 12', 'more than 5', String(loud), loud > 5);
    await context.run('gateway', 'dmesg | grep IPVS | tail -12');
  },
};
