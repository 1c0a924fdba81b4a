import { availableParallelism, totalmem } from 'node:os';
import { statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import semver from 'semver';
import { hasProgram } from '../../lib/exec.js';
import type { Compiler } from './compiler.js';

/** How make is called for a kernel: the same arguments in every stage, so that kbuild sees no change of command. */

export interface MakeEnvironment {
  /** Arguments before the target. make runs in the kernel's folder. */
  args: string[];
  env: Record<string, string | undefined>;
  /** The same with another output folder (a scratch configuration). */
  withObj(obj: string): MakeEnvironment;
}

export interface MakeInput {
  /** The patched kernel tree. */
  kernel: string;
  obj: string;
  compiler: Compiler;
  /** Flags for CC and LD; not KCFLAGS, which arch/x86/boot/compressed and realmode do not see. */
  cc: string[];
  ld: string[];
  /** ccache in front of the compiler. */
  ccache: boolean;
  /** Sources that are compiled with -DDEBUG (pr_debug lines compiled in): file names without folder or suffix. */
  debug: string[];
}

/** The IPVS sources of a kernel, by name without suffix. */
export async function ipvsSources(kernel: string): Promise<string[]> {
  const files = await readdir(join(kernel, 'net/netfilter/ipvs'));
  return files.filter((file) => /^ip_vs_.*\.c$/.test(file)).map((file) => basename(file, '.c')).sort();
}

/** Memory that one compiler process of a kernel build may take, with room for the link of vmlinux (GiB). */
const GIB_PER_JOB = 0.75;

/** Jobs for make: one per core, fewer when memory is short. */
export function defaultJobs(): number {
  return Math.max(1, Math.min(availableParallelism(), Math.floor(totalmem() / 2 ** 30 / GIB_PER_JOB)));
}

export async function ccacheUsable(): Promise<boolean> {
  return process.env['CCACHE_DISABLE'] === undefined && (await hasProgram('ccache'));
}

/**
 * Time stamp of all that is built: the age of the source, not of the build. The kernel's own Makefile carries it
 * (a tarball's or commit's time). Seconds since the epoch.
 */
export function sourceDate(pristineKernel: string): number {
  return Math.floor(statSync(join(pristineKernel, 'Makefile')).mtimeMs / 1000);
}

export function makeEnvironment(input: MakeInput, epoch: number): MakeEnvironment {
  const flags = [...input.cc];
  // __FILE__ and debug information carry absolute paths; two folders must give the same bytes. The folder of the
  // compilation is recorded without a slash at its end.
  if (semver.gte(input.compiler.version, '8.0.0')) {
    flags.push(
      `-ffile-prefix-map=${input.kernel}/=`,
      // ccache hands the compiler paths relative to the object folder (CCACHE_BASEDIR).
      `-ffile-prefix-map=${relative(input.obj, input.kernel)}/=`,
      `-ffile-prefix-map=${input.obj}=.`,
    );
  }
  const cc = [...(input.ccache ? ['ccache'] : []), input.compiler.command, ...flags].join(' ');
  const ld = ['ld', ...input.ld].join(' ');
  const date = new Date(epoch * 1000).toUTCString();
  const build = (obj: string): MakeEnvironment => ({
    args: [
      '-C',
      input.kernel,
      `O=${obj}`,
      'ARCH=x86_64',
      `CC=${cc}`,
      ...(input.ld.length > 0 ? [`LD=${ld}`] : []),
      // Set but empty: newer kernels then add no "+" for a dirty checkout around the tree.
      'LOCALVERSION=',
      // The recipes write -DDEBUG into the folder's Makefile; kbuild takes flags for one object from the command line.
      ...input.debug.map((name) => `CFLAGS_${name}.o=-DDEBUG`),
    ],
    env: {
      // The .config's date line is embedded by IKCONFIG.
      KCONFIG_NOTIMESTAMP: '1',
      KBUILD_BUILD_TIMESTAMP: date,
      KBUILD_BUILD_USER: 'build',
      KBUILD_BUILD_HOST: 'build-kernel',
      KBUILD_BUILD_VERSION: '1',
      SOURCE_DATE_EPOCH: String(epoch),
      // gzip puts a file's time into its header unless told not to.
      GZIP: undefined,
      ...(input.ccache ? { CCACHE_BASEDIR: dirname(obj), CCACHE_SLOPPINESS: 'time_macros' } : {}),
    },
    withObj: build,
  });
  return build(input.obj);
}
