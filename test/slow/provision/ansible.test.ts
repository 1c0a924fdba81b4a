import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, type ExecResult } from '../../../tasks/lib/exec.js';
import { writeAnsible, type PlannedHost } from '../../../tasks/provision/ansible/index.js';
import { makePlan } from '../../../tasks/provision/plan/index.js';
import { writeBundle } from '../../../tasks/provision/run/index.js';
import { folderTarget } from '../../../tasks/provision/target/index.js';
import type { Desired, HostFacts, Resource } from '../../../tasks/provision/types.js';
import { startSshd, type Sshd } from '../../support/sshd.js';

/**
 * The playbook on two hosts: sshds on loopback whose sessions have ROOT set, so that the engine works in a folder each. The
 * real engine, bundles, ssh and Ansible; no reboot.
 */

let scratch: string;
const hosts = new Map<string, { root: string; sshd: Sshd }>();

async function startHost(name: string): Promise<string> {
  const root = join(scratch, name, 'root');
  await mkdir(join(root, 'var/lib'), { recursive: true });
  await mkdir(join(root, 'etc'));
  const sshd = await startSshd(['Subsystem sftp internal-sftp'], { ROOT: root });
  hosts.set(name, { root, sshd });
  return `Host ${name}\n  HostName 127.0.0.1\n  Port ${String(sshd.port)}\n  User ${userInfo().username}\n  IdentityFile ${join(sshd.folder, 'user')}\n  IdentitiesOnly yes\n  UserKnownHostsFile ${join(sshd.folder, 'known_hosts')}\n`;
}

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  await writeFile(join(scratch, 'ssh_config'), [await startHost('gw1'), await startHost('gw2')].join('\n'));
});
afterAll(async () => {
  await Promise.all([...hosts.values()].map(({ sshd }) => sshd.stop()));
  await rm(scratch, { recursive: true, force: true });
});

const rootOf = (host: string): string => hosts.get(host)?.root ?? '';
const textOf = async (host: string, path: string): Promise<string | undefined> => (existsSync(rootOf(host) + path) ? readFile(rootOf(host) + path, 'utf8') : undefined);

const FACTS: HostFacts = {
  arch: 'x86_64',
  distribution: { id: 'debian', version: '12' },
  init: 'systemd',
  rcFolder: '/etc',
  bootloader: { kind: 'none' },
  freeKib: {},
  interfaces: [],
  modaliases: [],
  root: { device: '', fstype: '', drivers: [] },
  secureBoot: false,
  programs: {},
  kernels: [],
  cpus: 1,
  numaNodes: 1,
  cmdline: '',
  offline: true,
};

let plans = 0;
async function planned(host: string, priority: number, content: string): Promise<PlannedHost> {
  const base = { part: 'tuning', why: 'test' };
  const resources: Resource[] = [
    { ...base, kind: 'file', path: '/etc/gateway', content: `${content} of ${host}\n`, mode: 0o640 },
    { ...base, kind: 'file', path: '/etc/large', content: `${content} `.repeat(100_000), mode: 0o644 },
    { ...base, kind: 'link', path: '/etc/link', to: '/dev/null' },
  ];
  const desired: Desired = { resources, effects: [], activate: '', deactivate: '', restored: '', interrupts: [] };
  const plan = await makePlan({ host, target: folderTarget(rootOf(host)), facts: FACTS, desired, drift: [], warnings: [] });
  plans += 1;
  const bundle = plan.changes.length === 0 ? undefined : await writeBundle({ plan, activate: '', deactivate: '', restored: '', confirmMinutes: 5 }, join(scratch, `bundle${String(plans)}`));
  return {
    gateway: {
      host,
      flavour: 'nat-snat',
      addons: [],
      artifact: '',
      language: 'nat-snat', ports: { first: 1024, last: 65535 },
      interfaces: [],
      snat: [],
      protocols: ['tcp'],
      services: [],
      redirects: [],
      rulesBy: 'script',
      tuning: { offloads: {}, rings: {}, irq: { policy: 'none', irqbalance: 'keep' }, rps: false, conntrack: {}, sysctls: {} },
      ha: { password: 'x', priority, master: priority > 100, instances: [], syncGroup: 'GATEWAY', preemptDelay: 0, peers: [] },
      access: { ports: [], leakGuard: false },
      confirmMinutes: 5,
      watchdog: true,
    },
    ssh: { destination: host, config: join(scratch, 'ssh_config'), oldAlgorithms: false },
    become: false,
    plan,
    shown: `what changes on ${host}`,
    desired,
    ...(bundle ? { bundle } : {}),
  };
}

