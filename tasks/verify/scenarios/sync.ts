import { REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';
import { startPair } from './keepalived.js';

/** Connections that outlive their gateway: IPVS's sync daemon tells the second gateway of them. */
export const syncFailover: Scenario = {
  name: 'sync-failover',
  claim: 'With the sync daemon, open connections go on through the second gateway when the first one stops.',
  nodes: 'pair',
  notFor: ({ language, programs }) => (language !== 'nat-snat' ? "nat-snat's own claim" : programs.includes('keepalived') ? undefined : 'this host has no keepalived to try it with'),
  run: async (context) => {
    await startPair(context);
    for (const [node, state] of [['gateway', 'master'], ['gateway2', 'backup']] as const) {
      await context.must(node, "sysctl -w net.ipv4.vs.sync_threshold='1 2'");
      await context.must(node, ['ipvsadm', '--start-daemon', state, '--mcast-interface', 'eth0']);
    }
    await context.serve('server', { tcp: [80] });
    const talking = await context.background('client', ['traffic', 'flows', '-n', '6', '-d', '25000', '-i', '300', REMOTE, '80'], 60_000);
    await context.run('client', 'sleep 4');
    await context.lab.kill('gateway');
    const lines = (await talking()).stdout.split('\n').filter((line) => / (alive|lost) /.test(line));
    const alive = lines.filter((line) => line.includes(' alive '));
    const longest = Math.max(0, ...alive.map((line) => Number(/longest gap (\d+)/.exec(line)?.[1])));
    context.check('connections that live on', '6 of 6, after a pause', `${String(alive.length)} of ${String(lines.length)}, longest pause ${(longest / 1000).toFixed(1)} s`, alive.length === 6 && longest > 600);
  },
};
