import { CLIENT, ISP1, POOL, INSIDE_NET, REMOTE } from '../../lab/topology.js';
import type { Scenario } from '../context.js';
import { checkTranslated } from '../snat.js';
import { counter, onlyNatSnat, SETTINGS } from './own.js';
import { showTally, tally } from '../traffic.js';

/** How connections come to their end, and what comes after it. */

/** Waits until a number of /proc/net/ip_vs_snat is 0. */
const untilZero = (name: string, seconds: number): string =>
  `i=0; while [ $i -lt ${String(seconds * 2)} ]; do [ "$(awk '$1 == "${name}" { print $2 }' /proc/net/ip_vs_snat)" = 0 ] && break; sleep 0.5; i=$((i+1)); done`;

export const expiry: Scenario = {
  name: 'expiry',
  claim: 'Connections that say nothing are forgotten after their time-out; then the table is empty and the ports are free.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80], udp: [53] });
    await context.must('gateway', ['ipvsadm', '--set', '2', '2', '2']);
    // Held open without a word: what is closed would stay for two minutes, as TCP wants it.
    const tcp = await context.background('client', ['traffic', 'connect', '-n', '50', '-H', '12000', REMOTE, '80'], 40_000);
    const udp = await context.connect('client', REMOTE, 53, { count: 50, udp: true });
    checkTranslated(context, udp, POOL, 50);
    const before = await counter(context, 'connections');
    context.check('connections at first', 'at least 51', String(before), before >= 51);
    await context.run('gateway', untilZero('connections', 9), 20_000);
    const after = await counter(context, 'connections');
    context.check('connections after their time-out', '0', String(after), after === 0);
    const table = await context.run('gateway', "tail -n +2 /proc/net/ip_vs_conn | wc -l");
    context.check('lines of /proc/net/ip_vs_conn', '0', table.stdout.trim(), table.stdout.trim() === '0');
    await tcp();
  },
};

export const sloppyTcp: Scenario = {
  name: 'sloppy-tcp',
  claim: 'TCP in its midst that the gateway does not know is stopped and counted, and with sloppy_tcp=1 taken up again.',
  notFor: onlyNatSnat,
  run: async (context) => {
    const [address] = POOL;
    // One address, and clients keep their ports: what is taken up again looks the same to the server.
    await context.configure(context.spec({ snat: [{ from: '0.0.0.0/0', pool: [address] }] }));
    await context.serve('server', { tcp: [80] });
    await context.must('gateway', ['ipvsadm', '--set', '1', '1', '1']);
    for (const sloppy of [0, 1]) {
      await context.must('gateway', `echo ${String(sloppy)} > ${SETTINGS}/sloppy_tcp`);
      const before = await counter(context, 'not_syn');
      const held = await context.connect('client', REMOTE, 80, { count: 5, hold: 5000, timeout: 1500 });
      const kept = held.filter((connection) => connection.kept).length;
      const counted = (await counter(context, 'not_syn')) - before;
      context.check(`sloppy_tcp=${String(sloppy)}: connections that go on after they were forgotten`, sloppy ? '5 of 5' : '0 of 5', `${String(kept)} of ${String(held.length)}`, held.length === 5 && held.every(({ seen }) => seen !== undefined) && kept === (sloppy ? 5 : 0));
      context.check(`sloppy_tcp=${String(sloppy)}: not_syn in /proc/net/ip_vs_snat`, sloppy ? '0 more' : 'at least 5 more', String(counted), sloppy ? counted === 0 : counted >= 5);
    }
  },
};

export const forgetsOutside: Scenario = {
  name: 'forgets-outside',
  claim: 'Connections from outside to hosts inside are remembered, up to their number, and forgotten after their time-out.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.must('gateway', ['ipvsadm', '--set', '0', '0', '1']);
    await context.must('gateway', `echo 40 > ${SETTINGS}/snat_flows_max`);
    await context.must('server', ['ip', 'route', 'add', INSIDE_NET, 'via', '203.0.113.1']);
    context.later(async () => {
      await context.run('server', ['ip', 'route', 'del', INSIDE_NET]);
    });
    await context.serve('client', { udp: [8080] });
    const made = await context.connect('server', CLIENT, 8080, { count: 30, udp: true, from: ISP1 });
    const seen = tally(made.map(({ seen: peer, error }) => peer?.address ?? error ?? '?'));
    context.check('what the host inside saw', `30 × ${ISP1}`, showTally(seen), seen.get(ISP1) === 30);
    const now = await counter(context, 'from_outside_now');
    context.check('from_outside_now', '30', String(now), now === 30);
    await context.connect('server', CLIENT, 8080, { count: 30, udp: true, from: ISP1, timeout: 700 });
    const full = await counter(context, 'from_outside_full');
    context.check('from_outside_full: what is over the limit', 'at least 20', String(full), full >= 20);
    // The sweep comes every 15 s, and again as long as it finds something.
    for (const round of ['first', 'second']) {
      await context.run('gateway', untilZero('from_outside_now', 40), 60_000);
      const left = await counter(context, 'from_outside_now');
      context.check(`${round} sweep: from_outside_now`, '0', String(left), left === 0);
      if (round === 'first') await context.connect('server', CLIENT, 8080, { count: 10, udp: true, from: ISP1 });
    }
  },
};
