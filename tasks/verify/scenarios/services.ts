import { CLIENT, ISP1, LOCALS, POOL, REMOTE, SERVICE } from '../lab/topology.js';
import type { Service } from '../../lib/gateway/spec.js';
import type { Context, Scenario, Subject } from './context.js';
import { checkTranslated, noSnat } from './snat.js';
import { showTally, tally } from './traffic.js';

/** Virtual services on the gateway, alone and beside SNAT: a client outside, a real server inside. */

const PORT = 8080;
const COUNT = 20;

const fullnatService: Service = { mode: 'fullnat', protocol: 'tcp', address: SERVICE, port: PORT, servers: [{ address: CLIENT, port: PORT }], local: LOCALS };
const natService: Service = { mode: 'nat', protocol: 'tcp', address: SERVICE, port: PORT, servers: [{ address: CLIENT, port: PORT }] };

const noFullnat = (subject: Subject): string | undefined =>
  ['nat-service', 'nat-snat', 'iptables', 'nftables'].includes(subject.language) ? 'this flavour has no FULLNAT' : undefined;

/** Connects from outside to the service and looks at what the real server saw. */
async function checkService(context: Context, expected: readonly string[], what: string): Promise<void> {
  await context.serve('client', { tcp: [PORT] });
  const connections = await context.connect('server', SERVICE, PORT, { count: COUNT, from: ISP1 });
  const made = connections.filter(({ ok }) => ok);
  const errors = showTally(tally(connections.filter(({ ok }) => !ok).map(({ error }) => error ?? '?')));
  context.check(`${what}: connections from outside answered`, `${String(COUNT)} of ${String(COUNT)}`, `${String(made.length)} of ${String(COUNT)}${made.length < COUNT ? ` (${errors})` : ''}`, made.length === COUNT);
  const peers = tally(made.map(({ seen }) => seen?.address ?? '?'));
  context.check(`${what}: addresses the real server saw`, `only ${expected.join(', ')}`, showTally(peers), made.length > 0 && [...peers.keys()].every((peer) => expected.includes(peer)));
}

async function checkSnat(context: Context): Promise<void> {
  await context.serve('server', { tcp: [80] });
  const connections = await context.connect('client', REMOTE, 80, { count: COUNT });
  checkTranslated(context, connections, POOL, COUNT);
}

export const fullnat: Scenario = {
  name: 'fullnat',
  claim: 'A FULLNAT service answers clients outside; the real server sees the local addresses.',
  notFor: noFullnat,
  run: async (context) => {
    await context.configure(context.spec({ snat: [], services: [fullnatService] }));
    await checkService(context, LOCALS, 'FULLNAT');
  },
};

export const nat: Scenario = {
  name: 'nat',
  claim: 'A NAT service answers clients outside; the real server sees their addresses.',
  run: async (context) => {
    await context.configure(context.spec({ snat: [], services: [natService] }));
    await checkService(context, [ISP1], 'NAT');
  },
};

export const natBeside: Scenario = {
  name: 'nat-beside',
  claim: 'A NAT service and SNAT work on one gateway at the same time.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec({ services: [natService] }));
    await checkService(context, [ISP1], 'NAT');
    await checkSnat(context);
  },
};

export const fullnatBeside: Scenario = {
  name: 'fullnat-beside',
  claim: 'A FULLNAT service and SNAT work on one gateway at the same time.',
  notFor: (subject) => noSnat(subject) ?? noFullnat(subject),
  run: async (context) => {
    await context.configure(context.spec({ services: [fullnatService] }));
    await checkService(context, LOCALS, 'FULLNAT');
    await checkSnat(context);
  },
};
