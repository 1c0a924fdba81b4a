import { LANGUAGES } from '../../lib/gateway/languages.js';
import { CLIENTS, POOL, REMOTE, REMOTE2 } from '../lab/topology.js';
import { NotApplicable, type Scenario } from './context.js';
import { checkNoLeak, checkTranslated } from './snat.js';
import { allOf, showTally, tally } from './traffic.js';

/** SNAT by netfilter: what the README of lvs-snat describes as the way without LVS. */
export const rangePersistent: Scenario = {
  name: 'range-persistent',
  claim: 'With --persistent a client keeps one address for all servers; without it the address depends on the server too.',
  notFor: ({ language }) => (language === 'iptables' || language === 'nftables' ? undefined : 'not configured by netfilter'),
  run: async (context) => {
    await context.serve('server', { tcp: [80] });
    await context.run('gateway', 'sleep 2');
    await context.addresses('gateway', [...POOL].map((address) => ({ address, device: 'eth1' })));
    // Both servers must be reached by one interface for a rule with -o to take both.
    await context.must('gateway', ['ip', 'route', 'replace', `${REMOTE2}/32`, 'via', '203.0.113.2']);
    for (const persistent of [true, false]) {
      const spec = context.spec({ snat: [{ ...context.usualRule(), persistent }] });
      for (const command of context.commands(spec)) await context.must('gateway', command);
      const servers = [REMOTE, REMOTE2, '203.0.113.2'];
      const used = new Map<string, Set<string>>();
      for (const from of CLIENTS) {
        for (const host of servers) {
          const seen = tally((await context.connect('client', host, 80, { count: 5, from })).map(({ seen: peer, error }) => peer?.address ?? error ?? '?'));
          context.check(`${persistent ? 'persistent' : 'plain'}: ${from} to ${host}`, '5 × one address', showTally(seen), seen.size === 1 && [...seen.keys()].every((peer) => (POOL as readonly string[]).includes(peer)));
          used.set(from, new Set([...(used.get(from) ?? []), ...seen.keys()]));
        }
      }
      const sizes = [...used.values()].map(({ size }) => size);
      if (persistent) context.check('addresses per client, all servers', 'one each', sizes.join(', '), allOf(sizes, CLIENTS.length, (size) => size === 1));
      else context.check('addresses per client, all servers', 'more than one for some', sizes.join(', '), sizes.some((size) => size > 1));
      await context.must('gateway', context.subject.language === 'iptables' ? ['iptables', '-t', 'nat', '-F', 'POSTROUTING'] : ['nft', 'delete', 'table', 'ip', 'gateway']);
    }
  },
};

export const nftSnat: Scenario = {
  name: 'nft-snat',
  claim: 'nftables sets up the same gateway: TCP, UDP and ping from inside leave as an address of the pool.',
  notFor: ({ language }) => (language === 'iptables' || language === 'nftables' ? undefined : 'not configured by netfilter'),
  run: async (context) => {
    if (!(await context.lab.node('gateway').sh('command -v nft')).ok) throw new NotApplicable('there is no nft among the tools');
    await context.addresses('gateway', POOL.map((address) => ({ address, device: 'eth1' })));
    for (const command of LANGUAGES.nftables.commands(context.spec())) await context.must('gateway', command);
    await context.serve('server', { tcp: [80], udp: [53] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 20 }), POOL, 20);
    checkTranslated(context, await context.connect('client', REMOTE, 53, { count: 20, udp: true }), POOL, 20);
    const pings = await context.ping('client', REMOTE, '-n', '2');
    context.check('pings answered', '2 of 2', `${String(pings.filter(({ kind }) => kind === 'reply').length)} of 2`, allOf(pings, 2, ({ kind }) => kind === 'reply'));
    await checkNoLeak(context, ['isp1']);
  },
};
