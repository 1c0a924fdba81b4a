import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { sha256 } from '../../../../tasks/lib/digest.js';
import { run } from '../../../../tasks/lib/exec.js';
import { packageRoot } from '../../../../tasks/lib/paths.js';
import { writeBundleScript } from '../../../../tasks/provision/ansible/bundle-script.js';
import { checkScript } from '../../../../tasks/provision/ansible/check-script.js';
import { translatedScript, writeAnsible } from '../../../../tasks/provision/ansible/index.js';
import type { PlannedHost } from '../../../../tasks/provision/ansible/types.js';
import { checkHost, isDrift } from '../../../../tasks/provision/checks/index.js';
import { socketWord } from '../../../../tasks/provision/checks/connections.js';
import { engineScript } from '../../../../tasks/provision/run/engine.js';
import { localTarget } from '../../../../tasks/provision/target/index.js';
import type { Effect, Resource } from '../../../../tasks/provision/types.js';
import { folderTarget } from '../checks/local.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bk-ansible-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const template = (name: string): Promise<string> => readFile(join(packageRoot, 'templates/ansible', name), 'utf8');
/** Ansible takes no other. */
const UTF8 = { LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8' };
const SHELLS: [string, ...string[]][] = [['dash'], ['bash'], ['busybox', 'sh']];

describe.each(SHELLS)('the check script in %s', (...shell) => {
  const base = { why: '', part: 'x' };
  const block = (content: string, name = 'gateway'): Resource => ({ ...base, kind: 'block', path: '/etc/rc.local', name, content, at: 'end', create: { head: '', mode: 0o755 } });
  const file = (path: string, content: string, mode = 0o644, trial?: string): Resource => ({ ...base, kind: 'file', path, content, mode, ...(trial === undefined ? {} : { trial }) });
  const effect = (probe: string, expect: Effect['expect'], needs?: string): Effect => ({ id: probe, part: 'x', claim: '', probe, expect, ...(needs === undefined ? {} : { needs }) });

  it('judges files as checkHost does', async () => {
    await mkdir(`${root}/etc`);
    await writeFile(`${root}/etc/a 'b"`, 'one\n', { mode: 0o644 });
    await writeFile(`${root}/etc/rc.local`, "#!/bin/sh\n# BEGIN build-kernel gateway\n  a\n\nb 'c' \\n\n# END build-kernel gateway\n# BEGIN build-kernel open\n", { mode: 0o755 });
    await symlink('/dev/null', `${root}/etc/link`);
    const resources: Resource[] = [
      file("/etc/a 'b\"", 'one\n'),
      file("/etc/a 'b\"", 'two\n'),
      file("/etc/a 'b\"", 'one\n', 0o600),
      file("/etc/a 'b\"", 'two\n', 0o644, 'one\n'),
      file('/etc/none', ''),
      file('/etc/link', ''),
      block("  a\n\nb 'c' \\n\n"),
      block("a\n\nb 'c' \\n"),
      block('', 'open'),
      block('', 'none'),
      { ...base, kind: 'link', path: '/etc/link', to: '/dev/null' },
      { ...base, kind: 'link', path: '/etc/link', to: '/dev/full' },
      { ...base, kind: 'absent', path: '/etc/none' },
      { ...base, kind: 'absent', path: '/etc/link' },
    ];
    for (const when of ['trial', 'later']) {
      const expected = (await checkHost(folderTarget(root), { resources, effects: [] }, when === 'trial')).filter(({ status }) => isDrift(status)).length;
      const { stdout, exitCode } = await run([...shell, '-s', '--', when], { input: checkScript({ resources, effects: [] }, await template('checks.sh')), env: { ROOT: root }, ok: [0, 1] });
      expect(stdout.split('\n').at(-1)).toBe(`${String(resources.length - expected)} hold, ${String(expected)} differ`);
      expect(expected).toBe(when === 'trial' ? 9 : 10);
      expect(exitCode).toBe(1);
    }
  });
  it('judges effects as checkHost does', async () => {
    const effects = [
      effect('echo "  1 "', { equals: '1' }),
      effect('echo 2', { equals: '1' }),
      effect("printf 'a  b\\n* c\\n'", { lines: ['* c', 'a b'] }),
      effect("printf 'a  b\\nc\\n'", { lines: ['c', 'x'] }),
      effect('echo b; echo "it\'s" >&2', { oneOf: ['a', 'b'] }),
      effect('true', { oneOf: ['off', ''] }),
      effect('echo up 12', { matches: '^up [0-9]+$' }),
      effect('echo down', { matches: '^up [0-9]+$' }),
      effect('exit 3', { equals: 'x' }),
      effect('echo x', { equals: 'x' }, 'no-such-program'),
    ];
    const expected = (await checkHost(localTarget(), { resources: [], effects })).map(({ status }) => status);
    const { stdout } = await run([...shell, '-s'], { input: checkScript({ resources: [], effects }, await template('checks.sh')), env: { ROOT: undefined }, ok: [0, 1] });
    expect(expected.filter((status) => status === 'fail')).toHaveLength(4);
    expect(stdout.split('\n').at(-1)).toBe('5 hold, 4 differ');
    expect(stdout).toContain('not looked at: echo x: the host has no no-such-program');
  });
  it('a bundle unpacks itself, once, and is checked', async () => {
    const folder = join(root, 'bundle');
    await mkdir(folder);
    const texts = { 'payload.0': 'x'.repeat(4096) + '\0\xff\n'.repeat(3000), index: '', activate: 'echo "$0"\n' };
    for (const [name, text] of Object.entries(texts)) await writeFile(join(folder, name), text, 'latin1');
    const sizes = await Promise.all(Object.keys(texts).map(async (name) => ({ name, sha256: sha256(await readFile(join(folder, name))), size: (await stat(join(folder, name))).size })));
    const parts = sizes.map((one) => `${one.sha256}  ${one.name}\n`).join('');
    await writeFile(join(folder, 'parts'), parts);
    const script = join(root, 'bundle.run');
    await writeBundleScript(script, { id: 'abc', folder, files: [...sizes, { name: 'parts', sha256: sha256(parts), size: parts.length }] }, await template('unpack.sh'), await engineScript());
    const host = join(root, 'host');
    const unpack = (): ReturnType<typeof run> => run([...shell, script], { env: { ROOT: host }, ok: [0, 1] });
    expect((await unpack()).stdout).toBe('state staged');
    const place = join(host, 'var/lib/build-kernel');
    for (const name of Object.keys(texts)) expect(await readFile(join(place, 'runs/abc', name))).toEqual(await readFile(join(folder, name)));
    expect(await readFile(join(place, 'engine'), 'utf8')).toBe(await engineScript());
    expect((await stat(place)).mode & 0o777).toBe(0o700);
    await writeFile(join(place, 'runs/abc/state'), 'tried\n');
    await rm(join(place, 'runs/abc/index'));
    expect((await unpack()).stdout).toBe('state tried');
    await writeFile(join(place, 'runs/abc/state'), 'reverted\n');
    const bytes = await readFile(script);
    const at = bytes.lastIndexOf('echo "$0"');
    bytes[at] = 0x58;
    await writeFile(script, bytes);
    expect(await unpack()).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('did not arrive whole') as string });
  });
  it('says what a connection was translated to', async () => {
    const text = translatedScript({ snat: [{ from: '0.0.0.0/0', pool: ['203.0.113.100', '203.0.113.101'] }] }, '198.51.100.9', await template('translated.sh'));
    const look = async (table: string, file: string): Promise<string> => {
      await writeFile(join(root, 'table'), table);
      // The files of the kernel are ours here; those that are not named are not there.
      const script = text.replaceAll(`/proc/net/${file}`, join(root, 'table')).replaceAll(/\/proc\/net\/\w+/g, '/nonexistent');
      return (await run([...shell, '-s', '--', '0728A8C0:C350'], { input: script, ok: [0, 1] })).stdout;
    };
    expect(await look('TCP C6336409 0050 CB007165 C351 C0A82807 C350 ESTABLISHED     899\n', 'ip_vs_conn')).toBe('translated to 203.0.113.101');
    expect(await look('TCP C0A82807 C350 C6336409 0050 CB007164 1389 C6336409 0050 ESTABLISHED     899\n', 'ip_vs_conn')).toBe('translated to 203.0.113.100');
    expect(await look('TCP C6336409 0050 CB007165 C351 C0A82807 C351 ESTABLISHED     899\n', 'ip_vs_conn')).toContain('another way');
    expect(await look('ipv4     2 tcp      6 117 TIME_WAIT src=192.168.40.7 dst=198.51.100.9 sport=50000 dport=80 src=198.51.100.9 dst=203.0.113.100 sport=80 dport=50000 [ASSURED] mark=0 use=2\n', 'nf_conntrack')).toBe('translated to 203.0.113.100');
    expect(await look('ipv4     2 tcp      6 117 TIME_WAIT src=192.168.40.70 dst=198.51.100.9 sport=50000 dport=80 src=198.51.100.9 dst=203.0.113.100 sport=80 dport=50000 use=2\n', 'nf_conntrack')).toContain('another way');
    expect(await look('tcp      6 117 TIME_WAIT src=192.168.40.7 dst=198.51.100.9 sport=50000 dport=80 src=198.51.100.9 dst=192.168.40.7 sport=80 dport=50000 use=2\n', 'nf_conntrack')).toContain('did not translate');
  });
  it('says it of IPv6 too, of the pools of that family', async () => {
    const text = translatedScript({ snat: [{ from: '0.0.0.0/0', pool: ['203.0.113.100'] }, { from: '::/0', pool: ['2001:db8:1::100', '2001:db8:1::101'] }] }, '2001:db8:2::9', await template('translated.sh'));
    expect(text).not.toContain('203.0.113');
    const look = async (table: string, file: string): Promise<string> => {
      await writeFile(join(root, 'table'), table);
      const script = text.replaceAll(`/proc/net/${file}`, join(root, 'table')).replaceAll(/\/proc\/net\/\w+/g, '/nonexistent');
      return (await run([...shell, '-s', '--', socketWord({ address: 'fd00:40::a:7', port: 50000 })], { input: script, ok: [0, 1] })).stdout;
    };
    const [server, pool, client] = ['2001:0db8:0002:0000:0000:0000:0000:0009', '2001:0db8:0001:0000:0000:0000:0000:0101', 'fd00:0040:0000:0000:0000:0000:000a:0007'];
    expect(await look(`TCP ${server} 0050 ${pool} C351 ${client} C350 ESTABLISHED     899\n`, 'ip_vs_conn')).toBe('translated to 2001:db8:1::101');
    expect(await look(`TCP ${server} 0050 ${pool} C351 ${client} C351 ESTABLISHED     899\n`, 'ip_vs_conn')).toContain('another way');
    const tracked = (to: string): string => `ipv6     10 tcp      6 117 TIME_WAIT src=${client} dst=${server} sport=50000 dport=80 src=${server} dst=${to} sport=80 dport=50000 [ASSURED] mark=0 use=2\n`;
    expect(await look(tracked(pool), 'nf_conntrack')).toBe('translated to 2001:db8:1::101');
    expect(await look(tracked(client), 'nf_conntrack')).toContain('did not translate');
  });
});

