import { mkdir, readFile, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf, sha256 } from './digest.js';
import { run } from './exec.js';
import { exists, remove } from './files.js';
import type { StageLog } from './log.js';

/** Building with musl: static programs that run whatever the C library of their host. */

/** The compiler every static program and library is built with. */
export const MUSL_CC = 'musl-gcc';

/** Probes: a header of each folder that musl does not bring. The compiler says where this host keeps them. */
const KERNEL_HEADERS = ['linux/version.h', 'asm/unistd.h', 'asm-generic/errno.h', 'mtd/mtd-user.h'] as const;

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

/** Identity of the musl toolchain: compiler, C library and kernel headers. */
export async function muslIdentity(kernelHeaders: string, log?: StageLog): Promise<string> {
  const { stdout } = await run([MUSL_CC, '--version'], {
    log,
    fail: { code: 'environment', what: 'musl-gcc does not run.', fix: 'Install musl-tools (musl-gcc on rpm hosts); build-kernel doctor --install does.' },
  });
  const libc = await run([MUSL_CC, '-print-file-name=libc.a'], { log });
  const macros = await readFile(join(kernelHeaders, 'linux', 'version.h'), 'utf8');
  return digestOf([stdout.split('\n')[0], (await exists(libc.stdout)) ? sha256(await readFile(libc.stdout)) : libc.stdout, macros]);
}
