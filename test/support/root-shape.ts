import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The root folder of an image of Debian 12, as far as provisioning looks at one. */

/** The head of a 64-bit x86 program. */
const ELF = Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(8), Buffer.from('02003e00', 'hex'), Buffer.alloc(40)]);

export function writeRootShape(root: string, release: string): void {
  const put = (path: string, content: string | Buffer, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    chmodSync(join(root, path), mode);
  };
  put('/etc/os-release', 'ID=debian\nVERSION_ID="12"\n');
  put('/usr/lib/systemd/systemd', ELF, 0o755);
  put('/usr/bin/sh', ELF, 0o755);
  symlinkSync('usr/bin', join(root, 'bin'));
  symlinkSync('usr/lib', join(root, 'lib'));
  put(`/boot/vmlinuz-${release}`, 'kernel');
  put(`/usr/lib/modules/${release}/modules.dep`, '');
  for (const program of ['ip', 'sysctl', 'modprobe', 'iptables', 'iptables-restore', 'ipvsadm']) put(`/usr/sbin/${program}`, ELF, 0o755);
  mkdirSync(join(root, 'etc/systemd/system'), { recursive: true });
  mkdirSync(join(root, 'var/lib'), { recursive: true });
}

/**
 * Every path with its kind, mode, owner, target and digest.
 * @param without folders that do not count
 */
export function listRoot(root: string, without: readonly string[] = ['/var/lib/build-kernel'], below = ''): string[] {
  return readdirSync(join(root, below))
    .sort()
    .flatMap((name) => {
      const path = `${below}/${name}`;
      if (without.includes(path)) return [];
      const info = lstatSync(join(root, path));
      const head = `${path} ${(info.mode & 0o7777).toString(8)} ${String(info.uid)}:${String(info.gid)}`;
      if (info.isSymbolicLink()) return [`${head} -> ${readlinkSync(join(root, path))}`];
      if (info.isDirectory()) return [head, ...listRoot(root, without, path)];
      return [`${head} ${createHash('sha256').update(readFileSync(join(root, path))).digest('hex')}`];
    });
}
