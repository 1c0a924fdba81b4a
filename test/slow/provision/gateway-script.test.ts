import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { desire } from '../../../tasks/provision/desired/index.js';
import type { Desired, Gateway } from '../../../tasks/provision/types.js';
import { el6, gateway } from '../../fast/provision/desired/support/fixtures.js';
import { artifacts, writeOut, type Artifacts } from '../../fast/provision/desired/support/rendered.js';
import { NamespaceShell } from '../../support/namespaces.js';

/** The gateway script, run: a client, a gateway and a server in network namespaces, SNAT by iptables. */

/** Who is seen at the server, or "none" after as many milliseconds as it is given. */
const CLIENT = `const net = require('net'); const s = net.connect({ host: '198.51.100.80', port: 80, timeout: Number(process.argv[2]) });
s.on('data', (data) => { console.log(String(data).trim()); process.exit(0); });
for (const bad of ['error', 'timeout']) s.on(bad, () => { console.log('none'); process.exit(0); });`;
/** Says who asks, then once more for every line it gets. */
const SERVER = `require('net').createServer((s) => { s.on('error', () => {}); s.write(s.remoteAddress + '\\n'); s.on('data', () => s.write(s.remoteAddress + '\\n')); }).listen(80, '198.51.100.80', () => require('fs').writeFileSync(process.argv[2], ''));`;
/** Stays connected, asks when a file appears, and says what came back. */
const STAYER = `const fs = require('fs'); const [, , said, ask] = process.argv; const s = require('net').connect(80, '198.51.100.80'); let n = 0;
s.on('data', (data) => fs.appendFileSync(said, String(data)));
setInterval(() => { if (fs.existsSync(ask + n)) { n += 1; s.write('x\\n'); } }, 50);`;

let all: Artifacts;
let lab: NamespaceShell;
let conf: string;
let desired: Desired;
let shell = 'dash';
let before: Record<'addresses' | 'rules' | 'settings' | 'routes' | 'offloads', string>;

const snat = (pool: readonly string[]): Gateway['snat'] => [{ from: '192.168.40.0/24', pool, persistent: true }];
const spec = (change: Partial<Gateway> = {}): Gateway =>
  gateway({
    flavour: 'iptables-snat',
    language: 'iptables',
    interfaces: [
      { device: 'eth0', role: 'inside', addresses: ['192.168.40.1/24'], gateways: ['192.168.40.10'], routes: ['10.99.0.0/16', '10.98.0.0/16'], mtu: 1400 },
      { device: 'eth1', role: 'outside', addresses: ['203.0.113.2/24'], gateways: ['203.0.113.1'], routes: [] },
    ],
    snat: snat(['203.0.113.100', '203.0.113.101']),
    tuning: {
      ...gateway().tuning,
      irq: { policy: 'none', irqbalance: 'keep' },
      // A user's namespace may not steer.
      rps: false, offloads: { eth0: { gro: 'off' }, eth1: { gro: 'off', tso: 'off' } },
    },
    ...change,
  });

/** Renders a gateway into the folder that the script reads. */
async function render(change: Partial<Gateway> = {}): Promise<void> {
  desired = await desire(spec(change), el6, all.iptables);
  const root = join(all.dir, 'host');
  await rm(root, { recursive: true, force: true });
  await writeOut(desired, root);
  await mkdir(conf, { recursive: true });
  await cp(join(root, 'etc/build-kernel'), conf, { recursive: true, force: true });
  await cp(join(root, 'etc/build-kernel/hooks'), join(conf, 'hooks'), { force: true });
}

