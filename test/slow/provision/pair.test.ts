import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { desire } from '../../../tasks/provision/desired/index.js';
import { loadSpec } from '../../../tasks/provision/spec/load.js';
import { debian } from '../../fast/provision/desired/support/fixtures.js';
import { artifacts, writeOut, type Artifacts } from '../../fast/provision/desired/support/rendered.js';
import { NamespaceShell } from '../../support/namespaces.js';
import { until as waitFor } from '../../support/processes.js';

/**
 * Two gateways from one gateway.yaml in network namespaces: their own scripts and keepalived.conf, run by the stock
 * keepalived. The master disappears under traffic; lost connections are counted, and said.
 */

const SPEC = (pool: string): string => `flavour: iptables-snat
interfaces:
  - {device: eth0, role: inside}
  - {device: eth1, role: outside, gateway: 203.0.113.254}
pools:
  public: [${pool}]
snat:
  - {pool: public}
tuning:
  irq: {policy: none, irqbalance: keep}
ha:
  password: secret12
  instances:
    - {device: eth0, id: 51, addresses: [192.168.40.1/24]}
    - {device: eth1, id: 52}
hosts:
  gw1: {addresses: {eth0: [192.168.40.2/24], eth1: [203.0.113.2/24]}, priority: 150}
  gw2: {addresses: {eth0: [192.168.40.3/24], eth1: [203.0.113.3/24]}, priority: 100}
`;

/** Says who asks. */
const SERVER = `require('net').createServer((s) => { s.on('error', () => {}); s.end(s.remoteAddress + '\\n'); }).listen(80, '203.0.113.254', () => require('fs').writeFileSync(process.argv[2], ''));`;
/** A connection every 200 ms until a file appears, and a file when the first has been answered; at the end one line each: seconds since the start, and what it left as or "none". */
const CLIENT = `const net = require('net'), fs = require('fs'); const [, , out, stop] = process.argv; const began = Date.now(); const lines = []; let open = 0;
const timer = setInterval(() => { const at = Date.now() - began; open += 1; let seen = 'none';
  const s = net.connect({ host: '203.0.113.254', port: 80 }); s.setTimeout(1500, () => s.destroy());
  s.on('data', (data) => { seen = String(data).trim(); fs.writeFileSync(out + '.begun', ''); }); s.on('error', () => {}); s.on('close', () => { open -= 1; lines.push(at + ' ' + seen); });
  if (fs.existsSync(stop)) clearInterval(timer);
}, 200);
process.on('exit', () => fs.writeFileSync(out, lines.sort((a, b) => parseInt(a) - parseInt(b)).join('\\n')));`;

let all: Artifacts;
let lab: NamespaceShell;
const conf = (host: string): string => join(all.dir, host, 'etc/build-kernel');
const held = async (host: string): Promise<boolean> => (await lab.must(`ip -n ${host} -o addr show`)).includes(' 203.0.113.100/');
async function until(what: () => Promise<boolean>): Promise<void> {
  if (await waitFor(what)) return;
  throw new Error(`it did not come about\n${await lab.must('ip -n gw1 -o addr show; ip -n gw2 -o addr show; cat /run/*/keepalived.log')}`);
}

/** keepalived as its unit starts it, VRRP only: health checks need IPVS. */
const keepalived = (host: string): string =>
  `ip netns exec ${host} keepalived --vrrp -n -l -f ${join(all.dir, host, 'etc/keepalived/keepalived.conf')} -p /run/${host}/pid -r /run/${host}/vrrp >/run/${host}/keepalived.log 2>&1 & echo started`;

async function render(host: string, pool: string): Promise<void> {
  await writeFile(join(all.dir, 'gateway.yaml'), SPEC(pool), { mode: 0o600 });
  const spec = await loadSpec(join(all.dir, 'gateway.yaml'));
  await writeOut(await desire(spec.gateway(host), debian, all.iptables), join(all.dir, host));
}

const gateway = (host: string, action: string): string => `ip netns exec ${host} env BUILD_KERNEL_CONF=${conf(host)} BUILD_KERNEL_STATE=/run/${host}/state sh ${conf(host)}/gateway ${action}`;

