import { ISP1, POOL, REMOTE } from '../../lab/topology.js';
import type { Context, Scenario } from '../context.js';
import { checkNoLeak, checkTranslated } from '../snat.js';
import { allOf } from '../traffic.js';
import { shellQuote } from '../../../lib/exec.js';
import { onlyNatSnat, SETTINGS } from './own.js';

/** A director in a network namespace of its own, and what a namespace leaves behind when it goes. */

/** How often ip_vs is in use: schedulers, namespaces with services, an armed guard. */
async function users(context: Context): Promise<string> {
  const { stdout } = await context.run('gateway', "awk '$1 == \"ip_vs\" { print $3 }' /proc/modules");
  return stdout.trim();
}

/** A namespace goes in the background, some tenths of a second after its last process. */
const SETTLED = 'sleep 3';

export const ownNamespace: Scenario = {
  name: 'own-namespace',
  claim: 'A gateway in a network namespace of its own translates and guards, and leaves the module free when its namespace goes.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.loadIpvs();
    const gateway = context.lab.node('gateway');
    const pid = await gateway.start(['unshare', '-n', 'sleep', '1000']);
    context.later(async () => {
      // Its devices come back to the machine with its end.
      await gateway.finish(pid);
      await context.run('gateway', `${SETTLED}; ip link | grep -c ' eth[01]:'`);
    });
    await context.run('gateway', 'sleep 0.3');
    const inside = (command: string): Promise<unknown> => context.must('gateway', `nsenter -t ${pid} -n sh -c ${shellQuote([command])}`);
    await context.must('gateway', `ip link set eth0 netns ${pid} && ip link set eth1 netns ${pid}`);
    await inside(`ip link set lo up; ip addr add 192.168.40.1/24 dev eth0; ip link set eth0 up; ip addr add 203.0.113.1/24 dev eth1; ip link set eth1 up; ip route add default via ${ISP1}; echo 1 > /proc/sys/net/ipv4/ip_forward`);
    for (const address of POOL) await inside(`ip addr add ${address}/32 dev lo`);
    for (const command of context.commands(context.spec())) await inside(shellQuote(command));
    await context.markConfigured();
    await context.serve('server', { tcp: [80], udp: [53] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 12 }), POOL, 12);
    checkTranslated(context, await context.connect('client', REMOTE, 53, { count: 12, udp: true }), POOL, 12);
    const outer = await context.run('gateway', 'ipvsadm -ln | wc -l; cat /proc/net/ip_vs_snat | head -1');
    context.check('services and connections of the machine itself', 'none', outer.stdout.trim().replaceAll('\n', ', '), /^3\s+connections 0$/.test(outer.stdout.trim()));
    await inside('ipvsadm -C');
    const refused = await context.connect('client', REMOTE, 80, { count: 3, timeout: 1000 });
    context.check('connections without a pool', '3 × EHOSTUNREACH', refused.map(({ error }) => error ?? 'answered').join(', '), allOf(refused, 3, ({ error }) => error === 'EHOSTUNREACH'));
    await checkNoLeak(context, ['isp1']);
    // A scheduler uses it too, as long as it is loaded.
    await context.must('gateway', ['rmmod', 'ip_vs_rr']);
    const during = await users(context);
    await gateway.finish(pid);
    await context.run('gateway', SETTLED);
    const after = await users(context);
    context.check('users of ip_vs: the guard of the namespace, and after it', '1, then 0', `${during}, then ${after}`, during === '1' && after === '0');
  },
};

const ROUNDS = 8;

/**
 * Opens the setting inside a namespace, leaves it, and writes while it goes. The descriptor keeps no namespace alive.
 * Each write after the first would be one at a position that is not 0, which strict mode passes over in silence.
 */
const WRITE_WHILE_IT_DIES = `
echo 0 > /proc/sys/kernel/sysctl_writes_strict
n=0
while [ $n -lt ${String(ROUNDS)} ]; do
  unshare -n sh -c 'exec 3> ${SETTINGS}/snat_guard; exec nsenter -t 1 -n sh -c "while echo 1 >&3; do :; done"' 2>/dev/null
  n=$((n+1))
done
echo 1 > /proc/sys/kernel/sysctl_writes_strict
${SETTLED}
`;

export const dyingNamespace: Scenario = {
  name: 'dying-namespace',
  claim: 'Who writes snat_guard while its namespace goes does not keep the module in use.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.loadIpvs();
    const before = await users(context);
    await context.must('gateway', WRITE_WHILE_IT_DIES, 60_000);
    const after = await users(context);
    context.check(`users of ip_vs after ${String(ROUNDS)} namespaces`, before, after, before !== '' && after === before);
    const removed = await context.run('gateway', 'rmmod ip_vs');
    context.check('rmmod ip_vs', 'removed', removed.ok ? 'removed' : removed.stderr.trim(), removed.ok);
  },
};
