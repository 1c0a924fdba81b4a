import { realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';
import semver from 'semver';
import { exists } from '../../lib/files.js';
import type { Compiler } from '../compile/compiler.js';
import type { MakeEnvironment } from '../compile/make.js';
import { headersRoot } from './headers.js';

/** How make is called for modules of one folder against the distribution's headers. */

export interface ModulesMakeInput {
  /** The unpacked headers. */
  headers: string;
  /** Folder that holds (links to) the sources, and gets the objects. */
  into: string;
  /** Its name in the kernel: net/netfilter/ipvs. */
  folder: string;
  /** The patched tree, and folders in it with headers that the series changed: they come before the distribution's. */
  tree: string;
  include: string[];
  compiler: Compiler;
  ccache: boolean;
  /** Sources that are compiled with -DDEBUG: file names without folder or suffix. */
  debug: string[];
}

/** @param epoch SOURCE_DATE_EPOCH, seconds since 1970 */
export function modulesMake(input: ModulesMakeInput, epoch: number): MakeEnvironment {
  const root = resolve(headersRoot(input.headers));
  const flags: string[] = [];
  // Two folders must give the same bytes: what is recorded is as if the headers were installed and the sources in the
  // kernel's tree. The build id is made from the debugging information too, before it is stripped.
  if (semver.gte(input.compiler.version, '8.0.0')) {
    const map = new Map([[root, ''], [realpathSync(root), ''], [`${input.tree}/`, ''], [input.into, input.folder]]);
    for (const [from, to] of map) flags.push(`-ffile-prefix-map=${from}=${to}`);
  }
  // Of CC, not of the kernel's flags: the first folder wins.
  flags.push(...input.include.map((path) => `-I${path}`));
  const make: MakeEnvironment = {
    args: [
      '-C',
      input.headers,
      `M=${input.into}`,
      `CC=${[...(input.ccache ? ['ccache'] : []), input.compiler.command, ...flags].join(' ')}`,
      // The kernel was built without IP_VS_DEBUG, which only adds messages and what sets their level.
      ...input.debug.map((name) => `CFLAGS_${name}.o=-DDEBUG -DCONFIG_IP_VS_DEBUG=1`),
    ],
    env: {
      KBUILD_BUILD_TIMESTAMP: new Date(epoch * 1000).toUTCString(),
      KBUILD_BUILD_USER: 'build',
      KBUILD_BUILD_HOST: 'build-kernel',
      SOURCE_DATE_EPOCH: String(epoch),
    },
    withObj: () => make,
  };
  return make;
}

/** Folders of a partial tree that hold headers which the series touches: beside its own folder nothing else is in it. */
export async function includeFolders(tree: string): Promise<string[]> {
  const folders = ['include', 'include/uapi', 'arch/x86/include', 'arch/x86/include/uapi'].map((folder) => join(tree, folder));
  const there = await Promise.all(folders.map(exists));
  return folders.filter((_folder, index) => there[index]);
}
