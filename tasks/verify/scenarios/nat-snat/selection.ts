import { CLIENT, CLIENTS, OUTSIDE2, POOL, REMOTE, ISP2 } from '../../lab/topology.js';
import type { Scenario } from '../context.js';
import { showTally } from '../traffic.js';
import { needsMarks, onlyNatSnat, peers, SETTINGS } from './own.js';

/** What is translated and what is left alone. */

/** A host of another inside network, reached through the second uplink. */
const OTHER_INSIDE = '10.9.0.2';

export const insideToInside: Scenario = {
  name: 'inside-to-inside',
  claim: 'Between inside networks nothing is translated; where devices say what is outside (snat_oif), they decide.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.must('server', `ip addr add ${OTHER_INSIDE}/32 dev lo && ip route add 192.168.40.0/24 via ${OUTSIDE2}`);
    await context.must('gateway', ['ip', 'route', 'add', `${OTHER_INSIDE}/32`, 'via', ISP2]);
    context.later(async () => {
      await context.run('server', 'ip route del 192.168.40.0/24');
      await context.run('gateway', ['ip', 'route', 'del', `${OTHER_INSIDE}/32`]);
    });
    await context.serve('server', { tcp: [80], udp: [53] });
    for (const udp of [false, true]) {
      const seen = peers(await context.connect('client', OTHER_INSIDE, udp ? 53 : 80, { count: 6, udp, from: CLIENT }));
      context.check(`${udp ? 'UDP' : 'TCP'}: what the other inside host saw`, `6 × ${CLIENT}`, showTally(seen), seen.get(CLIENT) === 6);
    }
    await context.must('gateway', `echo eth2 > ${SETTINGS}/snat_oif`);
    const told = peers(await context.connect('client', OTHER_INSIDE, 80, { count: 6, from: CLIENT }));
    context.check('with snat_oif=eth2: what it saw', `2 × each of ${POOL.join(', ')}`, showTally(told), POOL.every((address) => told.get(address) === 2));
  },
};

export const marks: Scenario = {
  name: 'marks',
  claim: 'A mark chooses the pool, for whatever iptables can match; what has no mark goes to the pool for all.',
  notFor: (subject) => onlyNatSnat(subject) ?? needsMarks(subject),
  run: async (context) => {
    const [first, second, third] = POOL;
    await context.configure(context.spec({ snat: [{ from: '0.0.0.0/0', pool: [first] }] }));
    await context.addresses('gateway', [second, third].map((address) => ({ address, device: 'eth1' })));
    await context.must('gateway', 'iptables -t mangle -A PREROUTING -p tcp --dport 81 -j MARK --set-mark 7');
    await context.must('gateway', ['ipvsadm', '-A', '-f', '7', '-s', 'rr']);
    for (const address of [second, third]) await context.must('gateway', ['ipvsadm', '-a', '-f', '7', '-r', `${address}:0`, '-m']);
    await context.serve('server', { tcp: [80, 81] });
    const plain = peers(await context.connect('client', REMOTE, 80, { count: 10, from: CLIENTS[1] }));
    context.check('port 80, without a mark', `10 × ${first}`, showTally(plain), plain.get(first) === 10);
    const marked = peers(await context.connect('client', REMOTE, 81, { count: 10, from: CLIENTS[1] }));
    context.check('port 81, with mark 7', `5 × ${second}, 5 × ${third}`, showTally(marked), marked.get(second) === 5 && marked.get(third) === 5);
  },
};

export const strict: Scenario = {
  name: 'strict',
  claim: 'With snat_strict=1 an address that the gateway does not have cannot be added to the pool.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.must('gateway', `echo 1 > ${SETTINGS}/snat_strict`);
    const refused = await context.run('gateway', ['ipvsadm', '-a', '-t', '0.0.0.0:0', '-r', '203.0.113.77:0', '-m']);
    context.check('ipvsadm -a of an address that is not local', 'refused', refused.ok ? 'taken' : refused.stderr.trim(), !refused.ok);
    await context.must('gateway', ['ip', 'addr', 'add', '203.0.113.77/24', 'dev', 'eth1']);
    const taken = await context.run('gateway', ['ipvsadm', '-a', '-t', '0.0.0.0:0', '-r', '203.0.113.77:0', '-m']);
    context.check('the same after ip addr add', 'taken', taken.ok ? 'taken' : taken.stderr.trim(), taken.ok);
  },
};
