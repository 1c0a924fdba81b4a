import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { exists } from '../../lib/files.js';

/** Small include and library folders that stand in for what a host of 2013 had. */

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