/** What became of connections, one every 200 ms, while something happened: seconds since the start, and what each left as. */
async function underTraffic(happens: () => Promise<void>): Promise<{ at: number; seen: string }[]> {
  const [out, stop] = [join(all.dir, 'tries'), join(all.dir, 'stop')];
  await Promise.all([out, `${out}.begun`, stop].map((path) => rm(path, { force: true })));
  await lab.must(`ip netns exec client node ${all.dir}/client.cjs ${out} ${stop} & while [ ! -e ${out}.begun ]; do sleep 0.1; done; sleep 2`);
  await happens();
  await lab.must(`sleep 3; touch ${stop}; while [ ! -e ${out} ]; do sleep 0.2; done`);
  return (await readFile(out, 'utf8')).split('\n').map((line) => line.split(' ')).map(([at = '', seen = '']) => ({ at: Number(at) / 1000, seen }));
}
const lostOf = (tries: readonly { at: number; seen: string }[], what: string): number[] => {
  const lost = tries.filter(({ seen }) => seen === 'none').map(({ at }) => at);
  process.stderr.write(`${what}: ${String(lost.length)} of ${String(tries.length)} connections lost${lost.length > 0 ? `, between ${String(lost[0])} and ${String(lost.at(-1))} s after the start` : ''}\n`);
  return lost;
};

beforeAll(async () => {
  all = await artifacts();
  lab = new NamespaceShell();
  for (const host of ['gw1', 'gw2']) await render(host, '203.0.113.100-203.0.113.101');
  await lab.must('mount -t tmpfs tmpfs /run; mkdir /run/netns');
  await lab.must('ip link add inside type bridge; ip link add outside type bridge; ip link set inside up; ip link set outside up');
  for (const name of ['client', 'gw1', 'gw2', 'server']) {
    await lab.must(`ip netns add ${name}; ip -n ${name} link set lo up; mkdir /run/${name}`);
    const sides = name === 'server' ? ['outside'] : name === 'client' ? ['inside'] : ['inside', 'outside'];
    for (const [index, side] of sides.entries()) {
      const port = `${name}-${String(index)}`;
      await lab.must(`ip link add ${port} type veth peer name eth${String(index)} netns ${name} && ip link set ${port} master ${side} up && ip -n ${name} link set eth${String(index)} up`);
    }
  }
  await lab.must('ip -n client addr add 192.168.40.10/24 dev eth0; ip -n client route add default via 192.168.40.1; ip -n server addr add 203.0.113.254/24 dev eth0');
  await writeFile(join(all.dir, 'server.cjs'), SERVER);
  await writeFile(join(all.dir, 'client.cjs'), CLIENT);
  await lab.must(`ip netns exec server node ${all.dir}/server.cjs ${all.dir}/ready & while [ ! -e ${all.dir}/ready ]; do sleep 0.1; done`);
  for (const host of ['gw1', 'gw2']) {
    // Its status tells of a kernel without IPVS, which iptables does not need.
    await lab.must(`${gateway(host, 'start')} || true`);
    await lab.must(keepalived(host));
  }
});
afterAll(async () => {
  await lab.end();
  await rm(all.dir, { recursive: true, force: true });
});

it('one keepalived.conf a host, alike but for what is its own', async () => {
  const [one, two] = await Promise.all(['gw1', 'gw2'].map((host) => readFile(join(all.dir, host, 'etc/keepalived/keepalived.conf'), 'utf8')));
  expect(one).toContain('state MASTER');
  expect(two).toBe(one?.replaceAll('state MASTER', 'state BACKUP').replaceAll('priority 150', 'priority 100'));
});

it('the backup takes over when the master goes without a word, and gives back', async () => {
  await until(async () => (await held('gw1')) && !(await held('gw2')));
  const tries = await underTraffic(async () => {
    await lab.must('ip link set gw1-0 down; ip link set gw1-1 down');
    await until(() => held('gw2'));
    await lab.must('sleep 5; ip link set gw1-0 up; ip link set gw1-1 up');
    await until(async () => (await held('gw1')) && !(await held('gw2')));
  });
  const lost = lostOf(tries, 'failover and return');
  const text = tries.map(({ at, seen }) => `${String(at)} ${seen}`).join('\n');
  // It cannot go unnoticed: three missed adverts of one second; and it must not last.
  expect(lost.length, text).toBeGreaterThan(5);
  expect(lost.length, text).toBeLessThan(60);
  for (const { seen } of tries) expect(['none', '203.0.113.100', '203.0.113.101']).toContain(seen);
  expect(tries.at(-1)?.seen).toMatch(/^203\./);
});

it('an update, backup first, goes on under traffic', async () => {
  const tries = await underTraffic(async () => {
    for (const host of ['gw2', 'gw1']) {
      await render(host, '203.0.113.102-203.0.113.103');
      await lab.must(`${gateway(host, 'reload')} || true; kill -HUP $(cat /run/${host}/pid)`);
      await lab.must('sleep 4');
    }
    await until(async () => (await lab.must('ip -n gw1 -o addr show')).includes(' 203.0.113.103/'));
  });
  const lost = lostOf(tries, 'update');
  expect(lost.length).toBeLessThan(10);
  expect(tries.slice(-5).every(({ seen }) => seen === '203.0.113.102' || seen === '203.0.113.103')).toBe(true);
});