it('a host that was not booted into the run is taken back without a reboot', async () => {
  const [play] = parse(await template('site.yml')) as { tasks: { rescue?: { name: string; 'ansible.builtin.raw'?: string }[] }[] }[];
  const raw = play?.tasks.flatMap(({ rescue }) => rescue ?? []).find(({ name }) => name === 'Take it back')?.['ansible.builtin.raw'] ?? '';
  const place = join(root, 'var/lib/build-kernel');
  await mkdir(join(place, 'runs/abc'), { recursive: true });
  await writeFile(join(place, 'runs/abc/undo'), '');
  await writeFile(join(place, 'runs/abc/index'), '');
  await writeFile(join(place, 'real'), await engineScript());
  await writeFile(join(place, 'engine'), `echo "$*" >>${root}/said\nsh ${place}/real "$@"\nstatus=$?\n[ "$1" != reboot-now ] || echo rebooted >>${root}/said\nexit $status\n`);
  const lines = async (): Promise<string[]> => (await readFile(join(root, 'said'), 'utf8')).trim().split('\n');
  const said = async (state: string): Promise<string[]> => {
    await rm(join(root, 'said'), { force: true });
    await writeFile(join(place, 'runs/abc/state'), `${state}\n`);
    const script = raw.replaceAll('{{ engine }}', join(place, 'engine')).replaceAll('{{ build_kernel_run }}', 'abc').replaceAll(/\{% .*? %\}/g, '');
    await run(['sh', '-c', script], { env: { ROOT: root, SYNC: 'true' } });
    // What reboots goes on behind: it must have ended before the folder goes.
    if ((await lines()).includes('reboot')) await vi.waitFor(async () => expect(await lines()).toContain('rebooted'), { timeout: 30_000 });
    return lines();
  };
  for (const state of ['staged', 'applying', 'applied']) expect(await said(state)).toEqual(['status', 'revert abc']);
  expect(await said('tried')).toEqual(['status', 'revert abc', 'reboot', 'reboot-now', 'rebooted']);
});

