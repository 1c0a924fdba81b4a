import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { z } from 'zod';
import { sha256File } from './digest.js';
import { ExpectedError, errno } from './errors.js';
import { exists, readJson, writeAtomic } from './files.js';
import { sha256Hex } from './sources.js';
import { besideImage } from './supply/names.js';
import { checkSums, sealed } from './supply/sums.js';

/** What an image is, beside it: NAME.json for a file, image.json in an appliance's folder. Nothing in it changes from run to run. */

export const IMAGE_MANIFEST = 'image.json';

export const imageManifestSchema = z.object({
  schema: z.literal(1),
  kind: z.enum(['disk', 'appliance', 'oci']),
  host: z.string(),
  flavour: z.string(),
  release: z.string(),
  /** sha256 of gateway.yaml, of the artifact's files by name, of the root. */
  inputs: z.object({ gateway: sha256Hex, artifact: z.record(z.string(), sha256Hex), root: z.object({ name: z.string(), sha256: sha256Hex }).optional() }),
  files: z.array(z.object({ name: z.string().regex(/^[^/]+$/), sha256: sha256Hex, size: z.number().int().nonnegative() })),
  /** Whether it was booted and its checks held; false: nobody tried (--no-verify). */
  verified: z.boolean(),
  /** Kernel command line it was verified with. */
  append: z.string(),
});
export type ImageManifest = z.output<typeof imageManifestSchema>;

export async function describeFiles(paths: readonly string[]): Promise<ImageManifest['files']> {
  const files: ImageManifest['files'] = [];
  for (const path of paths) files.push({ name: basename(path), sha256: await sha256File(path), size: (await stat(path)).size });
  return files;
}

export async function writeImageManifest(path: string, manifest: ImageManifest): Promise<void> {
  await writeAtomic(path, `${JSON.stringify(imageManifestSchema.parse(manifest), null, 2)}\n`);
}

/** The manifest of an image; undefined when there is none, or something else. @param path of the manifest */
export async function readImageManifest(path: string): Promise<ImageManifest | undefined> {
  const found: unknown = await readJson(path).catch((error: unknown) => {
    if (errno(error) !== 'ENOTDIR' && errno(error) !== 'EISDIR') throw error;
    return undefined;
  });
  const parsed = imageManifestSchema.safeParse(found);
  return parsed.success ? parsed.data : undefined;
}

/** @throws ExpectedError package: not the manifest of an appliance */
export async function readApplianceManifest(folder: string): Promise<ImageManifest> {
  const manifest = await readImageManifest(join(folder, IMAGE_MANIFEST));
  if (manifest?.kind !== 'appliance') throw new ExpectedError({ code: 'package', what: `${folder} holds no appliance.`, fix: 'Make one: build-kernel image gateway.yaml --kind appliance -o FOLDER.' });
  return manifest;
}

/**
 * Every file of an image against its manifest and its list of sums.
 * @param path folder of an appliance, or the file of a disk or archive
 * @throws ExpectedError package: no image, or not as it was made
 */
export async function verifyImageFiles(path: string): Promise<ImageManifest> {
  const of = await sealed(path);
  const at = of.names ? besideImage(resolve(path)).manifest : join(of.folder, IMAGE_MANIFEST);
  const manifest = await readImageManifest(at);
  if (!manifest) throw new ExpectedError({ code: 'package', what: `${path} is no image: ${(await exists(at)) ? `${at} is not its manifest` : `it has no ${at}`}.`, fix: 'Name what build-kernel image wrote, with the files beside it.' });
  const problems = (await checkSums(of)) ?? [`${of.sums}: missing`];
  if (of.names && !manifest.files.some(({ name }) => name === basename(path))) problems.push(`${basename(path)}: not in the manifest`);
  const named = new Set(problems.map((problem) => problem.split(':')[0]));
  for (const { name, sha256, size } of manifest.files) {
    if (named.has(name)) continue;
    const file = join(of.folder, name);
    if ((await stat(file).catch(() => undefined))?.size !== size || (await sha256File(file)) !== sha256) problems.push(`${name}: not what the manifest says`);
  }
  if (problems.length > 0) throw new ExpectedError({ code: 'package', what: `The image ${basename(path)} is not what its manifest says.`, why: problems.join('\n'), fix: 'Copy it again from where it was made, or make it again.' });
  return manifest;
}