const gw = (command: string): string => `ip netns exec gw env BUILD_KERNEL_CONF=${conf} BUILD_KERNEL_STATE=/run/bk ${command}`;
const run = (action: string): Promise<{ status: number; text: string }> => lab.sh(gw(`${shell} ${conf}/gateway ${action}`));
/** An answer is waited for; that there is none shows after a moment. */
const ask = (): Promise<string> => lab.must(`ip netns exec client node ${all.dir}/client.cjs 60000`);
const silence = (): Promise<string> => lab.must(`ip netns exec client node ${all.dir}/client.cjs 1500`);
const leaked = async (): Promise<number> => Number(await lab.must(`ip netns exec server iptables -t raw -nvxL PREROUTING | awk '/192.168.0.0/ { print $1 }'`));

async function look(): Promise<typeof before> {
  return {
    addresses: await lab.must('ip -n gw -o addr show | grep -v inet6 | sed "s/ *valid_lft.*//"'),
    rules: await lab.must('ip netns exec gw iptables-save | grep -v "^#" | sed "s/\\[.*//"'),
    settings: await lab.must('ip netns exec gw sh -c "cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/eth1/rp_filter /sys/class/net/*/mtu"'),
    offloads: await lab.must('ip netns exec gw sh -c "ethtool -k eth0; ethtool -k eth1"'),
    routes: await lab.must('ip -n gw route show'),
  };
}

/** Effects that do not hold, as what was seen. */
async function drift(): Promise<string[]> {
  const found: string[] = [];
  for (const { id, probe, expect: wanted, part } of desired.effects) {
    if (part === 'kernel') continue;
    const { text } = await lab.sh(gw(`sh -c '${probe.replaceAll('/etc/build-kernel', conf).replaceAll("'", "'\\''")}'`));
    const holds = 'equals' in wanted ? text === wanted.equals : 'oneOf' in wanted ? wanted.oneOf.includes(text) : 'lines' in wanted ? wanted.lines.every((line) => text.split('\n').includes(line)) : new RegExp(wanted.matches).test(text);
    if (!holds) found.push(`${id}: ${text}`);
  }
  return found;
}

