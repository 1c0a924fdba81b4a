import { CLIENT, CLIENT6, INSIDE_NET, ISP1, POOL, POOL6, REMOTE, REMOTE6 } from '../../lab/topology.js';
import type { Context, Scenario } from '../context.js';
import { checkNoLeak, checkTranslated } from '../snat.js';
import { allOf, showTally, tally } from '../traffic.js';
import { counter, needsMarks, onlyNatSnat, SETTINGS } from './own.js';

/** What nat-snat claims beyond the published gateways: IPv6, ICMP errors, no leak, clean refusals. */

/** A host behind the server, reached through a link that a router there answers for. */
const BEHIND = '192.0.2.200';
const SMALL_MTU = 1400;

export const ipv6: Scenario = {
  name: 'ipv6',
  claim: 'TCP, UDP and ping of IPv6 from inside leave as a public address of the pool, and answers come back.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec({ snat: [{ from: '::/0', pool: POOL6 }] }));
    const finish = await serve6(context);
    // Routers and hosts of IPv6 find each other by link-local addresses, which take a moment.
    await context.run('client', `i=0; while [ $i -lt 20 ] && ! traffic ping -T 500 ${REMOTE6}; do i=$((i+1)); done >/dev/null`, 30_000);
    for (const udp of [false, true]) checkTranslated(context, await context.connect('client', REMOTE6, udp ? 53 : 80, { count: 12, udp }), POOL6, 12);
    const pings = await context.ping('client', REMOTE6, '-n', '3', '-s', '4000');
    context.check('pings of 4000 bytes answered', '3 of 3', `${String(pings.filter(({ kind }) => kind === 'reply').length)} of 3`, allOf(pings, 3, ({ kind }) => kind === 'reply'));
    const leaked = (await context.packets('isp1')).filter(({ source, protocol }) => source === CLIENT6 && protocol !== 'other');
    context.check('packets outside with the client\'s source', '0', String(leaked.length), leaked.length === 0);
    await finish();
  },
};

async function serve6(context: Context): Promise<() => Promise<void>> {
  const handle = await context.lab.node('server').start(['traffic', 'serve', '-6', '-t', '80', '-u', '53']);
  await context.run('server', 'sleep 0.3');
  return async () => {
    await context.lab.node('server').finish(handle);
  };
}

export const icmpErrors: Scenario = {
  name: 'icmp-errors',
  claim: 'Port unreachable, reset, time exceeded and fragmentation needed from outside reach the client; fragments pass.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    await context.must('server', `echo 1 > /proc/sys/net/ipv4/ip_forward; echo 0 > /proc/sys/net/ipv4/icmp_ratelimit; ip link add small type dummy; ip link set small mtu ${String(SMALL_MTU)} up && ip route add ${BEHIND}/32 dev small`);
    context.later(async () => {
      await context.run('server', `ip route del ${BEHIND}/32; ip link del small; echo 0 > /proc/sys/net/ipv4/ip_forward`);
    });
    const udp = await context.connect('client', REMOTE, 9, { udp: true, count: 2, timeout: 1500 });
    context.check('UDP to a closed port', '2 × ECONNREFUSED', showTally(tally(udp.map(({ error }) => error ?? 'answered'))), allOf(udp, 2, ({ error }) => error === 'ECONNREFUSED'));
    const tcp = await context.connect('client', REMOTE, 9, { count: 2, timeout: 1500 });
    context.check('TCP to a closed port', '2 × ECONNREFUSED', showTally(tally(tcp.map(({ error }) => error ?? 'answered'))), allOf(tcp, 2, ({ error }) => error === 'ECONNREFUSED'));
    const [exceeded] = await context.ping('client', BEHIND, '-t', '2');
    context.check('ping with a TTL that ends beyond the gateway', `exceeded by ${ISP1}`, `${exceeded?.kind ?? 'nothing'} ${exceeded?.rest ?? ''}`.trim(), exceeded?.kind === 'exceeded' && exceeded.rest.endsWith(ISP1));
    const [large] = await context.ping('client', BEHIND, '-M', '-s', '1440');
    context.check('a ping too large for a link outside, unfragmented', `toobig ${String(SMALL_MTU)}`, `${large?.kind ?? 'nothing'} ${large?.rest ?? ''}`.trim(), large?.kind === 'toobig' && large.rest.startsWith(String(SMALL_MTU)));
    const fragments = await context.ping('client', REMOTE, '-n', '2', '-s', '4000');
    context.check('pings of 4000 bytes, in fragments', '2 of 2', `${String(fragments.filter(({ kind }) => kind === 'reply').length)} of 2`, allOf(fragments, 2, ({ kind }) => kind === 'reply'));
    await checkNoLeak(context, ['isp1']);
  },
};

