import type { Io } from '../../lib/io.js';
import { runStages } from '../../lib/ui/stages.js';
import { makeContext } from '../context.js';
import type { BuildOptions } from '../options.js';
import { patchCheck, renderPatchCheck, type PatchCheck } from '../patch/index.js';
import { fetchStage, unpackStage } from '../stages.js';
import { runStamped } from '../runner/stamp.js';
import { unpackedBases } from '../unpack/index.js';
import { withLock } from '../../lib/lock.js';
import type { FetchOutput, UnpackOutput } from '../types.js';

/** `build-kernel patch check FLAVOUR`: the matrix of hunks, offsets and fuzz, without touching a tree. Exit 7 when a hunk fails. */
export async function patchCheckCommand(io: Io, flavour: string, options: BuildOptions & { allBases: boolean }): Promise<void> {
  const context = await makeContext(flavour, options);
  const { work } = context;
  let fetched: FetchOutput | undefined;
  let unpacked: UnpackOutput | undefined;
  let check: PatchCheck | undefined;
  await withLock(work.lock, `The work folder ${work.path}`, () =>
    runStages(
      [
        {
          title: 'fetch the sources',
          run: async (p) => {
            fetched = await runStamped(work, await fetchStage(context), p, []);
          },
        },
        {
          title: 'unpack the base',
          run: async (p) => {
            if (fetched) unpacked = await runStamped(work, await unpackStage(context, fetched), p, []);
          },
        },
        {
          title: 'try the patch series',
          run: async (p) => {
            if (!fetched || !unpacked) return;
            const log = work.log('patch-check');
            const input = {
              pristine: unpacked.pristine,
              kernel: unpacked.kernel,
              series: fetched.series,
              scratchDir: work.join('patch-check'),
              flavour: context.name,
              log,
              progress: (text: string) => p.progress(text),
            };
            check = options.allBases ? undefined : await patchCheck(input);
            // The other bases matter when the series fails on its own: which one does it fit?
            if (!check?.ok) check = await patchCheck({ ...input, knownBases: await unpackedBases(context.cacheDir) });
            log.close();
          },
        },
      ],
      { json: io.json, verbose: io.verbose },
    ),
  );
  if (!check) return;
  io.result({ flavour: context.name, base: context.recipe.base.name, ...check });
  io.print(renderPatchCheck(check));
  if (!check.ok) process.exitCode = 7;
}
