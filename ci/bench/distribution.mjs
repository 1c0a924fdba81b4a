#!/usr/bin/env zx
// How connections spread over a pool of three: nat-snat (round robin) and an nftables range, in one run.
// Usage: node node_modules/zx/build/cli.js ci/bench/distribution.mjs [ARTIFACT of nat-snat] [--svg FILE]
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Lab } from '../../dist/verify/lab/lab.js';
import { CLIENTS, POOL, REMOTE } from '../../dist/verify/lab/topology.js';
import { LANGUAGES } from '../../dist/lib/gateway/languages.js';
import { bars } from './bars.mjs';
import { must, prepareGuest, readArguments } from './guest.mjs';

const { svg, artifact } = readArguments('distribution.mjs');
const EACH = 90;
const spec = (from) => ({ snat: [{ from, pool: POOL }], protocols: ['tcp'], services: [], outside: 'eth1' });
const WAYS = [
  { name: 'nat-snat', commands: [['modprobe', 'ip_vs'], ...LANGUAGES['nat-snat'].commands(spec('0.0.0.0/0'))], after: 'ipvsadm -C; echo 0 > /proc/sys/net/ipv4/vs/snat_guard; rmmod ip_vs_rr; rmmod ip_vs' },
  { name: 'nftables range', commands: LANGUAGES.nftables.commands(spec('192.168.0.0/16')), after: 'nft flush ruleset' },
];
const quote = (command) => command.map((word) => `'${word}'`).join(' ');

const dir = mkdtempSync(join(tmpdir(), 'bk-'));
let lab;
try {
  const { system, initramfs, qemu } = await prepareGuest(resolve(artifact), dir);
  lab = new Lab({ system, initramfs, qemu, topology: 'netns', nodes: 'gateway', nic: 'virtio-net', bootTimeout: 200, folder: join(dir, 'out'), sockets: join(dir, 's') });
  await lab.start();
  await must(lab.node('gateway'), POOL.map((address) => `ip addr add ${address}/24 dev eth1`).join(' && '));
  await lab.node('server').start(['traffic', 'serve', '-t', '80']);
  await must(lab.node('server'), 'sleep 1');
  const rows = [];
  for (const { name, commands, after } of WAYS) {
    for (const command of commands) await must(lab.node('gateway'), quote(command));
    const counts = [];
    for (const from of CLIENTS) {
      const text = await must(lab.node('client'), `traffic connect -n ${EACH} -b ${from} ${REMOTE} 80`);
      for (const address of POOL) counts.push(text.split('\n').filter((line) => line.includes(` ${address}:`)).length);
    }
    rows.push({ name, figures: counts });
    await must(lab.node('gateway'), `${after}; true`);
  }
  const groups = CLIENTS.flatMap((from) => POOL.map((address) => `${from} as ${address}`));
  console.log(`${EACH} connections of each of ${CLIENTS.length} clients to one server; kernel ${system.release}.\n`);
  console.log(`| | ${rows.map(({ name }) => name).join(' | ')} |\n|---|${rows.map(() => '---|').join('')}`);
  groups.forEach((group, index) => console.log(`| ${group} | ${rows.map(({ figures }) => figures[index]).join(' | ')} |`));
  if (svg) writeFileSync(svg, bars(rows, groups, 'connections'));
} finally {
  await lab?.stop();
  rmSync(dir, { recursive: true, force: true });
}
