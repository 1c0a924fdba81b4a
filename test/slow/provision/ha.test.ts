import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../tasks/lib/digest.js';
import { run, type ExecResult } from '../../../tasks/lib/exec.js';
import type { Manifest } from '../../../tasks/lib/manifest.js';
import { REMOTE } from '../../../tasks/verify/lab/topology.js';
import { builtArtifact } from '../../support/artifacts.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { hostsContext } from '../../support/hosts/context.js';
import { debianImage } from '../../support/hosts/debian.js';
import { Host } from '../../support/hosts/host.js';
import { HostNetwork } from '../../support/hosts/network.js';
import { distributionSystem } from '../../support/hosts/systems.js';

/**
 * Two Debian hosts become a nat-snat pair from one gateway.yaml, through the playbook; the master loses its power under
 * traffic; an update that boots both anew is rolled out with traffic going on. Lost connections are counted, and said.
 * Half an hour and four guests: only with BUILD_KERNEL_TEST_HA=1 (docs/PROVISION.md).
 */

const dir = scratch('ha');
const context = hostsContext(dir, { say: (text) => process.stderr.write(`${text}\n`) });

const GATEWAY = (artifact: string, pool: string): string => `flavour: nat-snat
artifact: ${artifact}
interfaces:
  - {device: ens3, role: management}
  - {device: ens4, role: inside}
  - {device: ens5, role: outside, gateway: 203.0.113.2}
pools:
  public: [${pool}]
snat:
  - {pool: public}
tuning:
  sysctls: {net.ipv4.vs.sync_threshold: "1 2"}
ha:
  password: secret12
  instances:
    - {device: ens4, id: 51, addresses: [192.168.40.1/24]}
    - {device: ens5, id: 52}
  sync: {device: ens4}
hosts:
  gw1:
    ssh: {destination: gw1, config: gw1/ssh_config}
    addresses: {ens4: [192.168.40.2/24], ens5: [203.0.113.11/24]}
    priority: 150
  gw2:
    ssh: {destination: gw2, config: gw2/ssh_config}
    addresses: {ens4: [192.168.40.3/24], ens5: [203.0.113.12/24]}
    priority: 100
confirm_minutes: 60
`;

interface Traffic {
  /** Connections that talked all the time: kept and lost, longest pause of those kept, seconds. */
  kept: number;
  lost: number;
  pause: number;
  /** New connections, one after the other: made, failed. */
  made: number;
  failed: number;
  addresses: Set<string>;
  text: string;
}

