import { POOL, REMOTE } from '../../lab/topology.js';
import type { Context, Scenario } from '../context.js';
import { checkNoLeak, checkTranslated } from '../snat.js';
import { allOf } from '../traffic.js';
import { counter, needsMarks, onlyNatSnat, SETTINGS } from './own.js';

/** With connection tracking and without. */

async function all(context: Context, when: string): Promise<void> {
  checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 12 }), POOL, 12);
  checkTranslated(context, await context.connect('client', REMOTE, 53, { count: 12, udp: true }), POOL, 12);
  const pings = await context.ping('client', REMOTE, '-n', '3');
  const answered = pings.filter(({ kind }) => kind === 'reply').length;
  context.check(`${when}: pings answered`, '3 of 3', `${String(answered)} of 3`, answered === 3);
}

export const conntrack: Scenario = {
  name: 'conntrack',
  claim: 'It works with vs.conntrack 0 and 1; with 1 a stateful filter knows the answers.',
  notFor: (subject) => onlyNatSnat(subject) ?? needsMarks(subject),
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    await context.must('gateway', `echo 0 > ${SETTINGS}/conntrack`);
    await all(context, 'vs.conntrack=0');
    await context.must('gateway', `echo 1 > ${SETTINGS}/conntrack`);
    // Answers come in to a pool address, which is the gateway's own: a filter that lets in only what was asked for.
    await context.must('gateway', 'iptables -A INPUT -i eth1 -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT && iptables -A INPUT -i eth1 -j DROP');
    await all(context, 'vs.conntrack=1, stateful filter');
    const passed = await context.run('gateway', "iptables -vnxL INPUT | awk '/ACCEPT/ && /eth1/ { print $1 }'");
    context.check('packets that the filter knew', 'more than 50', passed.stdout.trim(), Number(passed.stdout.trim()) > 50);
    const refused = await context.connect('server', POOL[0], 22, { count: 2, timeout: 700 });
    context.check('connections from outside that the filter stops', '2 × ETIMEDOUT', refused.map(({ error }) => error ?? 'answered').join(', '), allOf(refused, 2, ({ error }) => error === 'ETIMEDOUT'));
    const connections = await counter(context, 'connections');
    context.check('connections in /proc/net/ip_vs_snat', 'at least 48', String(connections), connections >= 48);
    await checkNoLeak(context, ['isp1']);
  },
};
