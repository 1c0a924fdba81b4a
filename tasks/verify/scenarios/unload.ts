import { REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';
import { noSnat } from './snat.js';

/** Whether the module can be replaced without a reboot. */
export const unload: Scenario = {
  name: 'unload',
  claim: 'After use, with its configuration taken away, the IPVS module can be unloaded.',
  notFor: (subject) => noSnat(subject) ?? (['iptables', 'nftables'].includes(subject.language) ? 'SNAT here is not done by IPVS' : undefined),
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    await context.connect('client', REMOTE, 80, { count: 5 });
    await context.clear();
    if (context.subject.language === 'nat-snat') await context.must('gateway', 'sysctl -w net.ipv4.vs.snat_guard=0');
    // Connections hold the module until they are gone; unloading takes them away.
    const left = await context.run('gateway', "for i in 1 2 3; do for m in $(awk '/^ip_vs/ { print $1 }' /proc/modules); do rmmod $m; done; done 2>/dev/null; awk '/^ip_vs/ { print $1, \"used\", $3, \"times\" }' /proc/modules", 15_000);
    context.check('modules that stay', 'none', left.stdout.trim() || (left.ok ? 'none' : `rmmod ended with ${left.ended}`), left.ok && left.stdout.trim() === '');
  },
};
