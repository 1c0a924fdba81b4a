import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import type { Io } from '../../lib/io.js';
import { withLock } from '../../lib/lock.js';
import { formatDuration } from '../../lib/ui/format.js';
import { runStages } from '../../lib/ui/stages.js';
import { compileModules, PLACE } from '../modules/compile.js';
import { compileInput, makeForModules } from '../modules/stages.js';
import type { CompileOutput } from '../types.js';
import type { Prepared } from './prepared.js';

/** `build-kernel module FOLDER FLAVOUR` where the flavour is modules for the distribution's kernel: the compile stage, by itself. */
export async function moduleOfDistribution(io: Io, folder: string, { context, unpacked, patched, configured }: Prepared): Promise<void> {
  const { work, modules, name } = context;
  if (!modules) throw new Error(`${name} is no flavour of modules`);
  const started = Date.now();
  const clean = folder.replace(/\/+$/, '');
  if (clean !== modules.folder) {
    throw new ExpectedError({ code: 'usage', what: `${name} builds the modules of ${modules.folder} only, not of ${folder}.`, fix: `build-kernel module ${modules.folder} ${name}` });
  }
  if (!configured) throw new ExpectedError({ code: 'usage', what: `${name} is not prepared.`, fix: `First: build-kernel prepare ${name}` });
  await withLock(work.lock, `The work folder ${work.path}`, async () => {
    const make = await makeForModules(context, modules, unpacked, patched);
    const log = work.log('module');
    let done: CompileOutput | undefined;
    try {
      await runStages(
        [
          {
            title: `rebuild the modules of ${clean}`,
            run: async (progress) => {
              done = await compileModules(compileInput(context, modules, { unpacked, patched, configured, make }, { log, progress }));
            },
          },
        ],
        { json: io.json, verbose: io.verbose },
      );
    } finally {
      log.close();
    }
    const names = Object.keys(done?.built?.kept ?? {});
    const paths = names.map((file) => join(work.join('root'), 'lib/modules', configured.release, PLACE, file));
    io.result({ flavour: name, release: configured.release, folder: clean, modules: paths, objects: done?.objects, ms: Date.now() - started });
    io.print(`${names.join(', ')} rebuilt for ${configured.release} in ${formatDuration(Date.now() - started)} (${String(done?.objects ?? 0)} objects compiled):`);
    for (const path of paths) io.print(`  ${path}`);
  });
}
