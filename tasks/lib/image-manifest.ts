import { readFile, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { sha256File } from './digest.js';
import { ExpectedError } from './errors.js';
import { writeAtomic } from './files.js';
import { sha256Hex } from './sources.js';

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
  files: z.array(z.object({ name: z.string(), sha256: sha256Hex, size: z.number().int().nonnegative() })),
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

/** @throws ExpectedError package: not the manifest of an appliance */
export async function readApplianceManifest(folder: string): Promise<ImageManifest> {
  const text = await readFile(join(folder, IMAGE_MANIFEST), 'utf8').catch(() => '');
  const parsed = imageManifestSchema.safeParse(text === '' ? undefined : JSON.parse(text));
  if (!parsed.success || parsed.data.kind !== 'appliance') throw new ExpectedError({ code: 'package', what: `${folder} holds no appliance.`, fix: 'Make one: build-kernel image gateway.yaml --kind appliance -o FOLDER.' });
  return parsed.data;
}
