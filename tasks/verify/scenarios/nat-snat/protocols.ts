import { CLIENT, POOL, REMOTE } from '../../lab/topology.js';
import type { Scenario } from '../context.js';
import { checkNoLeak, checkTranslated } from '../snat.js';
import { showTally, tally } from '../traffic.js';
import { counter, onlyNatSnat } from './own.js';

/** Protocols that are not translated, datagrams in fragments, and FTP, whose addresses are in its payload. */

const OTHERS = [['SCTP', 132], ['GRE', 47], ['ESP', 50]] as const;
const EACH = 3;

export const otherProtocols: Scenario = {
  name: 'other-protocols',
  claim: 'What is not translated (SCTP, GRE, ESP) does not leave, and the client is told.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { tcp: [80] });
    // The way out is open: what is missing outside below was stopped, not lost.
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: 3 }), POOL, 3);
    for (const [name, number] of OTHERS) {
      const sent = await context.run('client', ['traffic', 'raw', '-P', String(number), '-n', String(EACH), '-b', CLIENT, '-T', '700', REMOTE]);
      const told = tally(sent.stdout.split('\n').filter(Boolean).map((line) => line.split(' ').slice(1).join(' ')));
      context.check(`${name}: what the client is told`, `${String(EACH)} × refused EHOSTUNREACH`, showTally(told), told.get('refused EHOSTUNREACH') === EACH);
    }
    const inside = (await context.packets('inside')).filter(({ protocol, source, destination }) => protocol === 'other' && source === CLIENT && destination === REMOTE).length;
    context.check('such packets on the inside', String(OTHERS.length * EACH), String(inside), inside === OTHERS.length * EACH);
    const outside = (await context.packets('isp1')).filter(({ protocol, destination }) => protocol === 'other' && destination === REMOTE).length;
    context.check('such packets outside', '0', String(outside), outside === 0);
    const guarded = await counter(context, 'guarded');
    context.check('guarded in /proc/net/ip_vs_snat', String(OTHERS.length * EACH), String(guarded), guarded === OTHERS.length * EACH);
    await checkNoLeak(context, ['isp1']);
  },
};

export const udpFragments: Scenario = {
  name: 'udp-fragments',
  claim: 'Datagrams of 4000 bytes pass both ways in fragments.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.serve('server', { udp: [53] });
    checkTranslated(context, await context.connect('client', REMOTE, 53, { count: 12, udp: true, size: 4000 }), POOL, 12);
    const long = (await context.packets('isp1')).filter(({ length, destination }) => length > 1000 && destination === REMOTE);
    context.check('long packets outside, to the server', 'at least 24 (three fragments each)', String(long.length), long.length >= 24);
    await checkNoLeak(context, ['isp1']);
  },
};

const WEB = '/tmp/ftp';
const FILE = 'greeting';

export const ftp: Scenario = {
  name: 'ftp',
  claim: 'Passive FTP from inside works; active FTP, which names the inside address to the server, gets no data connection.',
  notFor: onlyNatSnat,
  run: async (context) => {
    await context.configure(context.spec());
    await context.must('server', `mkdir -p ${WEB} && seq 1 2000 > ${WEB}/${FILE}`);
    const daemon = await context.background('server', ['tcpsvd', '-E', '0.0.0.0', '21', 'ftpd', '-A', '-w', WEB], 5000);
    context.later(async () => {
      await context.run('server', 'pkill tcpsvd; true');
      await daemon();
    });
    await context.run('server', 'sleep 0.5');
    await context.run('client', ['ftpget', REMOTE, `/tmp/${FILE}`, FILE]);
    const sums = [await context.run('client', `md5sum < /tmp/${FILE}`), await context.run('server', `md5sum < ${WEB}/${FILE}`)].map(({ stdout }) => stdout.trim());
    context.check('a file by passive FTP', sums[1] ?? '', sums[0] ?? '', sums[0] !== undefined && sums[0] !== '' && sums[0] === sums[1]);
    const active = await context.run('client', `{ for line in 'USER anonymous' 'PASS x' 'PORT 192,168,40,10,200,10' 'RETR ${FILE}' QUIT; do sleep 0.4; printf '%s\\r\\n' "$line"; done; sleep 1; } | nc ${REMOTE} 21`, 20_000);
    // The server takes the address, cannot reach it, and says an error or nothing more.
    const answers = active.stdout.split('\r\n').filter((line) => /^\d{3} /.test(line)).map((line) => line.slice(0, 3));
    context.check('the same by active FTP', '220 and 200 (the address is taken), no 226 (sent)', answers.join(', ') || 'nothing', answers.includes('220') && answers.includes('200') && !answers.includes('226'));
    await checkNoLeak(context, ['isp1']);
  },
};
