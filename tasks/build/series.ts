import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { dataFile } from '../lib/data.js';
import { ExpectedError, errno } from '../lib/errors.js';
import { fetchSource, readGitFile, type FetchContext } from '../lib/fetch/index.js';
import { sha256 } from '../lib/digest.js';
import { remove, writeAtomic } from '../lib/files.js';
import type { Fetched } from '../lib/sources.js';
import type { BuildContext } from './context.js';
import type { PatchEntry } from '../lib/flavours/schema.js';
import type { SeriesPatch } from './types.js';

/** Collects a build's patches, in the order they are applied: flavour, add-ons, compat, the user's own. */

interface Wanted {
  name: string;
  from: SeriesPatch['from'];
  entry: Pick<PatchEntry, 'file' | 'git' | 'url' | 'strip' | 'in' | 'fuzz' | 'drop'> & { sha256?: string };
}

function wanted(context: BuildContext): Wanted[] {
  const { recipe, compat, options } = context;
  const ours = (name: string, from: Wanted['from'], entries: readonly PatchEntry[]): Wanted[] =>
    // A series of several is told apart by the patches' own names.
    entries.map((entry) => ({ name: entries.length > 1 && entry.file !== undefined ? basename(entry.file, '.patch') : name, from, entry }));
  return [
    ...ours(recipe.flavour.name, 'flavour', recipe.flavour.patches),
    ...recipe.addons.flatMap((addon) => ours(addon.name, 'addon', addon.patches)),
    ...compat.patches.map((patch): Wanted => ({
      name: basename(patch.file, '.patch'),
      from: 'compat',
      entry: { file: patch.file, sha256: patch.sha256, strip: patch.strip, in: 'kernel', fuzz: 0, drop: [] },
    })),
    ...options.patches.map((file): Wanted => ({
      name: basename(file),
      from: 'user',
      // `build-kernel diff` writes paths below the tree's root.
      entry: { file: resolve(file), strip: 1, in: 'root', fuzz: 0, drop: [] },
    })),
  ];
}

async function bytesOf({ entry, name }: Wanted, fetch: FetchContext, inputs: Fetched[]): Promise<Buffer> {
  if (entry.git) {
    const { path, ...source } = entry.git;
    const fetched = await fetchSource(source, fetch);
    if (!inputs.some((input) => input.name === fetched.name)) inputs.push(fetched);
    return readGitFile(fetched.path, fetched.digest, path);
  }
  if (entry.url) {
    const fetched = await fetchSource(entry.url, fetch);
    inputs.push(fetched);
    return readFile(fetched.path);
  }
  try {
    return await readFile(dataFile(entry.file ?? ''));
  } catch (error) {
    if (errno(error) !== 'ENOENT' && errno(error) !== 'EISDIR') throw error;
    throw new ExpectedError({ code: 'usage', what: `There is no patch file ${entry.file ?? name}.`, fix: 'Give --patch the path of a patch file.' });
  }
}

/**
 * Fetches every patch of a build into the work folder and checks its digest.
 * @param inputs gets the git trees and files that were fetched
 * @throws ExpectedError trust when a patch is not the one the flavour pins, usage when a --patch file is missing
 */
export async function collectSeries(context: BuildContext, fetch: FetchContext, inputs: Fetched[]): Promise<SeriesPatch[]> {
  const { recipe, work } = context;
  const folder = work.join('series');
  await remove(folder);
  const series: SeriesPatch[] = [];
  for (const [index, item] of wanted(context).entries()) {
    const { entry, name, from } = item;
    const bytes = await bytesOf(item, fetch, inputs);
    const digest = sha256(bytes);
    if (entry.sha256 !== undefined && entry.sha256 !== digest) {
      throw new ExpectedError({
        code: 'trust',
        what: `The patch of ${name} is not the one that is pinned.`,
        why: `pinned sha256: ${entry.sha256}\n  this sha256: ${digest}\n  from: ${entry.git ? `${entry.git.url} @ ${entry.git.commit} : ${entry.git.path}` : (entry.file ?? '')}`,
        fix: 'A mirror or a cache gave another file: build-kernel cache --verify, or fetch it from its own source.',
      });
    }
    const path = join(folder, `${String(index + 1).padStart(2, '0')}-${name.replace(/\.(patch|diff)$/, '')}.patch`);
    await writeAtomic(path, bytes);
    series.push({
      name,
      from,
      path,
      sha256: digest,
      strip: entry.strip,
      dir: entry.in === 'root' ? '.' : recipe.base.kernel,
      fuzz: entry.fuzz,
      drop: entry.drop,
    });
  }
  return series;
}

/** Patches the user named, with their content: part of a build's key. */
export async function userPatchKey(paths: readonly string[]): Promise<string[]> {
  return Promise.all(paths.map(async (path) => sha256(await readFile(path).catch(() => Buffer.from('missing')))));
}
