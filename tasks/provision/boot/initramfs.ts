import { chmod, copyFile, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { sha256File } from '../../lib/digest.js';
import { run } from '../../lib/exec.js';
import { remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { chooseModules } from '../../lib/modules.js';
import { packageRoot } from '../../lib/paths.js';
import type { FileResource } from '../types.js';

/**
 * An initial file system made on this machine, for a host that has no program for it: static busybox, the modules that
 * the host's root file system needs, and a short script. Plain disks and partitions only: no LVM, RAID or encryption.
 */

export interface InitramfsInput {
  /** Static busybox. */
  busybox: string;
  /** Folder lib/modules/RELEASE of the new kernel, with modules.dep. */
  modules: string;
  /** Names of drivers, those of the disk and the file system; one that is built in is passed over. */
  drivers: readonly string[];
  fstype: string;
  /** Path on the host. */
  path: string;
  /** Scratch; the file stays in it. */
  folder: string;
  log?: StageLog;
}

const PROGRAMS = ['sh', 'cat', 'echo', 'findfs', 'insmod', 'mount', 'reboot', 'sleep', 'switch_root', 'umount'];

/** ext3 and ext4 compute checksums with a module they name at run time: no dependency says it. */
const NAMED_AT_RUN_TIME = ['crc32c', 'crc32c_generic', 'crc32c_intel'];

/** The same input gives the same bytes, so that a second plan finds nothing to change. */
export async function makeInitramfs({ busybox, modules, drivers, fstype, path, folder, log }: InitramfsInput): Promise<FileResource> {
  const root = join(folder, 'initramfs');
  await remove(root);
  for (const name of ['bin', 'lib', 'proc', 'sys', 'dev', 'root']) await mkdir(join(root, name), { recursive: true });
  await copyFile(busybox, join(root, 'bin/busybox'));
  await chmod(join(root, 'bin/busybox'), 0o755);
  for (const name of PROGRAMS) await symlink('busybox', join(root, 'bin', name));
  const { load } = await chooseModules(modules, [...NAMED_AT_RUN_TIME, ...drivers, fstype], []);
  const names: string[] = [];
  for (const each of load) {
    const name = basename(each).replace(/\.(xz|gz|zst)$/, '');
    const from = join(modules, each);
    const program = each.endsWith('.xz') ? 'xz' : each.endsWith('.gz') ? 'gzip' : each.endsWith('.zst') ? 'zstd' : undefined;
    if (program === undefined) await copyFile(from, join(root, 'lib', name));
    else await run([program, '-dc', from], { stdoutFile: join(root, 'lib', name) });
    names.push(name);
  }
  await writeFile(join(root, 'modules'), names.map((name) => `${name}\n`).join(''));
  await writeFile(join(root, 'fstype'), `${fstype}\n`);
  await writeFile(join(root, 'init'), await readFile(join(packageRoot, 'templates/provision/initramfs-init.sh')), { mode: 0o755 });
  await chmod(join(root, 'init'), 0o755);
  const { stdout } = await run(['find', '.', '-mindepth', '1'], { cwd: root });
  const list = stdout.split('\n').sort();
  for (const each of list.filter((name) => !/^\.\/bin\/(?!busybox)/.test(name))) await utimes(join(root, each), 0, 0);
  await run(['touch', '-h', '-d', '@0', ...PROGRAMS.map((name) => `bin/${name}`), 'bin'], { cwd: root });
  const archive = join(folder, `${basename(path)}.cpio`);
  await remove(archive);
  await remove(`${archive}.gz`);
  await run(['cpio', '--quiet', '--reproducible', '-o', '-H', 'newc', '-R', '0:0', '-F', archive], { cwd: root, input: `${list.join('\n')}\n`, log });
  await run(['gzip', '-9', '-n', archive], { cwd: dirname(archive) });
  await remove(root);
  const source = `${archive}.gz`;
  return {
    kind: 'file',
    path,
    part: 'kernel',
    why: "initial file system: mounts the host's root",
    mode: 0o600,
    content: { source, sha256: await sha256File(source), size: (await stat(source)).size },
  };
}
