import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import type { z } from 'zod';
import { ExpectedError } from '../lib/errors.js';
import { patchesDir } from '../lib/paths.js';
import { isDroppingName } from './droppings.js';
import { gitId } from './gitid.js';
import { identitiesSchema, type Base, type identityEntry } from '../lib/flavours/schema.js';

/** Which published kernel an unpacked tree is, by the git ids of some of its folders. */

export type IdentityEntry = z.output<typeof identityEntry>;

export interface Identity {
  /** The published version; undefined when the tree is exactly none of them. */
  version?: string;
  /** All published versions that have these folders (some z-stream releases changed only others). */
  versions: string[];
  /** When there is no exact match: the versions that share the most folders, and which folders differ. */
  nearest?: { versions: string[]; equal: number; total: number; differ: string[] };
  /** The ids that were found, by folder. */
  trees: Record<string, string | undefined>;
}

/**
 * The published ids.
 * Our own data: a file that does not fit the schema is a bug and throws as one.
 */
export async function loadIdentities(path = join(patchesDir, 'bases', 'identities.yaml')): Promise<IdentityEntry[]> {
  return identitiesSchema.parse(parse(await readFile(path, 'utf8')));
}

/** Ids of folders (or single files) of a kernel; files' modes do not count, nor do files that a build left. */
async function idsOf(kernelRoot: string, folders: Iterable<string>): Promise<Record<string, string | undefined>> {
  const ids: Record<string, string | undefined> = {};
  for (const folder of new Set(folders)) ids[folder] = await gitId(join(kernelRoot, folder), { plainModes: true, ignore: isDroppingName });
  return ids;
}

/**
 * Says which published kernel this is. Reads about 1,100 files (12 MB).
 * @param treeRoot root of the unpacked source
 * @param kernelDir kernel folder below it ("." when the root is the kernel)
 */
export async function identify(treeRoot: string, kernelDir: string, known?: IdentityEntry[]): Promise<Identity> {
  const entries = known ?? (await loadIdentities());
  const trees = await idsOf(join(treeRoot, kernelDir), entries.flatMap((entry) => Object.keys(entry.trees)));
  const scored = entries.map((entry) => {
    const folders = Object.keys(entry.trees);
    const differ = folders.filter((folder) => trees[folder] !== entry.trees[folder]);
    return { version: entry.version, equal: folders.length - differ.length, total: folders.length, differ };
  });
  const versions = scored.filter(({ differ }) => differ.length === 0).map(({ version }) => version);
  if (versions.length > 0) return { version: versions[0], versions, trees };
  const most = Math.max(0, ...scored.map(({ equal }) => equal));
  const best = scored.filter(({ equal }) => equal === most);
  if (most === 0) return { versions: [], trees };
  return { versions: [], nearest: { versions: best.map(({ version }) => version), equal: most, total: best[0]!.total, differ: best[0]!.differ }, trees };
}

/** An identity in words: "2.6.32-279.el6", "no published kernel; nearest is …"; undefined when nothing is known. */
export function describeIdentity(identity: Identity): string | undefined {
  if (identity.versions.length > 0) return identity.versions.join(' or ');
  const { nearest } = identity;
  if (!nearest) return undefined;
  const named = nearest.versions.length > 3 ? `${nearest.versions.slice(0, 3).join(', ')}, …` : nearest.versions.join(' or ');
  return `no published kernel, nearest to ${named} (${String(nearest.equal)} of ${String(nearest.total)} folders are equal; differing: ${nearest.differ.join(', ')})`;
}

function wrongBase(base: Base, is: string, needed: string, evidence: string[], neededBy?: string): ExpectedError {
  return new ExpectedError({
    code: 'base',
    what: `This is ${is}, ${neededBy ?? base.name} needs ${needed}.`,
    why: evidence.join('\n'),
    fix: `Give the source of ${needed}${base.source.kind === 'file' ? ` (${base.source.name})` : ''}, or choose a flavour that is made for this one (build-kernel list).`,
  });
}

/**
 * Makes sure that a tree is the base it is taken for, before a patch meets it.
 * @param neededBy who needs the base, for the message: the flavour's name
 * @param warn told when the tree is close to the base but not exactly it
 * @returns what the tree is, in words; undefined when nothing is known of it
 * @throws ExpectedError base: it is another version, or a folder is not the one that the base's proof names
 */
export async function checkBase(base: Base, treeRoot: string, neededBy?: string, warn?: (text: string) => void, known?: IdentityEntry[]): Promise<string | undefined> {
  const entries = known ?? (await loadIdentities());
  const identity = await identify(treeRoot, base.kernel, entries);
  const needed = base.identity ?? base.release ?? base.name;
  const is = describeIdentity(identity) ?? 'none of the known kernels';
  const fail = (evidence: string[]): ExpectedError => wrongBase(base, is, needed, evidence, neededBy);
  const wrong = await wrongFolders(base, treeRoot);
  const knows = base.identity !== undefined && entries.some(({ version }) => version === base.identity);
  if (knows && !identity.versions.includes(base.identity!)) {
    const near = identity.nearest;
    // Not a published tree: someone's changes to the right base are theirs to make, another base is a mistake.
    if (!near?.versions.includes(base.identity!) || near.equal * 2 <= near.total || wrong.length > 0) {
      throw fail([...wrong, `found by the git ids of ${Object.keys(identity.trees).join(', ')}`]);
    }
    warn?.(`The source is not exactly ${needed}: ${near.differ.join(', ')} differ${near.differ.length === 1 ? 's' : ''} (${String(near.equal)} of ${String(near.total)} folders are equal).`);
  } else if (wrong.length > 0) throw fail(wrong);
  return knows && identity.versions.includes(base.identity!) ? base.identity : describeIdentity(identity);
}

/** Folders that are not the ones that the base's proof names. */
async function wrongFolders(base: Base, treeRoot: string): Promise<string[]> {
  const wrong: string[] = [];
  for (const [folder, id] of Object.entries(base.proof)) {
    const path = join(treeRoot, base.kernel, folder);
    const found = await gitId(path, { ignore: isDroppingName });
    if (found === id || (await gitId(path, { plainModes: true, ignore: isDroppingName })) === id) continue;
    wrong.push(found === undefined ? `${folder} is missing` : `${folder} has git id ${found}, not ${id}`);
  }
  return wrong;
}
