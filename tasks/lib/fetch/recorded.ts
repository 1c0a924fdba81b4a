import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ManifestInput } from '../manifest.js';
import type { AptSource, Fetched, SourceSpec } from '../sources.js';
import { aptEntries, aptFolder, entryDigest } from './apt.js';
import type { FetchContext } from './context.js';
import { fetchSource } from './index.js';
import { fromStore } from './store.js';

/** Finds again, byte for byte, what a manifest says an artifact was made from. */

export interface Recorded {
  spec: SourceSpec;
  fetched: Fetched;
}

/** A package of the cache by its digest, whatever version the distribution has today. */
async function packageOf(input: ManifestInput, cacheDir: string): Promise<Recorded | undefined> {
  for (const source of [false, true]) {
    for (const name of await readdir(join(cacheDir, 'apt', source ? 'src' : 'bin')).catch(() => [])) {
      const spec: AptSource = { kind: 'apt', package: name, source };
      const entry = (await aptEntries(cacheDir, spec)).find((each) => entryDigest(each) === input.digest);
      if (!entry) continue;
      const folder = join(aptFolder(cacheDir, spec), entry.version);
      return { spec, fetched: { ...input, path: source ? folder : join(folder, entry.files[0]?.name ?? '') } };
    }
  }
  return undefined;
}

/**
 * @param specs where the flavour's inputs come from: for what is not in the cache any more
 * @returns undefined when neither the cache nor its source has these very bytes
 * @throws ExpectedError network, offline: a source cannot be asked
 */
export async function fetchRecorded(input: ManifestInput, specs: readonly SourceSpec[], ctx: FetchContext): Promise<Recorded | undefined> {
  if (input.kind === 'git') {
    const spec = specs.find((each) => each.kind === 'git' && each.commit === input.digest);
    return spec && { spec, fetched: await fetchSource(spec, ctx) };
  }
  if (input.kind === 'apt') {
    const cached = await packageOf(input, ctx.cacheDir);
    if (cached) return cached;
  } else {
    const stored = await fromStore(ctx, input.digest);
    if (stored) return { spec: { kind: 'file', name: input.name, urls: [`file://${stored.path}`], sha256: input.digest }, fetched: { ...input, path: stored.path } };
  }
  for (const spec of specs) {
    if (spec.kind !== input.kind || (spec.kind === 'file' && spec.name !== input.name)) continue;
    const fetched = await fetchSource(spec, ctx);
    if (fetched.digest === input.digest) return { spec, fetched };
  }
  return undefined;
}
