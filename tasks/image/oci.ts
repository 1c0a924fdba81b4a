import { copyFile, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256, sha256File } from '../lib/digest.js';
import { run } from '../lib/exec.js';
import { writeAtomic } from '../lib/files.js';
import type { StageLog } from '../lib/log.js';

/**
 * An OCI archive (image-spec 1.1, "artifact" manifests: https://github.com/opencontainers/image-spec/blob/main/manifest.md):
 * files as layers with their names, for registries; oras and skopeo copy it.
 */

const MANIFEST_TYPE = 'application/vnd.oci.image.manifest.v1+json';
/** Descriptor of two bytes that every artifact without a configuration of its own points at. */
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', digest: 'sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a', size: 2 };

export interface OciInput {
  /** Files to carry, by name. */
  files: readonly { name: string; path: string; mediaType: string }[];
  artifactType: string;
  annotations: Readonly<Record<string, string>>;
  /** Tag of the one manifest. */
  tag: string;
  epoch: number;
  /** The archive to write. */
  file: string;
  scratch: string;
  log?: StageLog;
}

interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
}

/** Writes the archive; same files, same bytes. */
export async function makeOciArchive(input: OciInput): Promise<void> {
  const layout = join(input.scratch, 'oci');
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const blob = async (text: string): Promise<{ digest: string; size: number }> => {
    const hex = sha256(text);
    await writeAtomic(join(blobs, hex), text);
    return { digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
  };
  await blob('{}');
  const layers: Descriptor[] = [];
  for (const { name, path, mediaType } of input.files) {
    const hex = await sha256File(path);
    await copyFile(path, join(blobs, hex));
    layers.push({ mediaType, digest: `sha256:${hex}`, size: (await stat(path)).size, annotations: { 'org.opencontainers.image.title': name } });
  }
  const annotations = { 'org.opencontainers.image.created': new Date(input.epoch * 1000).toISOString().replace('.000Z', 'Z'), ...input.annotations };
  const manifest = await blob(JSON.stringify({ schemaVersion: 2, mediaType: MANIFEST_TYPE, artifactType: input.artifactType, config: EMPTY, layers, annotations }));
  await writeAtomic(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: [{ mediaType: MANIFEST_TYPE, artifactType: input.artifactType, ...manifest, annotations: { 'org.opencontainers.image.ref.name': input.tag } }] }));
  await writeAtomic(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await run(['tar', '-cf', input.file, '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', `--mtime=@${String(input.epoch)}`, '-C', layout, '.'], { log: input.log });
}