describe.skipIf(process.getuid?.() !== 0 || process.env['BUILD_KERNEL_TEST_HA'] !== '1')('a pair of nat-snat gateways', () => {
  let network: HostNetwork;
  const hosts = new Map<string, Host>();
  const file = join(dir, 'gateway.yaml');
  let artifact: string;

  const host = (name: string): Host => {
    const found = hosts.get(name);
    if (!found) throw new Error(`no host ${name}`);
    return found;
  };
  const toolkit = (...args: string[]): Promise<CliResult> => cli(args, { cwd: dir });
  const play = (...args: string[]): Promise<ExecResult> =>
    run(['ansible-playbook', ...args], { cwd: join(dir, 'rollout'), env: { LC_ALL: 'C.UTF-8', LANG: 'C.UTF-8', ANSIBLE_NOCOLOR: '1' }, ok: [0, 1, 2, 4], timeout: 5_400_000 });

  /** The artifact with another build of its module, so that an update has to boot. */
  async function nextBuild(): Promise<string> {
    const [next, root] = [join(dir, 'next'), join(dir, 'next-root')];
    await cp(artifact, next, { recursive: true });
    await mkdir(root);
    const manifest = JSON.parse(await readFile(join(next, 'manifest.json'), 'utf8')) as Manifest;
    const file = manifest.files.find(({ kind }) => kind === 'modules-tar');
    if (!file) throw new Error('no modules in the artifact');
    await run(['tar', '-xzf', join(next, file.name), '-C', root]);
    await writeFile(join(dir, 'note'), 'another build\n');
    await run(['objcopy', '--add-section', `.comment.build=${join(dir, 'note')}`, join(root, 'lib/modules', manifest.release, 'updates/build-kernel/ip_vs.ko')]);
    await run(['tar', '-czf', join(next, file.name), '-C', root, '--owner=0', '--group=0', '.']);
    const bytes = await readFile(join(next, file.name));
    Object.assign(file, { sha256: sha256(bytes), size: bytes.length });
    await writeFile(join(next, 'manifest.json'), JSON.stringify(manifest));
    return next;
  }

  /** The role each host says it has. */
  async function roles(): Promise<Record<string, string | undefined>> {
    const { json } = await toolkit('status', file, '--json');
    return Object.fromEntries((json as { hosts: { host: string; vrrp?: { role: string } }[] }).hosts.map(({ host: name, vrrp }) => [name, vrrp?.role]));
  }

  async function until(what: () => Promise<boolean>, seconds: number): Promise<boolean> {
    const end = Date.now() + seconds * 1000;
    for (;;) {
      if (await what()) return true;
      if (Date.now() > end) return false;
      await new Promise((resolve) => setTimeout(resolve, 5000));
    }
  }

  /** Traffic from the client for some seconds, while something happens. */
  async function underTraffic(seconds: number, happens: () => Promise<void>): Promise<Traffic> {
    const client = network.guest('client');
    const ms = String(seconds * 1000);
    const flows = await client.start(['traffic', 'flows', '-n', '10', '-d', ms, '-i', '500', REMOTE, '80']);
    const probe = await client.start(['traffic', 'probe', '-d', ms, '-i', '1000', '-T', '3000', REMOTE, '80']);
    await new Promise((resolve) => setTimeout(resolve, 8000));
    await happens();
    // A guest's clock may lag on a busy machine.
    const [flowed, probed] = [(await client.wait(flows, seconds * 4000)).stdout, (await client.wait(probe, seconds * 4000)).stdout];
    const lines = flowed.split('\n').filter((line) => / (alive|lost) /.test(line));
    const alive = lines.filter((line) => line.includes(' alive '));
    const tries = probed.split('\n').filter((line) => / (ok|err) /.test(line));
    const made = tries.filter((line) => line.includes(' ok '));
    return {
      kept: alive.length,
      lost: lines.length - alive.length,
      pause: Math.max(0, ...alive.map((line) => Number(/longest gap (\d+)/.exec(line)?.[1] ?? 0))) / 1000,
      made: made.length,
      failed: tries.length - made.length,
      addresses: new Set(made.map((line) => (line.split(' ')[2] ?? '').replace(/:\d+$/, ''))),
      text: `${flowed}\n${probed}`,
    };
  }
  const say = (what: string, { kept, lost, pause, made, failed, addresses }: Traffic): void => {
    process.stderr.write(
      `${what}: of ${String(kept + lost)} open connections ${String(lost)} lost, longest pause ${pause.toFixed(1)} s; of ${String(made + failed)} new ones ${String(failed)} failed; left as ${[...addresses].sort().join(', ')}\n`,
    );
  };

  beforeAll(async () => {
    artifact = process.env['BUILD_KERNEL_TEST_NAT_SNAT'] ?? (await builtArtifact('nat-snat'));
    const image = await debianImage(context);
    network = await HostNetwork.start(context, { system: await distributionSystem(context, dir), topology: 'pair', folder: join(dir, 'n'), bootTimeout: 900 });
    for (const [name, node] of [['gw1', 'gateway'], ['gw2', 'gateway2']] as const) {
      hosts.set(name, await Host.create({ name, image, folder: join(dir, name), network: network.wiring(node), bootTimeout: 1800 }));
    }
    await Promise.all([...hosts.values()].map((one) => one.start()));
    await network.guest('server').start(['traffic', 'serve', '-t', '80']);
    await writeFile(file, GATEWAY(artifact, '203.0.113.100-203.0.113.101'), { mode: 0o600 });
  }, 5_400_000);
  afterAll(async () => {
    await Promise.all([...hosts.values()].map((one) => one.stop()));
    await network.stop();
  });

  it('is made by the playbook, backup first', async () => {
    const written = await toolkit('provision', file, '--ansible', join(dir, 'rollout'));
    expect(written.status, written.stderr).toBe(0);
    expect(await readFile(join(dir, 'rollout/hosts/gw1/plan.txt'), 'utf8')).not.toContain('secret12');
    const played = await play('site.yml');
    expect(played.exitCode, played.stdout).toBe(0);
    expect(played.stdout.indexOf('changed: [gw2]')).toBeLessThan(played.stdout.indexOf('changed: [gw1]'));
    expect(await until(async () => JSON.stringify(await roles()) === '{"gw1":"master","gw2":"backup"}', 120)).toBe(true);
    const verified = await toolkit('verify', file);
    expect(verified.status, verified.stdout).toBe(0);
  }, 7_200_000);

  it('the backup takes over when the master loses its power, and gives back', async () => {
    const traffic = await underTraffic(90, () => host('gw1').powerCut());
    say('power cut of the master', traffic);
    expect(traffic.kept + traffic.lost, traffic.text).toBe(10);
    expect(traffic.kept, traffic.text).toBeGreaterThanOrEqual(8);
    expect(traffic.failed, traffic.text).toBeLessThanOrEqual(5);
    // Nothing after the last failure fails: the pair is whole again.
    expect(traffic.text.trim().split('\n').at(-1)).toMatch(/ ok /);
    const back = await underTraffic(240, () => host('gw1').start());
    say('the master comes back', back);
    expect(back.kept, back.text).toBeGreaterThanOrEqual(8);
    expect(await until(async () => (await roles())['gw1'] === 'master', 180)).toBe(true);
    const verified = await toolkit('verify', file, '--host', 'gw1');
    expect(verified.status, verified.stdout).toBe(0);
  }, 3_600_000);

  it('an update that boots both is rolled out with traffic going on', async () => {
    await writeFile(file, GATEWAY(await nextBuild(), '203.0.113.100-203.0.113.103'), { mode: 0o600 });
    const found = await toolkit('verify', file);
    expect(found.status).toBe(15);
    expect(found.stdout).toContain('203.0.113.103');
    const written = await toolkit('provision', file, '--ansible', join(dir, 'rollout'));
    expect(written.status, written.stderr).toBe(0);
    let played: ExecResult | undefined;
    const traffic = await underTraffic(600, async () => {
      played = await play('site.yml');
    });
    say('update', traffic);
    expect(played?.exitCode, played?.stdout).toBe(0);
    expect(played?.stdout.match(/TASK \[Reboot\]/g)).toHaveLength(2);
    expect(traffic.kept, traffic.text).toBeGreaterThanOrEqual(8);
    const after = await underTraffic(20, async () => Promise.resolve());
    say('after it', after);
    expect([...after.addresses].sort()).toEqual(['203.0.113.100', '203.0.113.101', '203.0.113.102', '203.0.113.103']);
    const verified = await toolkit('verify', file);
    expect(verified.status, verified.stdout).toBe(0);
  }, 7_200_000);

  it('the update is taken back, the master first', async () => {
    const played = await play('rollback.yml');
    expect(played.exitCode, played.stdout).toBe(0);
    expect(played.stdout.indexOf('changed: [gw1]')).toBeLessThan(played.stdout.indexOf('changed: [gw2]'));
    await writeFile(file, GATEWAY(artifact, '203.0.113.100-203.0.113.101'), { mode: 0o600 });
    expect(await until(async () => (await toolkit('verify', file)).status === 0, 300)).toBe(true);
  }, 7_200_000);
});
