import { copyFile, mkdir, readFile, readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ExpectedError, errno } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { withLock } from '../../lib/lock.js';
import { formatDuration } from '../../lib/ui/format.js';
import { runStages } from '../../lib/ui/stages.js';
import { makeWithProgress } from '../compile/index.js';
import type { BuildOptions } from '../options.js';
import { makeFor } from '../stages.js';
import { moduleOfDistribution } from './module-distro.js';
import { loadPrepared } from './prepared.js';

/** Modules of a folder as the last build made them; kbuild lists them in modules.order. */
async function modulesOf(obj: string, folder: string): Promise<string[]> {
  const order = await readFile(join(obj, folder, 'modules.order'), 'utf8').catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return '';
    throw error;
  });
  const listed = order.split('\n').filter(Boolean).map((line) => line.replace(/^kernel\//, ''));
  if (listed.length > 0) return listed;
  const files = await readdir(join(obj, folder)).catch(() => []);
  return files.filter((file) => file.endsWith('.ko')).map((file) => join(folder, file));
}

/** `build-kernel module FOLDER [FLAVOUR]`: rebuilds and stages only that folder's modules of a build (the recipe's `make M=…`). */
export async function module(io: Io, folder: string, flavour: string | undefined, options: BuildOptions): Promise<void> {
  const { context, unpacked, patched, configured } = await loadPrepared(flavour, options);
  const { work } = context;
  if (context.modules) {
    await moduleOfDistribution(io, folder, { context, unpacked, patched, configured });
    return;
  }
  const started = Date.now();
  await withLock(work.lock, `The work folder ${work.path}`, async () => {
    if (!configured) throw new ExpectedError({ code: 'usage', what: `${context.name} is not configured.`, fix: `First: build-kernel ${context.name}` });
    const clean = folder.replace(/\/+$/, '');
    const kernel = join(patched.tree, patched.kernel);
    if (!(await exists(join(kernel, clean, 'Makefile')))) {
      throw new ExpectedError({ code: 'usage', what: `${folder} is no folder of the kernel with a Makefile.`, fix: 'Give it as in the source: net/netfilter/ipvs.' });
    }
    const make = await makeFor(context, unpacked, patched);
    const log = work.log('module');
    const staged = work.join('root', 'lib/modules', configured.release);
    let made: string[] = [];
    await runStages(
      [
        {
          title: `rebuild the modules of ${clean}`,
          run: async ({ progress }) => {
            if (!(await exists(join(configured.obj, 'vmlinux')))) {
              throw new ExpectedError({
                code: 'usage',
                what: `${context.name} has been prepared but not built: modules need the kernel's symbols.`,
                fix: `First: build-kernel ${context.recipe.flavour.name}`,
              });
            }
            made = await modulesOf(configured.obj, clean);
            if (made.length === 0) {
              throw new ExpectedError({
                code: 'usage',
                what: `No module comes from ${clean} in this configuration: it is built in or off.`,
                fix: `Rebuild the kernel (build-kernel ${context.recipe.flavour.name}), or make it modular with --set CONFIG_…=m.`,
              });
            }
            const input = { make, log, progress, expected: undefined, kernel };
            await makeWithProgress([`${clean}/`], { ...input, jobs: context.jobs });
            // Kernels that keep .tmp_versions link all modules for one .ko target, and two of them at a time collide. Later ones
            // know, for a .ko target, the symbols of vmlinux only, not those of other modules: there all are linked that need it.
            const linkAll = await exists(join(configured.obj, '.tmp_versions'));
            await makeWithProgress(linkAll ? made.slice(0, 1) : ['modules'], { ...input, jobs: linkAll ? 1 : context.jobs });
          },
        },
        {
          title: 'stage them',
          run: async () => {
            for (const path of made) {
              const to = join(staged, 'kernel', path);
              await mkdir(join(to, '..'), { recursive: true });
              await copyFile(join(configured.obj, path), to);
              await run(['strip', '--strip-debug', to], { log });
            }
          },
        },
      ],
      { json: io.json, verbose: io.verbose },
    );
    log.close();
    const paths = made.map((path) => join(staged, 'kernel', path));
    io.result({ flavour: context.name, release: configured.release, folder: clean, modules: paths, ms: Date.now() - started });
    io.print(`${String(made.length)} modules of ${clean} rebuilt for ${configured.release} in ${formatDuration(Date.now() - started)}:`);
    for (const path of paths) io.print(`  ${basename(path)}  ${path}`);
  });
}