export const noLeak: Scenario = {
  name: 'no-leak',
  claim: 'Nothing leaves with an inside source when the pool is empty, the service is gone or everything is flushed; clients are told.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 3 }), POOL, 3);
    const attempt = async (when: string): Promise<void> => {
      const tcp = await context.connect('client', REMOTE, 80, { count: 3, timeout: 1000 });
      const udp = await context.connect('client', REMOTE, 53, { count: 3, udp: true, timeout: 1000 });
      const pings = await context.ping('client', REMOTE, '-T', '700');
      const told = tally([...tcp, ...udp].map(({ ok, error }) => (ok ? 'answered' : (error ?? '?'))));
      context.check(`${when}: TCP and UDP`, '6 × EHOSTUNREACH', showTally(told), told.get('EHOSTUNREACH') === 6);
      context.check(`${when}: ping`, 'unreachable, prohibited', `${pings[0]?.kind ?? ''} ${pings[0]?.rest ?? ''}`, pings[0]?.kind === 'unreachable' && pings[0].rest.startsWith('13'));
    };
    for (const protocol of ['-t', '-u']) for (const address of POOL) await context.must('gateway', ['ipvsadm', '-d', protocol, '0.0.0.0:0', '-r', `${address}:0`]);
    await attempt('empty pool');
    for (const protocol of ['-t', '-u']) await context.must('gateway', ['ipvsadm', '-D', protocol, '0.0.0.0:0']);
    await attempt('services deleted');
    await context.must('gateway', ['ipvsadm', '-C']);
    await attempt('flushed');
    const guarded = await counter(context, 'guarded');
    context.check('refused packets in /proc/net/ip_vs_snat', 'more than 0', String(guarded), guarded > 0);
    await checkNoLeak(context, ['isp1', 'isp2']);
  },
};

export const refusals: Scenario = {
  name: 'refusals',
  claim: 'Where no port is left clients are told at once and it is counted; other servers and freed ports go on.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const [address] = POOL;
    await context.configure(context.spec({ snat: [{ from: '0.0.0.0/0', pool: [address] }] }));
    await context.must('gateway', `echo "${address}=2000-2009" > ${SETTINGS}/snat_ports`);
    await context.serve('server', { tcp: [80] });
    const held = await context.connect('client', REMOTE, 80, { count: 15, timeout: 2000, hold: 300 });
    const made = held.filter(({ ok }) => ok);
    context.check('connections by ten ports', '10 made, 5 × EHOSTUNREACH', `${String(made.length)} made, ${showTally(tally(held.filter(({ ok }) => !ok).map(({ error }) => error ?? '?')))}`, made.length === 10 && held.filter(({ error }) => error === 'EHOSTUNREACH').length === 5);
    context.check('public ports', '10 different, 2000 to 2009', String(new Set(made.map(({ seen }) => seen?.port)).size), new Set(made.map(({ seen }) => seen?.port)).size === 10 && made.every(({ seen }) => seen !== undefined && seen.port >= 2000 && seen.port <= 2009));
    const exhausted = await counter(context, 'exhausted');
    context.check('exhausted in /proc/net/ip_vs_snat', 'at least 5', String(exhausted), exhausted >= 5);
    const other = await context.connect('client', ISP1, 80, { count: 3 });
    context.check('connections to another server', '3 of 3', `${String(other.filter(({ ok }) => ok).length)} of 3`, allOf(other, 3, ({ ok }) => ok));
    await context.must('gateway', `echo 1024-65535 > ${SETTINGS}/snat_ports`);
    const again = await context.connect('client', REMOTE, 80, { count: 3 });
    context.check('connections with more ports', '3 of 3', `${String(again.filter(({ ok }) => ok).length)} of 3`, allOf(again, 3, ({ ok }) => ok));
    await checkNoLeak(context, ['isp1']);
  },
};

