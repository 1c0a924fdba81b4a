import { besideKeepalived, renderKeepalived, type Vrrp } from '../../lib/gateway/keepalived.js';
import { addAll } from '../../lib/gateway/steps.js';
import { CLIENT, CLIENTS, INSIDE, INSIDE_NET, POOL, REMOTE, type NodeName } from '../lab/topology.js';
import type { Context, Scenario, Subject } from './context.js';
import { onlyNatSnat } from './nat-snat/own.js';
import { checkNoLeak, checkTranslated, noSnat } from './snat.js';

/** The gateway configured by keepalived's own file, and two gateways that watch each other. */

function noKeepalived({ programs, language }: Subject): string | undefined {
  if (!programs.includes('keepalived')) return 'its tools have no keepalived';
  if (language === 'fwmark-snat') return 'its author published no configuration for keepalived, and its real server has port 0, which keepalived takes literally';
  return language === 'lvs-snat-zones' ? "its keepalived cannot configure zones (its author left it as dsnat's was)" : undefined;
}

const CONF = '/etc/keepalived/keepalived.conf';
const COUNT = 12;

async function startKeepalived(context: Context, node: NodeName, conf: string): Promise<void> {
  await context.loadIpvs(node);
  await context.must(node, 'mkdir -p /etc/keepalived /var/run');
  await context.lab.node(node).put(CONF, conf);
  await context.must(node, ['cat', CONF]);
  const daemon = await context.lab.node(node).start(['keepalived', '-n', '-l', '-D', '-f', CONF]);
  context.later(async () => {
    if (context.lab.down(node)) return;
    const ran = await context.lab.node(node).finish(daemon);
    context.steps.push({ node, command: `keepalived -n -l -D -f ${CONF} &`, ended: ran.ended, output: `${ran.stdout}${ran.stderr}`.trim().split('\n').slice(-30).join('\n'), at: ran.at, took: ran.took });
    await context.run(node, 'pkill keepalived; sleep 0.3; true');
  });
}

/** Waits until a command's output has what is wanted, at most `seconds`. */
async function until(context: Context, node: NodeName, command: string, wanted: RegExp, seconds: number): Promise<boolean> {
  const script = `i=0; while [ $i -lt ${String(seconds * 5)} ]; do ${command} 2>/dev/null | grep -Eq '${wanted.source}' && exit 0; sleep 0.2; i=$((i+1)); done; exit 1`;
  return (await context.run(node, script, (seconds + 10) * 1000)).ok;
}

export const keepalived: Scenario = {
  name: 'keepalived',
  claim: "keepalived's own configuration file sets up the same gateway.",
  notFor: (subject) => noSnat(subject) ?? noKeepalived(subject),
  run: async (context) => {
    const spec = context.spec({ protocols: ['tcp'] });
    const conf = renderKeepalived(context.subject.language, spec);
    await context.addresses('gateway', POOL.map((address) => ({ address, device: 'eth1' })));
    await startKeepalived(context, 'gateway', conf);
    const set = await until(context, 'gateway', 'ipvsadm -ln', /^(TCP|FWM) /, 15);
    const listed = await context.run('gateway', ['ipvsadm', '-ln']);
    context.check('service in ipvsadm -ln', 'within 15 s', set ? (listed.stdout.split('\n')[3] ?? '').trim() : 'none', set);
    await context.serve('server', { tcp: [80] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: COUNT }), POOL, COUNT);
  },
};

