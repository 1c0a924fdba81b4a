import { REMOTE } from '../lab/topology.js';
import type { Scenario } from './context.js';
import { noSnat } from './snat.js';

/** What a kernel that watches itself says at the end. Its reports on the console are faults of whatever scenario they came in. */

const DEBUG = '/sys/kernel/debug';
/** kmemleak looks at objects that are older than five seconds, and a pointer that moved is found by a second look. */
const SCAN = `mountpoint -q ${DEBUG} || mount -t debugfs none ${DEBUG}
sleep 6; echo scan > ${DEBUG}/kmemleak; sleep 6; echo scan > ${DEBUG}/kmemleak; cat ${DEBUG}/kmemleak`;

export const kernelChecks: Scenario = {
  name: 'kernel-checks',
  claim: 'KASAN and lockdep are on and still watch, and kmemleak finds no memory that IPVS lost, after all of the above and a reload of the module.',
  notFor: (subject) => noSnat(subject) ?? (subject.addons.includes('kasan') ? undefined : 'built without the add-on kasan'),
  run: async (context) => {
    const config = await context.must('gateway', "zcat /proc/config.gz | grep -E '^CONFIG_(KASAN_GENERIC|PROVE_LOCKING|PROVE_RCU|DEBUG_ATOMIC_SLEEP|DEBUG_LIST|DEBUG_OBJECTS_FREE|DEBUG_KMEMLEAK)=y'");
    const on = config.stdout.trim().split('\n').length;
    context.check('checks in this kernel', '7 of 7', `${String(on)} of 7`, on === 7);
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    for (const udp of [false, true]) await context.connect('client', REMOTE, udp ? 53 : 80, { count: 50, udp });
    await context.clear();
    if (context.subject.language === 'nat-snat') await context.must('gateway', 'sysctl -w net.ipv4.vs.snat_guard=0');
    await context.run('gateway', "for i in 1 2 3; do for m in $(awk '/^ip_vs/ { print $1 }' /proc/modules); do rmmod $m; done; done 2>/dev/null", 60_000);
    await context.loadIpvs();
    // Lockdep gives up at its first report, and when its tables are full.
    const lockdep = await context.run('gateway', "awk '/debug_locks:/ { print $2 }' /proc/lockdep_stats");
    context.check('lockdep still watches (debug_locks)', '1', lockdep.stdout.trim(), lockdep.stdout.trim() === '1');
    const leaks = await context.run('gateway', SCAN, 180_000);
    const ours = leaks.stdout.split(/(?=^unreferenced object)/m).filter((each) => /\b(?:ip_vs|snat)_/.test(each));
    context.check('lost memory with IPVS in its trace', '0', String(ours.length), leaks.ok && ours.length === 0);
  },
};
