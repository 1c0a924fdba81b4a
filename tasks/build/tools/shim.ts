import { copyFile, mkdir, readdir, symlink, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';

/** Small include and library folders that stand in for what a host of 2013 had. */

/** Probes: a header of each folder that musl does not bring. The compiler says where this host keeps them. */
const KERNEL_HEADERS = ['linux/version.h', 'asm/unistd.h', 'asm-generic/errno.h'] as const;

/**
 * A folder with nothing but the kernel's user-space headers: musl-gcc sees none of the host's /usr/include, and giving
 * it all of that would mix in glibc's.
 * @param into made anew
 * @throws ExpectedError environment: the host has no such headers
 */
export async function linkKernelHeaders(into: string, log?: StageLog): Promise<void> {
  await remove(into);
  await mkdir(into, { recursive: true });
  for (const header of KERNEL_HEADERS) {
    const { stdout } = await run(['gcc', '-E', '-M', '-x', 'c', '-'], {
      input: `#include <${header}>\n`,
      log,
      fail: {
        code: 'environment',
        what: `The kernel's user-space header <${header}> is not installed.`,
        fix: 'Install linux-libc-dev (kernel-headers on rpm hosts); build-kernel doctor --install does.',
      },
    });
    const path = stdout.split(/[\s\\]+/).find((word) => word.endsWith(`/${header}`));
    if (path) await symlink(dirname(path), join(into, header.split('/')[0] ?? ''));
  }
}

/**
 * What keepalived's configure takes for a kernel source folder: it looks for net/ip_vs.h below include/, and without
 * it builds a keepalived with no LVS support and exit status 0.
 * @returns the folder for --with-kernel-dir
 */
export async function makeKernelDir(into: string, header: string): Promise<string> {
  await mkdir(join(into, 'include', 'net'), { recursive: true });
  await copyFile(header, join(into, 'include', 'net', 'ip_vs.h'));
  return into;
}

/**
 * The compat headers under patches/tools/compat, copied (a path with odd characters would not survive old makefiles),
 * and libnl 1's library name as a linker script for libnl 3's two.
 */
export async function makeCompat(into: string, from: string): Promise<{ include: string; lib: string }> {
  const include = join(into, 'include');
  const lib = join(into, 'lib');
  await mkdir(include, { recursive: true });
  await mkdir(lib, { recursive: true });
  if (await exists(from)) await copyFlat(from, include);
  await writeFile(join(lib, 'libnl.a'), 'INPUT(-lnl-genl-3 -lnl-3)\n');
  return { include, lib };
}

async function copyFlat(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    if (entry.isDirectory()) await copyFlat(join(from, entry.name), join(to, entry.name));
    else if (entry.name.endsWith('.h')) await copyFile(join(from, entry.name), join(to, basename(entry.name)));
  }
}
