import { POOL, REMOTE } from '../../lab/topology.js';
import type { Scenario } from '../context.js';
import { checkNoLeak, checkTranslated } from '../snat.js';
import { allOf, showTally, tally } from '../traffic.js';
import { checkAlive, onlyNatSnat, peers, readFlows, SETTINGS } from './own.js';

/** A configuration that changes, or goes, under traffic. */

export const flushKeeps: Scenario = {
  name: 'flush-keeps',
  claim: 'ipvsadm -C keeps open connections; new ones are refused until there is a pool again.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const spec = context.spec();
    await context.configure(spec);
    await context.serve('server', { tcp: [80] });
    const talking = await context.background('client', ['traffic', 'flows', '-n', '12', '-d', '5000', '-i', '100', REMOTE, '80'], 30_000);
    await context.run('client', 'sleep 1');
    await context.must('gateway', ['ipvsadm', '-C']);
    const refused = peers(await context.connect('client', REMOTE, 80, { count: 6, timeout: 1000 }));
    context.check('new connections after the flush', '6 × EHOSTUNREACH', showTally(refused), refused.get('EHOSTUNREACH') === 6);
    for (const command of context.commands(spec)) await context.must('gateway', command);
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 6 }), POOL, 6);
    checkAlive(context, 'open connections that live on', (await talking()).stdout, 12);
    await checkNoLeak(context, ['isp1']);
  },
};

/** Each round takes an address, the service, and every setting away and puts it back. */
const CHURN = `
n=0
end=$(( $(cut -d. -f1 /proc/uptime) + 6 ))
while [ $(cut -d. -f1 /proc/uptime) -lt $end ]; do
  ipvsadm -d -t 0.0.0.0:0 -r ${POOL[2]}:0
  ipvsadm -a -t 0.0.0.0:0 -r ${POOL[2]}:0 -m -w 2
  ipvsadm -E -t 0.0.0.0:0 -s wrr -p 10
  ipvsadm -E -t 0.0.0.0:0 -s rr -p 10
  echo "${POOL[0]}=20000-30000 1024-65535" > snat_ports
  echo 1024-65535 > snat_ports
  s=$(cat snat_sources); echo 192.168.0.0/16 > snat_sources; echo "$s" > snat_sources
  s=$(cat snat_inside); echo "$s 10.9.9.0/24" > snat_inside; echo "$s" > snat_inside
  echo eth1 > snat_oif; echo > snat_oif
  echo 7 > snat_fwmarks; echo > snat_fwmarks
  echo 1 > snat_persist; echo 0 > snat_persist
  ipvsadm -A -f 7 -s sh; ipvsadm -a -f 7 -r ${POOL[0]}:0 -m; ipvsadm -D -f 7
  ipvsadm -D -t 0.0.0.0:0
  ipvsadm -A -t 0.0.0.0:0 -s rr -p 10
  for a in ${POOL.join(' ')}; do ipvsadm -a -t 0.0.0.0:0 -r $a:0 -m; done
  cat /proc/net/ip_vs_snat /proc/net/ip_vs_conn > /dev/null
  n=$((n+1))
done
echo "rounds $n"`;

export const churn: Scenario = {
  name: 'churn',
  claim: 'While pool, service, scheduler and settings change without end, open connections live on and nothing leaks.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    const talking = await context.background('client', ['traffic', 'flows', '-n', '12', '-d', '7000', '-i', '50', REMOTE, '80'], 60_000);
    const probing = await context.background('client', ['traffic', 'probe', '-d', '7000', '-i', '20', '-T', '700', REMOTE, '80'], 60_000);
    await context.run('client', 'sleep 0.5');
    const churned = await context.run('gateway', `cd ${SETTINGS} || exit 1${CHURN}`, 60_000);
    const rounds = Number(/rounds (\d+)/.exec(churned.stdout)?.[1] ?? 0);
    context.check('commands that failed', 'none', churned.stderr.trim() || 'none', churned.ok && churned.stderr.trim() === '');
    context.check('rounds of changes', 'at least 1', String(rounds), rounds >= 1);
    const flows = (await talking()).stdout;
    checkAlive(context, 'open connections that live on', flows, 12);
    context.check('addresses of the open connections', `only ${POOL.join(', ')}`, showTally(tally(readFlows(flows).map(({ address }) => address))), allOf(readFlows(flows), 12, ({ address }) => (POOL as readonly string[]).includes(address)));
    // Without its service a new connection is refused, and so it is told; it never hangs.
    const probes = tally((await probing()).stdout.split('\n').filter(Boolean).map((line) => line.split(' ').slice(1, line.includes(' ok ') ? 2 : 3).join(' ')));
    context.check('new connections meanwhile', 'ok, or err EHOSTUNREACH', showTally(probes), (probes.get('ok') ?? 0) > 5 && [...probes.keys()].every((each) => each === 'ok' || each === 'err EHOSTUNREACH'));
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 9 }), POOL, 9);
    await checkNoLeak(context, ['isp1']);
  },
};
