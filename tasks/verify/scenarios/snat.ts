import { isPrivate } from '../lab/address.js';
import { CLIENT, POOL, REMOTE, type Segment } from '../lab/topology.js';
import type { Context, Scenario, Subject } from './context.js';
import { allOf, showTally, tally, type Connection } from './traffic.js';

/** What a SNAT gateway is for: connections from inside reach the outside, as a public address. */

export const noSnat = (subject: Subject): string | undefined => (subject.language === 'fullnat' ? 'this flavour has no SNAT gateway' : undefined);

/** Every connection was made, and the server saw only addresses of the pool. */
export function checkTranslated(context: Context, connections: readonly Connection[], pool: readonly string[], count: number): boolean {
  const made = connections.filter(({ ok }) => ok);
  const errors = showTally(tally(connections.filter(({ ok }) => !ok).map(({ error }) => error ?? '?')));
  const all = context.check('connections answered', `${String(count)} of ${String(count)}`, `${String(made.length)} of ${String(count)}${made.length < count ? ` (${errors})` : ''}`, made.length === count);
  const peers = tally(made.map(({ seen }) => seen?.address ?? '?'));
  const translated = context.check('addresses the server saw', `only ${pool.join(', ')}`, showTally(peers), made.length > 0 && [...peers.keys()].every((address) => pool.includes(address)));
  return all && translated;
}

/** No packet with an inside source was on the wire outside. */
export async function checkNoLeak(context: Context, segments: readonly Segment[] = ['isp1', 'isp2']): Promise<void> {
  let looked = 0;
  for (const segment of segments) {
    const packets = (await context.packetsConfigured(segment)).filter(({ protocol }) => protocol !== 'arp');
    if (packets.length === 0) continue;
    looked += packets.length;
    const leaked = packets.filter(({ source }) => isPrivate(source));
    context.check(`packets on ${segment} with an inside source`, '0', `${String(leaked.length)} of ${String(packets.length)}${leaked.length > 0 ? ` (${showTally(tally(leaked.map(({ protocol }) => protocol)))})` : ''}`, leaked.length === 0);
  }
  // Where nothing was captured at all, nothing can be said of leaks.
  if (looked === 0) context.check(`packets captured on ${segments.join(' and ')}`, 'more than 0', '0', false);
}

const COUNT = 30;

export const snatTcp: Scenario = {
  name: 'snat-tcp',
  claim: 'TCP from inside reaches a server outside, which sees a public address of the pool; nothing leaves untranslated.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: COUNT }), POOL, COUNT);
    await checkNoLeak(context);
  },
};

export const snatUdp: Scenario = {
  name: 'snat-udp',
  claim: 'UDP from inside reaches a server outside, which sees a public address of the pool, and its answers come back.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { udp: [53] });
    checkTranslated(context, await context.connect('client', REMOTE, 53, { count: COUNT, udp: true, timeout: 1500 }), POOL, COUNT);
    await checkNoLeak(context);
  },
};

export const icmp: Scenario = {
  name: 'icmp',
  claim: 'Ping from inside is answered by a host outside, which sees a public address.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec());
    const pings = await context.ping('client', REMOTE, '-n', '3', '-T', '700');
    const answered = pings.filter(({ kind }) => kind === 'reply').length;
    context.check('pings answered', '3 of 3', `${String(answered)} of 3${answered < 3 ? ` (${showTally(tally(pings.map(({ kind }) => kind)))})` : ''}`, answered === 3);
    const sent = (await context.packets('isp1')).filter(({ protocol, icmpType }) => protocol === 'icmp' && icmpType === 8);
    const sources = tally(sent.map(({ source }) => source));
    context.check('sources of echo requests outside', `only ${POOL.join(', ')}`, showTally(sources), sent.length > 0 && [...sources.keys()].every((source) => (POOL as readonly string[]).includes(source)));
  },
};

/** The option that FULLNAT adds so that its own real servers learn the client's address (net/toa). */
const TOA = [200, 254];

export const privacy: Scenario = {
  name: 'privacy',
  claim: 'No packet outside carries an inside address, neither as source nor in a TCP option.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    const connections = await context.connect('client', REMOTE, 80, { count: 3 });
    context.check('connections answered', '3 of 3', `${String(connections.filter(({ ok }) => ok).length)} of 3`, allOf(connections, 3, ({ ok }) => ok));
    await checkNoLeak(context, ['isp1']);
    const told = (await context.packets('isp1')).filter(({ options }) => TOA.some((kind) => options?.has(kind)));
    const inside = told.map(({ options }) => TOA.map((kind) => options?.get(kind)).find((each) => each !== undefined)).map((data) => (data && data.length >= 6 ? [...data.subarray(2, 6)].join('.') : '?'));
    context.check('packets outside with a TOA option', '0', told.length === 0 ? '0' : `${String(told.length)}, naming ${showTally(tally(inside))}`, told.length === 0);
  },
};

export const transfer: Scenario = {
  name: 'transfer',
  claim: '8 MB each way pass the gateway intact.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    const ran = await context.run('client', ['traffic', 'transfer', REMOTE, '80', String(8 << 20), '7'], 60_000);
    for (const way of ['get', 'put']) {
      const line = ran.stdout.split('\n').find((each) => each.startsWith(way)) ?? `ended with ${ran.ended}`;
      context.check(`${way} 8 MB`, `${way} ok`, line, line.startsWith(`${way} ok`));
    }
  },
};

export const sourcePorts: Scenario = {
  name: 'source-ports',
  claim: 'Clients that use the same source ports at the same time get different public address and port pairs.',
  notFor: noSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    const clients = [CLIENT, '192.168.40.11', '192.168.40.12', '192.168.40.13'];
    const each = 20;
    const results = await Promise.all(clients.map((from) => context.connect('client', REMOTE, 80, { count: each, from, port: 20_000, hold: 1000 })));
    const all = results.flat();
    const kept = all.filter((connection) => connection.kept);
    context.check('connections that stayed', String(clients.length * each), String(kept.length), kept.length === clients.length * each);
    const pairs = new Set(kept.map(({ seen }) => `${seen?.address ?? '?'}:${String(seen?.port)}`));
    context.check('different public pairs', String(kept.length), String(pairs.size), kept.length > 0 && pairs.size === kept.length);
  },
};
