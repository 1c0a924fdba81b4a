import { join } from 'node:path';
import { z } from 'zod';
import { readJson } from '../files.js';
import { commitHex, sha256Hex } from '../sources.js';

/** The index of an offline mirror: what is in it, with digests, and how it was trusted when the mirror was written. */

export const MIRROR_INDEX = 'build-kernel-mirror.json';

export const mirrorIndexSchema = z.object({
  format: z.literal(1),
  /** By file name. */
  files: z.record(z.string(), z.object({ sha256: sha256Hex, size: z.number(), from: z.string(), trust: z.string() })).default({}),
  /** By OWNER-REPO. */
  git: z.record(z.string(), z.object({ url: z.string(), commits: z.array(commitHex) })).default({}),
  /** By bin/PACKAGE/VERSION or src/PACKAGE/VERSION. */
  apt: z.record(z.string(), z.object({ sha256: sha256Hex, from: z.string(), trust: z.string() })).default({}),
});
export type MirrorIndex = z.output<typeof mirrorIndexSchema>;

/** The index of a mirror folder; undefined when there is none (a plain folder with files is a mirror too). */
export async function readMirrorIndex(dir: string): Promise<MirrorIndex | undefined> {
  const parsed = mirrorIndexSchema.safeParse(await readJson(join(dir, MIRROR_INDEX)));
  return parsed.success ? parsed.data : undefined;
}

/** The digest a mirror folder's index gives for a file name. */
export async function indexedDigest(dir: string, name: string): Promise<string | undefined> {
  return (await readMirrorIndex(dir))?.files[name]?.sha256;
}
