import { chmod, copyFile, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { busyboxApplets } from '../../lib/busybox.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { chooseModules } from '../../lib/modules.js';
import type { GuestSystem } from './system.js';
import type { Userland } from './userland.js';

/** The file system a guest boots with: busybox, our program, the tools under test, the modules they need. No root needed. */

/** Loaded at boot, in this order; what a kernel has built in is not in its modules.dep and is passed over. */
const AT_BOOT = [
  // libcrc32c, which IPVS needs, takes crc32c by name at run time: no dependency says it.
  'crc32c', 'crc32c_intel', 'crc32c_generic',
  'virtio_pci', 'virtio_console', 'virtio_net',
  'ipv6', 'veth', 'dummy', 'macvlan',
];

/** Drivers of the emulated NICs: only the chosen one's is loaded. */
export const NIC_MODULES = { 'virtio-net': [], e1000: ['e1000'], e1000e: ['e1000e'], '8139': ['8139cp'] } as const;
export type Nic = keyof typeof NIC_MODULES;

const FOLDERS = ['updates', 'kernel/net/netfilter', 'kernel/net/ipv4/netfilter', 'kernel/net/ipv6/netfilter', 'kernel/net/ipv4', 'kernel/net/sched'];

/** Decompresses a module into place: the agent hands plain images to the kernel. */
async function putModule(from: string, to: string): Promise<void> {
  await mkdir(dirname(to), { recursive: true });
  const program = from.endsWith('.xz') ? 'xz' : from.endsWith('.zst') ? 'zstd' : from.endsWith('.gz') ? 'gzip' : undefined;
  if (program === undefined) await copyFile(from, to);
  else await run([program, '-dc', from], { stdoutFile: to });
}

const plainName = (path: string): string => path.replace(/\.(xz|zst|gz)$/, '');

export interface InitramfsInput {
  system: GuestSystem;
  userland: Userland;
  nic: Nic;
  /** Further modules to load at boot, by name. */
  modules?: readonly string[];
  /** Scratch folder; the archive is made in it. */
  folder: string;
  log?: StageLog;
}

/**
 * @returns path of the archive: cpio in the kernel's own format, not compressed (an emulated CPU would take seconds to
 *   unpack it)
 */
export async function makeInitramfs(input: InitramfsInput): Promise<string> {
  const { system, userland, folder, log } = input;
  const root = join(folder, 'root');
  await remove(root);
  for (const each of ['bin', 'sbin', 'etc', 'proc', 'sys', 'dev', 'tmp', 'run', 'var/run', 'var/log', 'root', 'usr/bin', 'usr/sbin']) await mkdir(join(root, each), { recursive: true });
  // Owners are set by cpio; links of the copied root (Debian's /lib) stay links.
  await run(['cp', '-a', '--no-preserve=ownership', `${system.root}/.`, root], { log });
  await copyFile(userland.busybox, join(root, 'bin/busybox'));
  await copyFile(userland.traffic, join(root, 'bin/traffic'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  await chmod(join(root, 'bin/traffic'), 0o755);
  await symlink('bin/traffic', join(root, 'init'));
  const there = new Set<string>();
  for (const dir of ['bin', 'sbin', 'usr/bin', 'usr/sbin']) for (const name of await readdir(join(root, dir))) there.add(name);
  for (const name of await busyboxApplets(userland.busybox)) {
    // `ping` of ours prints what scenarios read; the tools under test come before any applet.
    if (!there.has(name)) await symlink('busybox', join(root, 'bin', name));
  }
  const chosen = await chooseModules(system.modules, [...AT_BOOT, ...NIC_MODULES[input.nic], ...(input.modules ?? [])], FOLDERS);
  const target = `lib/modules/${system.release}`;
  for (const path of chosen.all) await putModule(join(system.modules, path), join(root, target, plainName(path)));
  await writeFile(join(root, 'etc/modules.load'), chosen.load.map((path) => `/${target}/${plainName(path)}\n`).join(''));
  await writeFile(join(root, 'etc/modules.all'), chosen.all.map((path) => `/${target}/${plainName(path)}\n`).join(''));
  // modprobe, which the kernel itself calls for schedulers, reads these.
  for (const name of ['modules.dep', 'modules.alias', 'modules.builtin', 'modules.order']) {
    const from = join(system.modules, name);
    if (await exists(from)) {
      const text = await readFile(from, 'utf8');
      await writeFile(join(root, target, name), name === 'modules.dep' ? text.replaceAll(/\.ko\.(xz|zst|gz)/g, '.ko') : text);
    }
  }
  await writeFile(join(root, 'etc/hosts'), '127.0.0.1 localhost guest client gateway gateway2 server\n');
  await writeFile(join(root, 'etc/passwd'), 'root::0:0:root:/root:/bin/sh\n');
  await writeFile(join(root, 'etc/group'), 'root:x:0:\n');
  await writeFile(join(root, 'etc/profile'), "PS1='guest# '\nexport PATH=/sbin:/usr/sbin:/bin:/usr/bin\n");
  const archive = join(folder, 'initramfs.cpio');
  const { stdout } = await run(['find', '.', '-mindepth', '1'], { cwd: root });
  await run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0', '-F', archive], { cwd: root, input: `${stdout.split('\n').sort().join('\n')}\n`, log });
  await remove(root);
  return archive;
}