export const keepalivedMarks: Scenario = {
  name: 'keepalived-marks',
  claim: "keepalived's virtual_server fwmark sets up pools by source.",
  notFor: (subject) => onlyNatSnat(subject) ?? noKeepalived(subject),
  run: async (context) => {
    const [first, second, third] = POOL;
    const spec = context.spec({ snat: [{ from: `${CLIENT}/32`, pool: [first] }, { from: INSIDE_NET, pool: [second, third] }] });
    await context.addresses('gateway', POOL.map((address) => ({ address, device: 'eth1' })));
    for (const command of addAll(besideKeepalived(context.subject.language, spec))) await context.must('gateway', command);
    await startKeepalived(context, 'gateway', renderKeepalived(context.subject.language, spec));
    for (const mark of ['1', '2']) await until(context, 'gateway', 'ipvsadm -ln', new RegExp(`^FWM +${mark} `), 15);
    await context.markConfigured();
    await context.serve('server', { tcp: [80] });
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: COUNT, from: CLIENT }), [first], COUNT);
    checkTranslated(context, await context.connect('client', REMOTE, 80, { count: COUNT, from: CLIENTS[1] }), [second, third], COUNT);
    await checkNoLeak(context, ['isp1']);
  },
};

/** Three missed adverts of one second and the skew, then gratuitous ARP for every address: 4 to 5 s on an idle machine. */
const TAKEOVER = 10;

/** keepalived on both gateways, the first one master; waits until its addresses and services are there. */
export async function startPair(context: Context): Promise<void> {
  const instances = (priority: number): Vrrp['instances'] => [
    { name: 'INSIDE', interface: 'eth0', id: 51, priority, addresses: [`${INSIDE}/24`] },
    { name: 'OUTSIDE', interface: 'eth1', id: 52, priority, addresses: POOL.map((address) => `${address}/24`) },
  ];
  for (const [node, priority] of [['gateway', 150], ['gateway2', 100]] as const) {
    await startKeepalived(context, node, renderKeepalived(context.subject.language, context.spec({ protocols: ['tcp'] }), { instances: instances(priority), password: 'verify', master: node === 'gateway' }));
  }
  const master = await until(context, 'gateway', 'ip addr show dev eth1', new RegExp(POOL[2].replaceAll('.', '\\.')), 20);
  context.check('addresses at the first gateway', 'within 20 s', master ? 'there' : 'not there', master);
  for (const node of ['gateway', 'gateway2'] as const) await until(context, node, 'ipvsadm -ln', /^(TCP|FWM) /, 15);
}

export const vrrp: Scenario = {
  name: 'vrrp',
  claim: `Two gateways with VRRP: when the master's machine stops, its addresses move and new connections go on within ${String(TAKEOVER)} s.`,
  nodes: 'pair',
  notFor: (subject) => noSnat(subject) ?? noKeepalived(subject),
  run: async (context) => {
    await startPair(context);
    await context.serve('server', { tcp: [80] });
    const before = await context.connect('client', REMOTE, 80, { count: COUNT });
    if (!checkTranslated(context, before, POOL, COUNT)) return;
    const probing = await context.background('client', ['traffic', 'probe', '-d', '16000', '-i', '200', '-T', '700', REMOTE, '80'], 50_000);
    await context.run('client', 'sleep 2');
    await context.lab.kill('gateway');
    const lines = (await probing()).stdout.split('\n').filter(Boolean).map((line) => line.split(' '));
    const failed = lines.filter(([, word]) => word === 'err').map(([at]) => Number(at));
    const first = failed[0];
    const last = failed[failed.length - 1];
    const answered = lines.filter(([at, word]) => word === 'ok' && last !== undefined && Number(at) > last).length;
    const gap = first === undefined || last === undefined ? undefined : (Number(lines.find(([at]) => Number(at) > last)?.[0] ?? Infinity) - first) / 1000;
    context.check('until all new connections are answered again', `more than 0, less than ${String(TAKEOVER)} guest seconds`, gap === undefined ? 'never failed: the machine that stopped was not in the path' : `${gap.toFixed(1)} s`, gap !== undefined && gap < TAKEOVER);
    context.check('new connections after that', 'more than 5 answered', String(answered), answered > 5);
    const moved = await context.run('gateway2', 'ip addr show');
    const there = [INSIDE, ...POOL].filter((address) => moved.stdout.includes(`${address}/`));
    context.check('addresses at the second gateway', [INSIDE, ...POOL].join(', '), there.join(', ') || 'none', there.length === POOL.length + 1);
  },
};
