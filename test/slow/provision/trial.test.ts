import { mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../../tasks/lib/digest.js';
import { hookResources, planBoot, type BootPlan } from '../../../tasks/provision/boot/index.js';
import { readFacts } from '../../../tasks/provision/facts/index.js';
import { makePlan } from '../../../tasks/provision/plan/index.js';
import { carryOut, settleTrial, status, takeBack, writeBundle, type Bundle } from '../../../tasks/provision/run/index.js';
import { SshTarget } from '../../../tasks/provision/target/index.js';
import type { DesiredKernel, Resource } from '../../../tasks/provision/types.js';
import { machineCache as env } from '../../support/artifacts.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { hostsContext } from '../../support/hosts/context.js';
import { el6Image } from '../../support/hosts/el6.js';
import { startHost, type Host } from '../../support/hosts/host.js';
import { kernelArtifact } from '../../support/hosts/kernel-artifact.js';
import { distributionSystem } from '../../support/hosts/systems.js';

/** A kernel with an entry of its own on a host behind GRUB 0.97: tried, kept, taken back; one that panics; a power cut. */

const dir = scratch('trial');
const BOOT_SECONDS = 900;
const context = hostsContext(dir);
let host: Host;
let target: SshTarget;
let image: Buffer;
let initramfs: Buffer;
let release: string;
/** Names, modes, owners, times and digests of what a run may touch. */
const LIST = `cd /; ls lib/modules; find boot etc sbin usr/local lib/firmware -xdev | grep -v -e ^etc/mtab -e ^etc/adjtime -e ^etc/resolv | sort | while read -r f; do
  if [ -L "$f" ]; then echo "$f $(readlink "$f")"; elif [ -d "$f" ]; then stat -c '%n %a %u %g' "$f"; else stat -c '%n %a %u %g %Y %s' "$f"; fi
done; find boot etc sbin usr/local lib/firmware -xdev -type f | grep -v -e ^etc/mtab -e ^etc/adjtime -e ^etc/resolv | sort | xargs sha256sum`;
let before: string;

beforeAll(async () => {
  // The gateway's NICs lead nowhere: eth1 and eth2.
  const network = [1, 2].flatMap((hub) => ['-netdev', `hubport,id=hub${String(hub)},hubid=${String(hub)}`, '-device', `e1000,netdev=hub${String(hub)},romfile=`]);
  host = await startHost({ name: 'gw1', image: await el6Image(context, { system: await distributionSystem(context, dir) }), folder: join(dir, 'gw1'), network });
  target = new SshTarget({ name: 'gw1', destination: host.name, config: host.ssh.config, oldAlgorithms: false }, false);
  release = (await host.run('uname -r')).stdout.trim();
  image = (await target.get(`/boot/vmlinuz-${release}`)) ?? Buffer.alloc(0);
  initramfs = (await target.get(`/boot/initramfs-${release}.img`)) ?? Buffer.alloc(0);
  before = (await host.run(LIST)).stdout;
}, 1_800_000);
afterAll(async () => {
  await target.close();
  await host.stop();
});

/** The stock kernel under another name, with further arguments and some files of its own. */
async function bundle(append: string, mark: string): Promise<{ made: Bundle; boot: BootPlan }> {
  const facts = await readFacts(target);
  const folder = mkdtempSync(join(dir, 'bundle-'));
  const source = join(folder, 'image');
  writeFileSync(source, image);
  writeFileSync(join(folder, 'initramfs'), initramfs);
  const kernel: DesiredKernel = { release, kind: 'kernel', image: '/boot/vmlinuz-trial', modulesAlias: '', modulesBuiltin: [], config: {}, append };
  const digest = sha256(image);
  const boot = await planBoot(
    {
      facts,
      read: (path) => target.get(path),
      // The stock kernel's own, of the same name: it stays as it is.
      makeHere: ({ path }) => Promise.resolve({ kind: 'file', path, part: 'kernel', why: 'test', mode: 0o644, content: { source: join(folder, 'initramfs'), sha256: sha256(initramfs), size: initramfs.length } }),
    },
    kernel,
    digest,
  );
  if (!boot) throw new Error('no boot plan');
  const resources: Resource[] = [
    ...hookResources(facts),
    { kind: 'file', path: '/boot/vmlinuz-trial', part: 'kernel', why: 'test', mode: 0o644, content: { source, sha256: digest, size: image.length } },
    ...Array.from({ length: 60 }, (_, at): Resource => ({ kind: 'file', path: `/etc/build-kernel/part${String(at)}`, part: 'rules', why: 'test', mode: 0o644, content: `${mark} ${String(at)}\n`.repeat(500) })),
    ...boot.resources,
  ];
  const plan = await makePlan({ host: 'gw1', target, facts, desired: { resources, effects: [], kernel, activate: '', deactivate: '', restored: '', interrupts: [] }, drift: [], warnings: [] });
  expect(plan.reboot).toBe(true);
  return { made: await writeBundle({ plan, boot, activate: '', deactivate: '', restored: '', confirmMinutes: 20 }, join(folder, 'b')), boot };
}

const cmdline = async (): Promise<string> => (await host.run('cat /proc/cmdline')).stdout;

describe('a kernel of its own behind GRUB 0.97', () => {
  it('that panics is left again without a hand, and nothing of it stays', async () => {
    const { made, boot } = await bundle('rdinit=/nonexistent', 'panics');
    await expect(carryOut(target, made, { bootSeconds: BOOT_SECONDS })).rejects.toMatchObject({ what: expect.stringContaining('did not come up') as string });
    expect(host.console()).toContain(`build_kernel=${boot.token}`);
    expect(host.console()).toContain('Kernel panic');
    expect(await cmdline()).not.toContain('build_kernel');
    expect((await status(target))?.runs[made.id]).toBe('reverted');
    expect((await host.run(LIST)).stdout).toBe(before);
  });

  it('is taken back at the next boot when the power fails while it is applied', async () => {
    const { made } = await bundle('', 'cut');
    const cut = carryOut(target, made, { bootSeconds: 1 }).catch(() => undefined);
    while (!(await host.run('ls /etc/build-kernel/part20 2>/dev/null', { ok: [0, 1, 2] })).stdout.includes('part20')) await sleep(100);
    await host.powerCut();
    await cut;
    await host.start();
    await host.waitForSsh();
    expect(await cmdline()).not.toContain('build_kernel');
    expect((await status(target))?.pending).toBeUndefined();
    expect((await host.run(LIST)).stdout).toBe(before);
  });

  it('that comes up is kept, and can be taken back later', async () => {
    const { made, boot } = await bundle('trial=yes', 'kept');
    expect(await carryOut(target, made, { bootSeconds: BOOT_SECONDS })).toBe('tried');
    expect(await cmdline()).toContain(`trial=yes panic=10 oops=panic build_kernel=${boot.token}`);
    await settleTrial(target, made.id);
    await host.reboot();
    expect(await cmdline()).toContain(`trial=yes panic=10 build_kernel=${boot.token}`);
    expect(await status(target)).toMatchObject({ current: made.id, kernelOf: made.id });
    const bootId = await host.bootId();
    expect(await takeBack(target, made.id, true)).toBe(true);
    await host.waitForSsh(bootId);
    expect(await cmdline()).not.toContain('build_kernel');
    expect((await host.run(LIST)).stdout).toBe(before);
  });
});

describe('build-kernel provision on this host', () => {
  const toolkit = (...args: string[]): Promise<CliResult> => cli([...args, '--ssh-config', host.ssh.config, '--host', 'gw1', '--json'], { cwd: dir, env: { ...env } });
  const file = join(dir, 'gateway.yaml');
  let other: string;

  beforeAll(async () => {
    other = release.replace('-amd64', '-rt-amd64');
    await kernelArtifact(await distributionSystem(context, dir, other), 'distro-snat', join(dir, 'artifact'));
    writeFileSync(
      file,
      `flavour: distro-snat
artifact: artifact
interfaces:
  - {device: eth0, role: management}
  - {device: eth1, role: inside, addresses: [192.168.40.1/24]}
  - {device: eth2, role: outside, addresses: [203.0.113.1/24], gateway: 203.0.113.2}
snat:
  - {pool: [203.0.113.100-203.0.113.102]}
access: {management: 172.31.255.15}
hosts:
  gw1: {ssh: {destination: gw1}}
confirm_minutes: 30
`,
    );
  }, 1_800_000);

  it('says that a kernel which hangs needs a hand here, and is refused a /boot that is read-only', async () => {
    await host.run('mount -o remount,ro /boot');
    const refused = await toolkit('provision', file, '--yes');
    await host.run('mount -o remount,rw /boot');
    expect(refused.status).toBe(16);
    expect(refused.stderr + refused.stdout).toContain('/boot is on a file system that is mounted read-only');
    expect((await host.run(LIST)).stdout).toBe(before);
    const plan = (await toolkit('provision', file, '--plan')).json;
    expect(plan).toMatchObject({ reboot: true, hang: expect.stringContaining('somebody resets the host') as string });
  });

  it('tries the new kernel, keeps it, and has nothing to change a second time', async () => {
    const made = await toolkit('provision', file, '--yes');
    expect(made.json, made.stdout + made.stderr).toMatchObject({ outcome: 'provisioned', reboot: true });
    expect((await host.run('uname -r')).stdout.trim()).toBe(other);
    const again = await toolkit('provision', file, '--yes');
    expect(again.json, again.stdout + again.stderr).toMatchObject({ outcome: 'nothing to change', changes: [], drift: [] });
  });

  it('takes it back byte for byte', async () => {
    const back = await toolkit('rollback', file, '--yes');
    expect(back.json, back.stdout + back.stderr).toMatchObject({ outcome: 'taken back', reboot: true });
    expect((await host.run('uname -r')).stdout.trim()).toBe(release);
    expect((await host.run(LIST)).stdout).toBe(before);
  });
});
