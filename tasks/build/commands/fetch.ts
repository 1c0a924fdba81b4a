import { resolve } from 'node:path';
import type { Io } from '../../lib/io.js';
import { fetchSource, mirrorInto } from '../../lib/fetch/index.js';
import { StageLog } from '../../lib/log.js';
import type { Fetched, SourceSpec } from '../../lib/sources.js';
import { runStages } from '../../lib/ui/stages.js';
import { fetchContext } from '../../lib/fetch/for-run.js';
import type { BuildOptions } from '../options.js';
import { fetchFirst } from '../../lib/fetch/alternatives.js';
import { distroKernel } from '../modules/kernel.js';
import { kernelsOf, sourcesOf } from '../sources.js';

function nameOf([spec]: readonly SourceSpec[]): string {
  if (spec === undefined) return 'nothing';
  return spec.kind === 'git' ? `${spec.url} @ ${spec.commit.slice(0, 12)}` : spec.kind === 'apt' ? spec.package : spec.name;
}

/** `build-kernel fetch FLAVOUR… [--into DIR]`: fills the cache, and with --into an offline mirror. */
export async function fetch(io: Io, flavours: readonly string[], options: BuildOptions & { into?: string }): Promise<void> {
  const sources = await sourcesOf(flavours, options);
  const kernels = await kernelsOf(flavours, options);
  const log = new StageLog(resolve(options.work, 'fetch.log'));
  const got: { spec: SourceSpec; fetched: Fetched }[] = [];
  const warnings: string[] = [];
  const into = options.into === undefined ? undefined : resolve(options.into);
  try {
    await runStages(
      [
        ...sources.map((alternatives) => ({
          title: `fetch ${nameOf(alternatives)}`,
          run: async (p: Parameters<Parameters<typeof runStages>[0][number]['run']>[0]) => {
            const context = fetchContext(options, { log, progress: p }, (text) => warnings.push(text));
            await fetchFirst(nameOf(alternatives), alternatives, async (spec) => {
              const fetched = await fetchSource(spec, context);
              got.push({ spec, fetched });
              return fetched;
            });
          },
        })),
        ...kernels.map(({ name, spec }) => ({
          title: `fetch the headers of the distribution's kernel for ${name}`,
          run: async (p: Parameters<Parameters<typeof runStages>[0][number]['run']>[0]) => {
            const context = fetchContext(options, { log, progress: p }, (text) => warnings.push(text));
            await distroKernel(spec, name, async (source) => {
              const fetched = await fetchSource(source, context);
              got.push({ spec: source, fetched });
              return fetched;
            }, log);
          },
        })),
        {
          title: `write the mirror ${into ?? ''}`,
          enabled: into !== undefined,
          run: async () => {
            if (into !== undefined) await mirrorInto(got, into);
          },
        },
      ],
      { json: io.json, verbose: io.verbose },
    );
  } finally {
    log.close();
  }
  io.result({ flavours, into: into ?? null, inputs: got.map(({ fetched }) => fetched), warnings });
  for (const { fetched } of got) io.print(`${fetched.digest.slice(0, 12)}  ${fetched.name}  (${fetched.trust.how})`);
  if (into !== undefined) io.print(`Build without a network: build-kernel ${flavours[0] ?? 'FLAVOUR'} --offline --mirror ${into}`);
}