describe.each(['dash', 'busybox sh'])('the gateway script in %s', (which) => {
  beforeAll(async () => {
    shell = which;
    all = await artifacts();
    conf = join(all.dir, 'conf');
    lab = new NamespaceShell();
    await lab.must('mount -t tmpfs tmpfs /run');
    for (const name of ['client', 'gw', 'server']) await lab.must(`ip netns add ${name}; ip -n ${name} link set lo up`);
    await lab.must('ip link add eth0 netns client type veth peer name eth0 netns gw; ip link add eth0 netns server type veth peer name eth1 netns gw');
    await lab.must('ip -n client addr add 192.168.40.10/24 dev eth0; ip -n client link set eth0 up; ip -n gw addr add 192.168.40.1/24 dev eth0; ip -n gw link set eth0 up; ip -n client route add default via 192.168.40.1');
    await lab.must('ip -n server addr add 203.0.113.1/24 dev eth0; ip -n server link set eth0 up; ip -n server addr add 198.51.100.80/32 dev lo; ip -n server route add 192.168.0.0/16 via 203.0.113.2; ip -n gw link set eth1 up');
    // The host had forwarding on already, a rule of its own, and an address on the outside device.
    await lab.must('ip netns exec gw sh -c "echo 1 >/proc/sys/net/ipv4/ip_forward; iptables -A FORWARD -s 192.0.2.1 -j DROP; iptables -t nat -A POSTROUTING -s 192.0.2.0/24 -j RETURN"; ip -n gw addr add 203.0.113.2/24 dev eth1; ip -n gw addr add 203.0.113.77/24 dev eth1; ip -n gw route add default via 203.0.113.1; ip -n gw route add 10.99.0.0/16 via 203.0.113.1 proto dhcp metric 100; ip -n gw route add 10.98.0.0/16 nexthop via 203.0.113.1 nexthop via 203.0.113.3');
    await lab.must('ip netns exec server iptables -t raw -A PREROUTING -s 192.168.0.0/16');
    for (const [name, text] of Object.entries({ client: CLIENT, server: SERVER, stayer: STAYER })) await writeFile(join(all.dir, `${name}.cjs`), text);
    await lab.must(`ip netns exec server node ${all.dir}/server.cjs ${all.dir}/ready & sleep 0.1; while [ ! -e ${all.dir}/ready ]; do sleep 0.1; done`);
    await render();
    before = await look();
  });
  afterAll(async () => {
    await lab.end();
    await rm(all.dir, { recursive: true, force: true });
  });

  it('leaks without a gateway: the test can see it', async () => {
    expect(await ask()).toBe('192.168.40.10');
    expect(await leaked()).toBeGreaterThan(0);
    await lab.must('ip netns exec server iptables -t raw -Z');
  });

  it('guard lets nothing pass before the gateway is started', async () => {
    expect(await run('guard')).toMatchObject({ status: 0 });
    expect(await silence()).toBe('none');
    expect(await leaked()).toBe(0);
    expect((await run('status')).status).toBe(1);
  });

  it('start makes it a gateway, and every effect holds', async () => {
    expect(await run('start')).toMatchObject({ status: 0, text: '' });
    expect(['203.0.113.100', '203.0.113.101']).toContain(await ask());
    expect(await leaked()).toBe(0);
    expect(await drift()).toEqual([]);
  });

  it('started again, it changes nothing', async () => {
    const first = await look();
    expect(await run('start')).toMatchObject({ status: 0, text: '' });
    expect(await look()).toEqual(first);
  });

  it('what others undo is seen, and put back by settle', async () => {
    await lab.must('ip -n gw addr del 203.0.113.100/32 dev eth1; ip netns exec gw sh -c "echo 0 >/proc/sys/net/ipv4/ip_forward; ethtool -K eth1 gro on"');
    const seen = await drift();
    expect(seen.map((line) => line.replace(/:.*/, '')).sort()).toEqual(['address 203.0.113.100', 'offload eth1 gro', 'sysctl net.ipv4.ip_forward']);
    expect(await run('settle')).toMatchObject({ status: 0, text: '' });
    expect(await drift()).toEqual([]);
  });

  it('reload with another pool keeps open connections and the host’s own addresses', async () => {
    const [said, question] = [join(all.dir, 'said'), join(all.dir, 'ask')];
    await lab.must(`ip netns exec client node ${all.dir}/stayer.cjs ${said} ${question} & i=0; while [ ! -s ${said} ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done; cat ${said}`);
    await render({ snat: snat(['203.0.113.102']) });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect(await ask()).toBe('203.0.113.102');
    expect(await drift()).toEqual([]);
    const addresses = (await look()).addresses;
    expect(addresses).toContain('203.0.113.77/24');
    expect(addresses).toContain('203.0.113.2/24');
    expect(addresses).not.toContain('203.0.113.100/');
    await lab.must(`touch ${question}0; i=0; while [ $(wc -l <${said}) -lt 2 ] && [ $i -lt 600 ]; do sleep 0.1; i=$((i + 1)); done`);
    expect((await lab.must(`cat ${said}`)).split('\n')).toHaveLength(2);
    expect(await leaked()).toBe(0);
  });

  it('reload takes away the chains that are the gateway’s no longer', async () => {
    // As redirects of CHROUTE and marks of nat-snat have a chain of their own.
    await writeFile(join(conf, 'hooks'), '-4 filter INPUT BK-INPUT\n-4 filter FORWARD BK-FORWARD\n-4 nat POSTROUTING BK-POSTROUTING\n-4 nat PREROUTING BK-PREROUTING\n');
    const iptables = await lab.must(`cat ${conf}/iptables`);
    await writeFile(join(conf, 'iptables'), `${iptables}\n*nat\n:BK-PREROUTING - [0:0]\n-A BK-PREROUTING -s 192.168.40.0/24 -j ACCEPT\nCOMMIT\n`);
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect((await look()).rules).toContain('-A PREROUTING -j BK-PREROUTING');
    await render({ snat: snat(['203.0.113.102']) });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect((await look()).rules).not.toContain('BK-PREROUTING');
    expect(await ask()).toBe('203.0.113.102');
  });

  it('reload gives back offloads and an MTU that are said no longer', async () => {
    const { interfaces, tuning } = spec();
    await render({ snat: snat(['203.0.113.102']), interfaces: interfaces.map(({ device, role, addresses, gateways, routes }) => ({ device, role, addresses, routes, ...(gateways ? { gateways } : {}) })), tuning: { ...tuning, offloads: { eth0: { gro: 'off' } } } });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect(await lab.must('ip netns exec gw cat /sys/class/net/eth0/mtu')).toBe('1500');
    expect(await lab.must('ip netns exec gw ethtool -k eth1')).toContain('tcp-segmentation-offload: on');
    expect(await lab.must('ip netns exec gw ethtool -k eth0')).toContain('generic-receive-offload: off');
    await render({ snat: snat(['203.0.113.102']) });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect(await drift()).toEqual([]);
  });

  it('public addresses of IPv6 are none that the host itself sends by', async () => {
    await render({ snat: snat(['203.0.113.102']), interfaces: spec().interfaces.map((each) => (each.role === 'outside' ? { ...each, addresses: [...each.addresses, '2001:db8::ffff:2/64', '2001:db8::1/128'] } : each)) });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect(await lab.must('ip -n gw -6 -o addr show dev eth1')).toMatch(/2001:db8::1\/128 .*deprecated/);
    // An address is not sent by before the kernel knows that nobody else has it.
    expect(await lab.must('while ip -n gw -6 -o addr show dev eth1 tentative | grep -q .; do sleep 0.1; done; ip -n gw -6 route get 2001:db8::9')).toContain('src 2001:db8::ffff:2');
    await render({ snat: snat(['203.0.113.102']) });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
  });

  it('a bridge’s ports have its GRO', async () => {
    await lab.must('ip -n gw link add p7 type veth peer name q7; ip -n gw link add br7 type bridge; ip -n gw link set p7 master br7; ip netns exec gw ethtool -K p7 gro on');
    const { interfaces, tuning } = spec();
    await render({ snat: snat(['203.0.113.102']), interfaces: [...interfaces, { device: 'br7', role: 'inside', addresses: ['192.168.41.1/24'], routes: [] }], tuning: { ...tuning, offloads: { ...tuning.offloads, br7: { gro: 'off' } } } });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect(await lab.must('ip netns exec gw ethtool -k p7')).toContain('generic-receive-offload: off');
    await render({ snat: snat(['203.0.113.102']) });
    expect(await run('reload')).toMatchObject({ status: 0, text: '' });
    expect(await lab.must('ip netns exec gw ethtool -k p7')).toContain('generic-receive-offload: on');
    await lab.must('ip -n gw link del br7; ip -n gw link del p7');
  });

  it('a value that does not take is a failure that is said', async () => {
    await render({ tuning: { ...spec().tuning, offloads: { eth0: { lro: 'on' } } } });
    const { status, text } = await run('reload');
    expect(status).toBe(1);
    expect(text).toContain('lro of eth0 is');
    await render({ snat: snat(['203.0.113.102']) });
    expect((await run('reload')).status).toBe(0);
  });

  it('stop lets nothing pass', async () => {
    expect(await run('stop')).toMatchObject({ status: 0 });
    expect(await silence()).toBe('none');
    expect(await leaked()).toBe(0);
  });

  it('remove leaves the host as it was', async () => {
    expect(await run('remove')).toMatchObject({ status: 0 });
    expect(await look()).toEqual(before);
    expect(await ask()).toBe('192.168.40.10');
  });

  it('forgets what was there before an earlier boot', async () => {
    expect((await run('start')).status).toBe(0);
    await lab.must('echo another >/run/bk/boot');
    expect((await run('status')).status).toBe(1);
  });
});
