import { CLIENT, CLIENTS, ISP1, POOL, REMOTE } from '../../lab/topology.js';
import type { Scenario } from '../context.js';
import { checkNoLeak, checkTranslated } from '../snat.js';
import { allOf, showTally, tally } from '../traffic.js';
import { counter, onlyNatSnat, SETTINGS } from './own.js';

/** Ports of a pool address that a client must not get: the gateway's own. */

const LISTENING = [2000, 2001, 2002, 2003, 2004];
const FREE = 5;

export const ownSockets: Scenario = {
  name: 'own-sockets',
  claim: 'A port of a pool address on which the gateway itself listens is given to no client; both go on side by side.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const [address] = POOL;
    await context.configure(context.spec({ snat: [{ from: '0.0.0.0/0', pool: [address] }] }));
    // Half of the range is taken: without the look at sockets, clients that ask for these ports would get them.
    await context.must('gateway', `echo "${address}=2000-2009" > ${SETTINGS}/snat_ports`);
    await context.serve('gateway', { tcp: LISTENING, udp: LISTENING });
    await context.serve('server', { tcp: [80], udp: [53] });
    for (const udp of [false, true]) {
      const what = udp ? 'UDP' : 'TCP';
      const made = await context.connect('client', REMOTE, udp ? 53 : 80, { udp, count: FREE, port: 2000, timeout: 2000 });
      checkTranslated(context, made, [address], FREE);
      const ports = tally(made.map(({ seen }) => String(seen?.port)));
      context.check(`${what}: public ports of clients that begin at 2000`, '5 different, 2005 to 2009', showTally(ports), ports.size === FREE && made.every(({ seen }) => seen !== undefined && seen.port >= 2005 && seen.port <= 2009));
      const own = await context.connect('server', address, LISTENING[0] ?? 0, { udp, count: 3, from: ISP1 });
      context.check(`${what}: the gateway's own port from outside`, '3 of 3', `${String(own.filter(({ ok }) => ok).length)} of 3`, allOf(own, 3, ({ ok }) => ok));
    }
    const clashes = await counter(context, 'port_clash');
    context.check('port_clash in /proc/net/ip_vs_snat', 'at least 5', String(clashes), clashes >= 5);
  },
};

export const sharedAddress: Scenario = {
  name: 'shared-address',
  claim: 'A NAT service on an address of the pool and SNAT from the same address work at the same time; clients never get its port.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const [address] = POOL;
    const port = 8080;
    const server = { address: CLIENT, port: 9090 };
    const count = 200;
    await context.configure(context.spec({ snat: [{ from: '0.0.0.0/0', pool: [address] }], services: [{ mode: 'nat', protocol: 'tcp', address, port, servers: [server] }] }));
    await context.serve('server', { tcp: [80] });
    await context.serve('client', { tcp: [server.port] });
    const [out, into, clash] = await Promise.all([
      context.connect('client', REMOTE, 80, { count, from: CLIENT }),
      context.connect('server', address, port, { count, from: ISP1 }),
      // A client whose own port is the service's.
      context.connect('client', REMOTE, 80, { count: 1, from: CLIENTS[1], port }),
    ]);
    checkTranslated(context, out, [address], count);
    const seen = tally(into.map(({ seen: peer, error }) => peer?.address ?? error ?? '?'));
    context.check('what the real server saw', `${String(count)} × ${ISP1}`, showTally(seen), seen.get(ISP1) === count);
    const given = clash[0]?.seen?.port;
    context.check(`public port of a client that uses ${String(port)} itself`, 'another one', String(given ?? clash[0]?.error), given !== undefined && given !== port);
    await checkNoLeak(context, ['isp1']);
  },
};