export const notLocal: Scenario = {
  name: 'not-local',
  claim: 'A pool address that the gateway does not have is not used, and the log says what to do.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const stranger = '203.0.113.77';
    await context.configure(context.spec());
    for (const protocol of ['-t', '-u']) await context.must('gateway', ['ipvsadm', '-a', protocol, '0.0.0.0:0', '-r', `${stranger}:0`, '-m']);
    await context.serve('server', { tcp: [80] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 12 }), POOL, 12);
    const log = await context.run('gateway', `dmesg | grep "SNAT.*${stranger}" | tail -1`);
    context.check('log', `… ${stranger} is not local … Do: ip addr add …`, log.stdout.trim(), log.stdout.includes('is not local') && log.stdout.includes('ip addr add'));
  },
};

export const drain: Scenario = {
  name: 'drain',
  claim: 'An address with weight 0 gets no new connection; open ones go on.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const [first, ...others] = POOL;
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    const talking = await context.background('client', ['traffic', 'flows', '-n', '9', '-d', '3000', '-i', '100', REMOTE, '80'], 20_000);
    await context.run('client', 'sleep 1');
    await context.must('gateway', ['ipvsadm', '-e', '-t', '0.0.0.0:0', '-r', `${first}:0`, '-m', '-w', '0']);
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 12 }), others, 12);
    const lines = (await talking()).stdout.split('\n').filter((line) => / (alive|lost) /.test(line));
    const ofFirst = lines.filter((line) => line.includes(` ${first}:`));
    context.check('open connections that live on', '9 of 9, some of them of the drained address', `${String(lines.filter((line) => line.includes(' alive ')).length)} of ${String(lines.length)}, ${String(ofFirst.length)} of ${first}`, lines.length === 9 && ofFirst.length > 0 && lines.every((line) => line.includes(' alive ')));
  },
};

export const outsideIn: Scenario = {
  name: 'outside-in',
  claim: 'A connection from outside to a host inside is left as it is.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.must('server', ['ip', 'route', 'add', INSIDE_NET, 'via', '203.0.113.1']);
    context.later(async () => {
      await context.run('server', ['ip', 'route', 'del', INSIDE_NET]);
    });
    await context.serve('client', { tcp: [8080], udp: [8080] });
    for (const udp of [false, true]) {
      const connections = await context.connect('server', CLIENT, 8080, { count: 4, udp, from: ISP1 });
      const seen = tally(connections.map(({ seen: peer, error }) => peer?.address ?? error ?? '?'));
      context.check(`${udp ? 'UDP' : 'TCP'} from outside: what the host inside saw`, `4 × ${ISP1}`, showTally(seen), seen.get(ISP1) === 4);
    }
    const pings = await context.ping('server', CLIENT, '-n', '2');
    context.check('pings from outside answered', '2 of 2', `${String(pings.filter(({ kind }) => kind === 'reply').length)} of 2`, allOf(pings, 2, ({ kind }) => kind === 'reply'));
  },
};

export const sourceHash: Scenario = {
  name: 'source-hash',
  claim: 'Any scheduler of IPVS serves a pool: with sh a client keeps its address without persistence.',
  notFor: (subject) => onlyNatSnat(subject) ?? needsMarks(subject),
  run: async (context) => {
    await context.configure(context.spec({ snat: [{ from: INSIDE_NET, pool: POOL, algorithm: 'sh' }] }));
    await context.serve('server', { tcp: [80] });
    for (let last = 10; last < 14; last += 1) {
      const from = `192.168.40.${String(last)}`;
      const seen = tally((await context.connect('client', REMOTE, 80, { count: 6, from })).map(({ seen: peer, error }) => peer?.address ?? error ?? '?'));
      context.check(`addresses of ${from}`, '6 × one address', showTally(seen), seen.size === 1 && (POOL as readonly string[]).includes([...seen.keys()][0] ?? ''));
    }
  },
};
