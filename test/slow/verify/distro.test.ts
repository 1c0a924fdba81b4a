import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fetchSource } from '../../../tasks/lib/fetch/index.js';
import { fetchContext } from '../../../tasks/lib/fetch/for-run.js';
import { StageLog } from '../../../tasks/lib/log.js';
import { systemFromDistribution } from '../../../tasks/verify/guest/distro.js';
import { makeInitramfs } from '../../../tasks/verify/guest/initramfs.js';
import { ensureUserland } from '../../../tasks/verify/guest/userland.js';
import { Lab } from '../../../tasks/verify/lab/lab.js';
import { chooseAccelerator, findQemu } from '../../../tasks/verify/vm/qemu.js';
import { GuestFault } from '../../../tasks/verify/vm/machine.js';
import { cli, scratch, startCli } from '../../support/cli.js';
import { until } from '../../support/processes.js';

/** The distribution's own kernel in real guests: the same code that takes an artifact through its scenarios. */

interface Document {
  counts: Record<string, number>;
  release: string;
  times: { boot: number; firstPacket: number; total: number };
  scenarios: { name: string; claim: string; status: string; reason?: string; evidence: { checks: { ok: boolean; what: string; seen: string }[]; steps: { node: string; command: string }[]; captures: { file: string; packets: number }[]; fault?: { kind: string; trace: string[]; log: string } } }[];
}

const dir = scratch('verify');
const cache = join(dir, 'cache');
const env = { BUILD_KERNEL_CACHE: cache };

/** QEMU processes whose command line names our scratch folders. */
function guests(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    })
    .filter((line) => line.startsWith('qemu-system-x86_64') && line.includes(dir));
}

describe('verify --distro', () => {
  let document: Document;
  beforeAll(async () => {
    const result = await cli(['verify', 'iptables-snat', '--distro', '--json'], { cwd: dir, env });
    document = result.json as Document;
    expect(result.status, JSON.stringify(document, null, 1).slice(0, 4000)).toBe(0);
  }, 900_000);

  it('says of every scenario its name, claim, status and evidence', () => {
    for (const scenario of document.scenarios) {
      expect(scenario).toMatchObject({ name: expect.stringMatching(/^[a-z][a-z0-9-]+$/) as unknown, claim: expect.stringContaining(' ') as unknown, evidence: expect.any(Object) as unknown });
      expect(['pass', 'skip']).toContain(scenario.status);
      if (scenario.status === 'skip') expect(scenario.reason).toBeTruthy();
      else expect(scenario.evidence.checks.length).toBeGreaterThan(0);
    }
    const passed = document.scenarios.filter(({ status }) => status === 'pass').map(({ name }) => name);
    expect(passed).toEqual(expect.arrayContaining(['boot', 'snat-tcp', 'snat-udp', 'icmp', 'nft-snat', 'range-persistent', 'nat', 'nat-beside', 'transfer', 'source-ports', 'reload']));
  });

  it('keeps the packets and the commands as evidence', () => {
    const scenario = document.scenarios.find(({ name }) => name === 'snat-tcp');
    expect(scenario?.evidence.steps.map(({ command }) => command)).toContainEqual(expect.stringContaining('-j SNAT --to-source 203.0.113.100-203.0.113.102'));
    const outside = scenario?.evidence.captures.find(({ file }) => file.includes('isp1'));
    expect(outside?.packets).toBeGreaterThan(100);
    const file = readFileSync(join(dir, 'reports/iptables-snat-distro', outside?.file ?? ''));
    expect(file.readUInt32LE(0)).toBe(0xa1b2c3d4);
  });

  it('writes all reports', () => {
    const folder = join(dir, 'reports/iptables-snat-distro');
    for (const name of ['report.json', 'report.txt', 'report.tap', 'junit.xml', 'report.html', 'verify.log', 'boot-1/console-guest.log']) expect(existsSync(join(folder, name)), name).toBe(true);
  });

  it('leaves no guest behind', () => {
    expect(guests()).toEqual([]);
  });
});

