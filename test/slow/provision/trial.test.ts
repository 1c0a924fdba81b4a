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
import { scratch } from '../../support/cli.js';
import { hostsContext } from '../../support/hosts/context.js';
import { el6Image } from '../../support/hosts/el6.js';
import { startHost, type Host } from '../../support/hosts/host.js';
import { distributionSystem } from '../../support/hosts/systems.js';

/** A kernel with an entry of its own on a host behind GRUB 0.97: tried, kept, taken back; one that panics; a power cut. */

const dir = scratch('trial');
const BOOT_SECONDS = 900;
let host: Host;
let target: SshTarget;
let image: Buffer;
let initramfs: Buffer;
let release: string;
/** Names, modes, owners, times and digests of what a run may touch. */
const LIST = `cd /; ls lib/modules; find boot etc -xdev | grep -v -e ^etc/mtab -e ^etc/adjtime -e ^etc/resolv | sort | while read -r f; do
  if [ -L "$f" ]; then echo "$f $(readlink "$f")"; elif [ -d "$f" ]; then stat -c '%n %a %u %g' "$f"; else stat -c '%n %a %u %g %Y %s' "$f"; fi
done; find boot etc -xdev -type f | grep -v -e ^etc/mtab -e ^etc/adjtime -e ^etc/resolv | sort | xargs sha256sum`;
let before: string;

beforeAll(async () => {
  const context = hostsContext(dir);
  host = await startHost({ name: 'gw1', image: await el6Image(context, { system: await distributionSystem(context, dir) }), folder: join(dir, 'gw1') });
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
