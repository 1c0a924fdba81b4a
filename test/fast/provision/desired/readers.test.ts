import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { desire } from '../../../../tasks/provision/desired/index.js';
import type { Desired, Gateway } from '../../../../tasks/provision/types.js';
import { debian, el6, gateway, pair } from './support/fixtures.js';
import { artifacts, writeOut, type Artifacts } from './support/rendered.js';

/** What is rendered, read by the programs that will read it. */

let all: Artifacts;
const hosts: { name: string; desired: Desired; files: Map<string, string> }[] = [];

const nat = (change: Partial<Gateway> = {}): Gateway => gateway({ flavour: 'nat-snat', language: 'nat-snat', ...change });
const bySource: Gateway['snat'] = [
  { from: '192.168.40.0/24', pool: ['203.0.113.100', '203.0.113.101'], persistent: true },
  { from: '192.168.41.0/24', pool: ['203.0.113.102'] },
];
const service: Gateway['services'][number] = { mode: 'nat', protocol: 'tcp', address: '203.0.113.110', port: 80, servers: [{ address: '192.168.40.10', port: 8080 }, { address: '192.168.40.11', port: 8080 }], scheduler: 'wlc' };

beforeAll(async () => {
  all = await artifacts();
  const { tuning } = gateway();
  const tuned: Gateway['tuning'] = { ...tuning, irq: { policy: 'numa', irqbalance: 'ban' }, conntrack: { max: 262_144, buckets: 65_536 }, ipvsTableBits: 18, rings: { eth0: { rx: 'max', tx: 1024 } }, sysctls: { ...tuning.sysctls, 'net.ipv4.tcp_rmem': '4096 87380 6291456' } };
  for (const [name, spec, facts, artifact] of [
    ['dsnat', gateway(), el6, all.dsnat],
    ['dsnat-pair', gateway({ ha: pair, rulesBy: 'keepalived', tuning: tuned }), { ...el6, programs: { ...el6.programs, irqbalance: '/usr/sbin/irqbalance' } }, all.dsnat],
    ['iptables', gateway({ flavour: 'iptables-snat', language: 'iptables', snat: bySource, services: [service] }), { ...el6, programs: { ...el6.programs } }, all.iptables],
    ['nat-snat', nat(), debian, all.natSnat],
    ['nat-snat-marks', nat({ snat: bySource, services: [service], tuning: tuned }), { ...debian, programs: { ...debian.programs, irqbalance: '/usr/sbin/irqbalance', nmcli: '/usr/bin/nmcli', networkctl: '/usr/bin/networkctl' } }, all.natSnat],
    ['nat-snat-pair', nat({ ha: { ...pair, sync: { device: 'eth0', id: 7 } }, rulesBy: 'keepalived' }), debian, all.natSnat],
  ] as const) {
    const desired = await desire(spec, facts, artifact);
    hosts.push({ name, desired, files: await writeOut(desired, join(all.dir, 'hosts', name)) });
  }
});
afterAll(() => rm(all.dir, { recursive: true, force: true }));

/** Every shell script that is put on a host or run there, once. */
async function scripts(): Promise<string[]> {
  const found = new Map<string, string>();
  for (const { files } of hosts) {
    for (const [path, at] of files) {
      const text = await readFile(at, 'utf8');
      const sourced = /\.sh$|gateway\.conf$|\/sysconfig\/|^\/(activate|deactivate|restored)$/.test(path);
      if (sourced || text.startsWith('#!/bin/sh')) found.set(`${basename(path)} ${text}`, found.get(`${basename(path)} ${text}`) ?? at);
    }
  }
  return [...found.values()];
}

describe('shells', () => {
  it.each(['sh -n', 'dash -n', 'busybox sh -n'])('%s finds no fault', async (shell) => {
    const [program, ...options] = shell.split(' ');
    const list = await scripts();
    expect(list.length).toBeGreaterThan(30);
    for (const path of list) await execa(program ?? 'sh', [...options, path]);
  });

  it('shellcheck finds no fault', async () => {
    // SC1090, SC1091: what is sourced at an absolute path is not here. SC2034: used by what sources it.
    await execa('shellcheck', ['-s', 'sh', '-e', 'SC1090,SC1091,SC2034', '-x', '-P', 'SCRIPTDIR', ...(await scripts())]);
  });

  it('probes are whole commands', async () => {
    const probes = hosts.flatMap(({ desired }) => desired.effects.map(({ probe }) => probe));
    for (const shell of [['dash'], ['busybox', 'sh']]) await execa(shell[0] ?? '', [...shell.slice(1), '-n'], { input: `${probes.join('\n')}\n` });
  });
});

describe('iptables-restore', () => {
  it.each(['dsnat', 'iptables', 'nat-snat-marks', 'dsnat-pair'])('takes the rules of %s', async (name) => {
    const files = hosts.find((each) => each.name === name)?.files;
    const rules = [...(files ?? [])].filter(([path]) => /\/ip6?tables(\.closed)?$/.test(path)).map(([, at]) => at);
    expect(rules.length).toBeGreaterThan(0);
    for (const at of rules) await execa('unshare', ['-rn', 'iptables-restore', '--noflush', '--test', at]);
  });
});

describe('keepalived', () => {
  it('takes what is rendered for the stock dialect', async () => {
    const conf = hosts.find(({ name }) => name === 'nat-snat-pair')?.files.get('/etc/keepalived/keepalived.conf') ?? '';
    const text = (await readFile(conf, 'utf8')).replaceAll(/\beth[01]\b/g, 'lo');
    const { stdout, stderr, exitCode } = await execa('unshare', ['-rn', 'keepalived', '-t', '-f', '/dev/stdin'], { input: text, reject: false });
    expect(`${stdout}${stderr}`).not.toMatch(/Unknown keyword|parse error/i);
    expect(exitCode).toBe(0);
  });
});

describe('systemd', () => {
  it.each([['nat-snat-pair', 2], ['nat-snat-marks', 3]])('takes the units of %s', async (which, count) => {
    const files = hosts.find(({ name }) => name === which)?.files;
    const units = [...(files ?? [])].filter(([path]) => path.startsWith('/etc/systemd/system/') && path.endsWith('.service')).map(([, at]) => at);
    expect(units).toHaveLength(count);
    const { stdout, stderr } = await execa('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', ...units], { reject: false });
    // The programs are on the host, not here.
    expect(`${stdout}${stderr}`.split('\n').filter((line) => line !== '' && !/is not executable/.test(line))).toEqual([]);
  });
});