describe('what can go wrong', () => {
  const one = (...args: string[]): string[] => ['verify', 'iptables-snat', '--distro', '--json', '--scenario', 'boot', '--scenario', 'icmp', ...args];

  it('a kernel that panics at boot is named, with its console kept', async () => {
    const { status, json } = await cli(one('--append', 'rdinit=/nonexistent', '--report', 'panic'), { cwd: dir, env });
    expect(status).toBe(15);
    const [boot, other] = (json as Document).scenarios;
    expect(boot).toMatchObject({ status: 'fail', evidence: { fault: { kind: 'panic' } } });
    expect(boot?.reason).toContain('Unable to mount root fs');
    expect(readFileSync(boot?.evidence.fault?.log ?? '', 'utf8')).toContain('Kernel panic');
    expect(other).toMatchObject({ status: 'error', reason: 'the kernel does not boot' });
  });

  it('an init that hangs is told from a panic', async () => {
    const { status, json } = await cli(one('--append', 'rdinit=/bin/cat', '--boot-timeout', '45', '--report', 'hang'), { cwd: dir, env });
    expect(status).toBe(15);
    expect((json as Document).scenarios[0]).toMatchObject({ status: 'fail', evidence: { fault: { kind: 'no-boot' } } });
    expect(guests()).toEqual([]);
  });

  it('Ctrl-C ends all guests', async () => {
    const child = startCli(one('--report', 'interrupted'), { cwd: dir, env });
    const log = join(dir, 'interrupted/iptables-snat-distro/boot-1/console-guest.log');
    expect(await until(() => existsSync(log) && guests().length > 0, 600)).toBe(true);
    expect(guests()).toHaveLength(1);
    child.kill('SIGINT');
    const { exitCode } = await child;
    expect(exitCode).toBe(130);
    expect(guests()).toEqual([]);
  });

  it('QEMU that is missing or too old is named, and what to do', async () => {
    const bin = join(dir, 'bin');
    mkdirSync(bin);
    for (const folder of ['/bin', '/usr/bin', '/sbin', '/usr/sbin']) {
      for (const name of readdirSync(folder)) if (!name.startsWith('qemu') && !existsSync(join(bin, name))) symlinkSync(join(folder, name), join(bin, name));
    }
    const missing = await cli(one(), { cwd: dir, env: { ...env, PATH: bin } });
    expect(missing.status).toBe(3);
    expect(missing.json).toMatchObject({ error: { code: 'environment', what: 'qemu-system-x86_64 is not installed.', fix: expect.stringContaining('doctor') as unknown } });
    writeFileSync(join(bin, 'qemu-system-x86_64'), '#!/bin/sh\necho "QEMU emulator version 2.11.1(Debian)"\n');
    chmodSync(join(bin, 'qemu-system-x86_64'), 0o755);
    const old = await cli(one(), { cwd: dir, env: { ...env, PATH: bin } });
    expect(old.status).toBe(3);
    expect(old.json).toMatchObject({ error: { what: expect.stringContaining('QEMU 2.11.1 is too old') as unknown } });
  });

  it.skipIf(process.getuid?.() !== 0)('a full disk is named', async () => {
    const mount = join(dir, 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=20m', 'tmpfs', mount]);
    try {
      const { status, json } = await cli(one(), { cwd: dir, env: { ...env, TMPDIR: mount } });
      expect(status).toBe(13);
      expect(json).toMatchObject({ error: { code: 'space' } });
      expect(readdirSync(mount)).toEqual([]);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it('unknown scenarios and missing artifacts are refused with a hint', async () => {
    const scenario = await cli(['verify', 'iptables-snat', '--distro', '--scenario', 'snat-tpc'], { cwd: dir, env });
    expect(scenario.status).toBe(2);
    expect(scenario.stderr).toContain('Did you mean snat-tcp?');
    const artifact = await cli(['verify', 'dsnat-220'], { cwd: dir, env });
    expect(artifact.status).toBe(2);
    expect(artifact.stderr).toContain('build-kernel dsnat-220');
  });
});

describe('a guest', () => {
  let lab: Lab;
  beforeAll(async () => {
    const log = new StageLog(join(dir, 'guest.log'));
    const context = fetchContext({ cache, lockFile: join(dir, 'lock.json'), offline: false, mirrors: [], allowUnsigned: false, allowSha1: false }, { log, progress: { note: () => undefined, progress: () => undefined } }, () => undefined);
    const fetch = (source: Parameters<typeof fetchSource>[0]): ReturnType<typeof fetchSource> => fetchSource(source, context);
    const folder = join(dir, 'guest');
    const system = await systemFromDistribution(join(folder, 'system'), { fetch, cacheDir: cache, log, progress: () => undefined });
    const userland = await ensureUserland({ cacheDir: cache, fetch, jobs: 2, log });
    const initramfs = await makeInitramfs({ system, userland, nic: 'e1000', folder, log });
    const qemu = await chooseAccelerator(await findQemu('vms'), system.cpu.kvm);
    lab = new Lab({ system, initramfs, qemu, topology: 'vms', nodes: 'gateway', nic: 'e1000', bootTimeout: 600, folder: join(folder, 'out'), sockets: join(folder, 's') });
    await lab.start();
  }, 1_200_000);
  afterAll(async () => {
    await lab.stop();
  });

  it('is one of three machines that reach each other over e1000', async () => {
    expect((await lab.node('client').exec(['traffic', 'ping', '-T', '10000', '192.168.40.1'])).ok).toBe(true);
    expect((await lab.node('gateway').exec(['traffic', 'ping', '-T', '10000', '203.0.113.2'])).ok).toBe(true);
  });

  it('tells exit statuses, signals and time-outs apart', async () => {
    const node = lab.node('client');
    expect(await node.sh('echo out; echo err >&2; exit 3')).toMatchObject({ ended: '3', ok: false, stdout: 'out\n', stderr: 'err\n' });
    expect(await node.sh('kill -SEGV $$')).toMatchObject({ ended: 'signal 11', ok: false });
    expect(await node.exec(['sleep', '60'], 1000)).toMatchObject({ ended: 'timeout', ok: false });
    expect(await node.exec(['no-such-program'])).toMatchObject({ ended: '127' });
  });

  it('takes and gives files of any bytes', async () => {
    const node = lab.node('server');
    const text = Array.from({ length: 40_000 }, (_, index) => String.fromCharCode(index % 128)).join('');
    await node.put('/tmp/file', text);
    expect(await node.get('/tmp/file')).toBe(text);
  });

  it('whose kernel crashes fails every request with the panic and its trace', async () => {
    const node = lab.node('gateway');
    await expect(node.sh('echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger; sleep 30')).rejects.toThrow(GuestFault);
    expect(lab.fault()).toMatchObject({ node: 'gateway', what: expect.stringMatching(/sysrq triggered crash|NULL pointer/) as unknown });
    expect(lab.fault()?.trace.join('\n')).toMatch(/Call Trace|RIP/);
    await expect(node.exec(['true'])).rejects.toThrow(GuestFault);
    expect((await lab.node('client').exec(['true'])).ok).toBe(true);
  });
});
