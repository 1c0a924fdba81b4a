import { POOL, REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';
import { noSnat } from './snat.js';
import { allOf, showTally, tally } from './traffic.js';

/** Configuration that changes while connections are open. */
export const reload: Scenario = {
  name: 'reload',
  claim: 'Giving the gateway a new configuration, with one address more, breaks no open connection.',
  notFor: noSnat,
  run: async (context) => {
    const pool = POOL.slice(0, 2);
    await context.configure(context.spec({ snat: [context.usualRule(pool)] }));
    await context.serve('server', { tcp: [80] });
    const talking = await context.background('client', ['traffic', 'flows', '-n', '12', '-d', '4000', '-i', '100', REMOTE, '80'], 20_000);
    await context.run('client', 'sleep 1');
    await context.addresses('gateway', [{ address: POOL[2], device: 'eth1' }]);
    const { language } = context.subject;
    if (language === 'iptables' || language === 'nftables') {
      // With its last NAT rule netfilter gives up tracking, and open connections leave untranslated: the new rule comes before the old one goes.
      for (const command of context.commands(context.spec())) await context.must('gateway', command);
      await context.must('gateway', language === 'iptables' ? ['iptables', '-t', 'nat', '-D', 'POSTROUTING', '1'] : "nft delete rule ip gateway postrouting handle $(nft -a list chain ip gateway postrouting | sed -n 's/.*snat.*handle //p' | head -1)");
    } else {
      await context.clear();
      await context.reconfigure(context.spec());
    }
    const after = await context.connect('client', REMOTE, 80, { count: 9 });
    const peers = tally(after.map(({ seen, error }) => seen?.address ?? error ?? '?'));
    context.check('new connections after the reload', '9 answered from the pool', showTally(peers), allOf(after, 9, ({ ok, seen }) => ok && (POOL as readonly string[]).includes(seen?.address ?? '')));
    const lines = (await talking()).stdout.split('\n').filter((line) => / (alive|lost) /.test(line));
    const alive = lines.filter((line) => line.includes(' alive '));
    const longest = Math.max(0, ...alive.map((line) => Number(/longest gap (\d+)/.exec(line)?.[1])));
    context.check('open connections that live on', '12 of 12', `${String(alive.length)} of ${String(lines.length)}, longest pause ${String(longest)} ms`, alive.length === 12 && lines.length === 12);
  },
};