it('an expression that grep does not read is refused', async () => {
  const functions = await template('checks.sh');
  expect(() => checkScript({ resources: [], effects: [{ id: 'x', part: '', claim: '', probe: '', expect: { matches: '\\d+' } }] }, functions)).toThrow(/cannot be put into a playbook/);
});

describe('the folder', () => {
  const planned = (host: string, priority: number, more: Partial<PlannedHost['ssh']> = {}): PlannedHost => ({
    gateway: {
      host,
      flavour: 'nat-snat',
      addons: [],
      artifact: '/a',
      language: 'nat-snat', ports: { first: 1024, last: 65535 },
      interfaces: [],
      snat: [{ from: '0.0.0.0/0', pool: ['203.0.113.100'] }],
      protocols: ['tcp'],
      services: [],
      redirects: [],
      rulesBy: 'keepalived',
      tuning: { offloads: {}, rings: {}, irq: { policy: 'none', irqbalance: 'keep' }, rps: false, conntrack: {}, sysctls: {} },
      ha: { password: 'secret', priority, master: false, instances: [], syncGroup: 'GATEWAY', preemptDelay: 0, peers: [] },
      access: { ports: [22], leakGuard: true },
      confirmMinutes: 10,
      watchdog: true,
      probe: { client: { destination: 'root@client1', oldAlgorithms: false }, connect: { address: '198.51.100.9', port: 80 } },
    },
    ssh: { destination: `root@${host}.example.org`, oldAlgorithms: false, ...more },
    become: false,
    plan: { host, id: 'abc', changes: [], drift: [], reboot: true, interrupts: [], warnings: [] },
    shown: `plan of ${host}`,
    desired: { resources: [], effects: [] },
  });

  it('is read by Ansible: backups come before the master, connections as gateway.yaml says', async () => {
    const folder = join(root, 'out');
    await writeAnsible(folder, [planned('gw1', 150, { port: 2222, identity: '/keys/my key', config: '/etc/ssh/x' }), planned('gw2', 100, { oldAlgorithms: true })]);
    const hosts = (parse(await readFile(join(folder, 'inventory.yml'), 'utf8')) as { all: { children: { gateways: { hosts: Record<string, Record<string, unknown>> } } } }).all.children.gateways.hosts;
    expect(Object.keys(hosts)).toEqual(['gw2', 'gw1']);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
    const playbooks = ['site.yml', 'rollback.yml'];
    await run(['ansible-playbook', '--syntax-check', ...playbooks], { cwd: folder, env: UTF8 });
    const { stdout } = await run(['ansible-inventory', '--list'], { cwd: folder, env: UTF8 });
    const all = JSON.parse(stdout) as { _meta: { hostvars: Record<string, Record<string, unknown>> } };
    expect(all._meta.hostvars['gw1']).toMatchObject({ ansible_host: 'gw1.example.org', ansible_user: 'root', ansible_port: 2222, ansible_ssh_private_key_file: '/keys/my key', build_kernel_run: '', build_kernel_reboot: true });
    expect(all._meta.hostvars['gw1']?.['ansible_ssh_common_args']).toContain('-F /etc/ssh/x');
    expect(all._meta.hostvars['gw2']?.['ansible_ssh_common_args']).toContain('HostKeyAlgorithms=+ssh-rsa');
    expect(all._meta.hostvars['gw2']?.['build_kernel_probe']).toEqual({ address: '198.51.100.9', port: 80, word: '096433C6:0050' });
    expect(all._meta.hostvars['probe-client']).toMatchObject({ ansible_host: 'client1' });
    expect(await readFile(join(folder, 'hosts/gw1/plan.txt'), 'utf8')).toBe('plan of gw1\n');
  });
});