async function play(playbook: string, ...more: string[]): Promise<ExecResult> {
  const roots = JSON.stringify(Object.fromEntries([...hosts].map(([name, { root }]) => [name, root])));
  return run(['ansible-playbook', playbook, '-e', JSON.stringify({ roots: JSON.parse(roots) as unknown, engine: '{{ roots[inventory_hostname] }}/var/lib/build-kernel/engine', looks: 1 }), ...more], {
    cwd: join(scratch, 'out'),
    env: { LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8', ANSIBLE_REMOTE_TMP: join(scratch, 'tmp'), ANSIBLE_NOCOLOR: '1', ANSIBLE_SSH_CONTROL_PATH_DIR: join(scratch, 'c') },
    ok: [0, 1, 2, 4],
  });
}
const plan = async (content: string): Promise<void> => writeAnsible(join(scratch, 'out'), [await planned('gw1', 150, content), await planned('gw2', 100, content)]);

/** `ok=5 changed=2 …` of a host in the recap. */
const recap = (output: string, host: string): Record<string, number> =>
  Object.fromEntries([...(output.split('\n').find((line) => new RegExp(`^${host}\\s+: ok=`).test(line)) ?? '').matchAll(/(\w+)=(\d+)/g)].map((match) => [match[1] ?? '', Number(match[2])]));

describe('a playbook of two hosts', () => {
  it('--check shows the plan and what differs, and changes nothing', async () => {
    await plan('first');
    const { stdout, exitCode } = await play('site.yml', '--check');
    expect(stdout).toContain('what changes on gw1');
    expect(stdout).toContain('differs: file /etc/gateway');
    expect(exitCode).toBe(0);
    expect(existsSync(join(rootOf('gw1'), 'etc/gateway'))).toBe(false);
    expect(existsSync(join(rootOf('gw1'), 'var/lib/build-kernel'))).toBe(false);
  });
  it('changes the backup, then the master, and keeps both', async () => {
    const { stdout, exitCode } = await play('site.yml');
    expect(exitCode, stdout).toBe(0);
    for (const host of ['gw1', 'gw2']) {
      expect(await textOf(host, '/etc/gateway')).toBe(`first of ${host}\n`);
      expect((await run(['sh', join(rootOf(host), 'var/lib/build-kernel/engine'), 'status'], { env: { ROOT: rootOf(host) } })).stdout).toMatch(/^current [0-9a-f]+ confirmed$/m);
    }
    expect(stdout.indexOf('changed: [gw2]')).toBeLessThan(stdout.indexOf('changed: [gw1]'));
    expect(stdout.indexOf('changed: [gw1]')).toBeGreaterThan(stdout.lastIndexOf('changed: [gw2]'));
  });
  it('a second run changes nothing, with the old plan and with a new one', async () => {
    for (const again of [false, true]) {
      if (again) await plan('first');
      const { stdout, exitCode } = await play('site.yml');
      expect(exitCode, stdout).toBe(0);
      expect([recap(stdout, 'gw1')['changed'], recap(stdout, 'gw2')['changed']]).toEqual([0, 0]);
    }
  });
  it('a host that fails is taken back, and the next is not touched', async () => {
    await plan('second');
    await writeFile(join(rootOf('gw2'), 'etc/gateway'), 'by hand\n');
    const { stdout, exitCode } = await play('site.yml');
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain('gw2 was taken back');
    expect(await textOf('gw2', '/etc/gateway')).toBe('by hand\n');
    expect(await textOf('gw2', '/etc/large')).toMatch(/^first /);
    expect(await textOf('gw1', '/etc/gateway')).toBe('first of gw1\n');
    expect(recap(stdout, 'gw1')).toEqual({});
  });
  it('one that does not come to hold what the plan names is taken back too', async () => {
    await plan('third');
    const script = join(scratch, 'out/hosts/gw2/checks.sh');
    await writeFile(script, (await readFile(script, 'utf8')).replace("file /etc/gateway 640 ", "file /etc/gateway 600 "));
    const { stdout, exitCode } = await play('site.yml');
    expect(exitCode).not.toBe(0);
    expect(stdout).toContain('mode 640');
    expect(await textOf('gw2', '/etc/gateway')).toBe('by hand\n');
    expect(await textOf('gw1', '/etc/gateway')).toBe('first of gw1\n');
  });
  it('rollback.yml takes a run back', async () => {
    await plan('fourth');
    expect((await play('site.yml')).exitCode).toBe(0);
    expect(await textOf('gw1', '/etc/gateway')).toBe('fourth of gw1\n');
    const { stdout, exitCode } = await play('rollback.yml');
    expect(exitCode, stdout).toBe(0);
    expect(await textOf('gw1', '/etc/gateway')).toBe('first of gw1\n');
    expect(await textOf('gw2', '/etc/gateway')).toBe('by hand\n');
  });
});
