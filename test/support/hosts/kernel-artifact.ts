import { copyFile, mkdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256File } from '../../../tasks/lib/digest.js';
import { run } from '../../../tasks/lib/exec.js';
import { exists, remove } from '../../../tasks/lib/files.js';
import { chooseModules } from '../../../tasks/lib/modules.js';
import type { GuestSystem } from '../../../tasks/verify/guest/system.js';
import { writeManifest } from '../artifact-shape.js';

/** What the EL6-like host is made of, and what iptables may ask for. */
const DRIVERS = ['ata_piix', 'sd_mod', 'ext4', 'crc32c_generic', 'e1000', 'dummy'];
const FOLDERS = ['kernel/net/netfilter', 'kernel/net/ipv4/netfilter', 'kernel/net/ipv6/netfilter'];
const LISTS = ['modules.builtin', 'modules.builtin.modinfo', 'modules.order'];

/**
 * A kernel of the distribution, with the modules that a test host needs, as an artifact of a flavour: what a build would
 * take many minutes for.
 * @param folder made here
 */
export async function kernelArtifact(system: GuestSystem, flavour: string, folder: string): Promise<void> {
  const { release } = system;
  const root = join(folder, 'root');
  const modules = join(root, 'lib/modules', release);
  await mkdir(modules, { recursive: true });
  await mkdir(join(root, 'boot'));
  await copyFile(system.kernel, join(root, 'boot', `vmlinuz-${release}`));
  await copyFile(join(dirname(system.kernel), `config-${release}`), join(root, 'boot', `config-${release}`));
  for (const name of LISTS) if (await exists(join(system.modules, name))) await copyFile(join(system.modules, name), join(modules, name));
  for (const path of (await chooseModules(system.modules, DRIVERS, FOLDERS)).all.concat((await chooseModules(system.modules, DRIVERS, [])).load)) {
    await mkdir(dirname(join(modules, path)), { recursive: true });
    await copyFile(join(system.modules, path), join(modules, path));
  }
  await run(['depmod', '-b', root, release]);
  const name = `kernel-${release}.tar.gz`;
  await run(['tar', '-czf', join(folder, name), '-C', root, '--owner=0', '--group=0', 'boot', 'lib']);
  await remove(root);
  const file = join(folder, name);
  writeManifest(folder, { flavour, release, build: 'kernel', files: [{ name, kind: 'kernel-tar', sha256: await sha256File(file), size: (await stat(file)).size }] });
}
