import { lstat, mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { sha256File } from './digest.js';
import { ExpectedError } from './errors.js';
import { run } from './exec.js';
import { remove } from './files.js';
import type { StageLog } from './log.js';
import { artifactFile, verifyArtifact, type Manifest } from './manifest.js';

/** An artifact folder unpacked into scratch, and what each of its archives puts on a host. */

/** A file or link as a host gets it; folders come with what is in them. */
export type TreeEntry =
  | { kind: 'file'; path: string; mode: number; source: string; sha256: string; size: number }
  | { kind: 'link'; path: string; to: string };

export interface ArtifactTree {
  manifest: Manifest;
  /** Artifact folder, absolute. */
  folder: string;
  /** Kernel and modules, or replacement modules; paths absolute on the host, sorted. */
  kernel: readonly TreeEntry[];
  /** Tools, the static build where there is one: it runs whatever the host's C library. */
  tools: readonly TreeEntry[];
}

async function listTree(root: string, below = ''): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const names = (await readdir(join(root, below))).sort();
  for (const name of names) {
    const path = `${below}/${name}`;
    const source = join(root, path);
    const info = await lstat(source);
    if (info.isDirectory()) entries.push(...(await listTree(root, path)));
    else if (info.isSymbolicLink()) entries.push({ kind: 'link', path, to: await readlink(source) });
    else if (info.isFile()) entries.push({ kind: 'file', path, mode: info.mode & 0o7777, source, sha256: await sha256File(source), size: info.size });
    else throw new ExpectedError({ code: 'package', what: `The artifact holds ${path}, which is neither file nor link nor folder.`, fix: 'Build it again.' });
  }
  return entries;
}

async function unpack(archive: string | undefined, into: string, log: StageLog | undefined): Promise<TreeEntry[]> {
  await remove(into);
  if (archive === undefined) return [];
  await mkdir(into, { recursive: true });
  // GNU tar itself refuses members that would leave the folder.
  await run(['tar', '-xzf', archive, '-C', into, '--no-same-owner', '--same-permissions'], { log, fail: { code: 'package', what: `${archive} could not be unpacked whole.`, fix: 'Build the artifact again.' } });
  return listTree(into);
}

/**
 * Unpacks an artifact after its files were hashed again.
 * @param scratch folder for the files; they must stay as long as the entries are used
 * @throws ExpectedError package: no artifact, or not whole
 */
export async function openArtifact(dir: string, scratch: string, log?: StageLog): Promise<ArtifactTree> {
  const folder = resolve(dir);
  const manifest = await verifyArtifact(folder);
  const kernel = artifactFile(folder, manifest, 'kernel-tar') ?? artifactFile(folder, manifest, 'modules-tar');
  const tools = artifactFile(folder, manifest, 'tools-tar', 'static') ?? artifactFile(folder, manifest, 'tools-tar');
  return { manifest, folder, kernel: await unpack(kernel, join(scratch, 'kernel'), log), tools: await unpack(tools, join(scratch, 'tools'), log) };
}

/** Text of an artifact's file; undefined when it has none of that path. */
export async function textOf(entries: readonly TreeEntry[], path: string): Promise<string | undefined> {
  const entry = entries.find((each) => each.path === path);
  return entry?.kind === 'file' ? readFile(entry.source, 'utf8') : undefined;
}
