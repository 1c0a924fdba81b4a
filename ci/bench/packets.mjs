#!/usr/bin/env zx
// What a forwarded packet costs: plain, with connection tracking, nat-snat, iptables SNAT, nftables SNAT; in one run.
// Usage: npm run bench:packets -- [ARTIFACT of nat-snat] [--svg FILE]     (default: artifacts/nat-snat)
//
// Each way gets a guest of its own with three namespaces, joined by veth: sender, gateway, receiver. The emulated CPU does
// one instruction per nanosecond (-icount shift=0), so guest time counts instructions: repeatable, whatever else the
// host does; blind to caches, locks and other cores. The sender's own cost is in every figure.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Lab, Node } from '../../dist/verify/lab/lab.js';
import { bars } from './bars.mjs';
import { must, prepareGuest, readArguments } from './guest.mjs';

const { svg, artifact } = readArguments('packets.mjs');

const POOL = ['203.0.114.100', '203.0.114.101', '203.0.114.102'];
const RANGE = `${POOL[0]}-${POOL[2]}`;
const WAYS = [
  { name: 'plain forwarding', set: [] },
  { name: 'connection tracking', set: ['iptables -A FORWARD -m conntrack --ctstate NEW,ESTABLISHED,RELATED -j ACCEPT'] },
  {
    name: 'nat-snat',
    set: ['modprobe ip_vs conn_tab_bits=16', 'sysctl -w net.ipv4.vs.snat_persist=0', 'ipvsadm -A -u 0.0.0.0:0 -s rr -p 10', ...POOL.map((address) => `ipvsadm -a -u 0.0.0.0:0 -r ${address}:0 -m`)],
  },
  { name: 'iptables SNAT', set: [`iptables -t nat -A POSTROUTING -s 192.168.60.0/24 -j SNAT --to-source ${RANGE}`] },
  {
    name: 'nftables snat',
    set: ['nft add table ip g', "nft 'add chain ip g post { type nat hook postrouting priority srcnat; }'", `nft add rule ip g post ip saddr 192.168.60.0/24 snat to ${RANGE}`],
  },
];
const COUNT = 20_000;
const MEASURES = [
  { name: '1 flow', argv: ['-f', '1', '-w', '100'], port: 5000 },
  { name: '1,000 flows', argv: ['-f', '1000', '-w', '2000'], port: 5100 },
  { name: '10,000 flows', argv: ['-f', '10000', '-w', '20000'], port: 5200 },
  { name: 'new flows, one server port', argv: ['-f', '60000'], port: 5300 },
  { name: 'new flows, 50 server ports', argv: ['-f', '60000', '-p', '50'], port: 5400 },
];

const SENT = MEASURES.length * COUNT + MEASURES.reduce((sum, { argv }) => sum + Number(argv[argv.indexOf('-w') + 1] ?? 0) * Number(argv.includes('-w')), 0);

const dir = mkdtempSync(join(tmpdir(), 'bk-'));

async function measure(way, number, system, initramfs, qemu) {
  const lab = new Lab({ system, initramfs, qemu, topology: 'netns', nodes: 'gateway', nic: 'virtio-net', bootTimeout: 300, folder: join(dir, `out${number}`), sockets: join(dir, 's'), qemuArguments: ['-icount', 'shift=0,sleep=off'] });
  try {
    await lab.start();
    const gateway = lab.node('gateway');
    for (const [index, name] of ['sender', 'receiver'].entries()) {
      const pid = await gateway.namespacePid(name);
      const [near, far, net] = index === 0 ? ['in0', 'in1', '192.168.60'] : ['out0', 'out1', '203.0.114'];
      // busybox names the far end itself.
      await must(gateway, `ip link add ${near} type veth && far=$(ls /sys/class/net | grep '^veth') && ip link set $far name ${far} && ip link set ${far} netns ${pid} && ip addr add ${net}.1/24 dev ${near} && ip link set ${near} up`);
      const node = new Node(name, () => gateway.machine, name);
      await must(node, `ip link set lo up; ip addr add ${net}.10/24 dev ${far} && ip link set ${far} up && ip route add default via ${net}.1`);
    }
    const sender = new Node('sender', () => gateway.machine, 'sender');
    const receiver = new Node('receiver', () => gateway.machine, 'receiver');
    await must(gateway, `for a in ${POOL.join(' ')}; do ip addr add $a/32 dev lo; done; echo 100000 > /proc/sys/net/core/netdev_max_backlog`);
    for (const command of way.set) await must(gateway, command);
    // Tables large enough for all flows, of one size for all: by its memory a guest would get one for a few thousand.
    await must(gateway, 'cd /proc/sys/net/netfilter 2>/dev/null && echo 65536 > nf_conntrack_buckets && echo 262144 > nf_conntrack_max; true');
    for (const { port } of MEASURES) await receiver.start(['traffic', 'sink', String(port), '50']);
    await must(sender, 'traffic ping 203.0.114.10 >/dev/null; sleep 1; true');
    const figures = [];
    for (const { argv, port } of MEASURES) {
      const text = await must(sender, `traffic blast -n ${COUNT} ${argv.join(' ')} -b 192.168.60.10 203.0.114.10 ${port}`, 300_000);
      figures.push(Number(/^(\d+) ns, 0 failed/.exec(text)?.[1] ?? Number.NaN) / 1000);
    }
    const arrived = await must(receiver, "awk '$1 == \"Udp:\" && $2 ~ /^[0-9]/ { print $2 + $4 }' /proc/net/snmp");
    if (Number(arrived) < SENT) throw new Error(`${way.name}: only ${arrived.trim()} of ${SENT} datagrams arrived`);
    return { figures };
  } finally {
    await lab.stop();
  }
}

try {
  const { system, initramfs, qemu } = await prepareGuest(resolve(artifact), dir);
  const rows = [];
  for (const [number, way] of WAYS.entries()) {
    const { figures } = await measure(way, number, system, initramfs, qemu);
    rows.push({ name: way.name, figures });
    console.error(`${way.name}: ${figures.join(' ')} µs`);
  }
  console.log(`Kernel ${system.release}, QEMU ${qemu.version}, ${COUNT.toLocaleString('en')} UDP datagrams of 46 bytes each; µs of guest time per packet (1 µs = 1,000 instructions), sender included.\n`);
  console.log(`| | ${MEASURES.map(({ name }) => name).join(' | ')} |\n|---|${MEASURES.map(() => '---|').join('')}`);
  for (const { name, figures } of rows) console.log(`| ${name} | ${figures.map((figure) => figure.toFixed(2)).join(' | ')} |`);
  if (svg) writeFileSync(svg, bars(rows, MEASURES.map(({ name }) => name), 'µs of guest time per packet, 1 µs = 1,000 instructions'));
} finally {
  rmSync(dir, { recursive: true, force: true });
}
