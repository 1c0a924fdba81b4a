import { chmod, copyFile, lstat, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { openArtifact, type ArtifactTree } from '../lib/artifact.js';
import { errno } from '../lib/errors.js';
import { remove, writeAtomic } from '../lib/files.js';
import { hookResources } from './boot/index.js';
import { checkResources, isDrift } from './checks/index.js';
import { desire } from './desired/index.js';
import { readFacts } from './facts/index.js';
import { findChanges } from './plan/changes.js';
import { checkOffloads, warningsOf } from './preflight/index.js';
import { loadSpec } from './spec/load.js';
import { folderTarget } from './target/index.js';
import type { Change, Desired, Gateway } from './types.js';

/** A gateway into the root of an image that is being made: the same files as a host gets, without a way back, which a new root does not need. */

export interface ImageSource {
  gateway: Gateway;
  artifact: ArtifactTree;
  warnings: readonly string[];
}

/**
 * Reads gateway.yaml and unpacks its artifact.
 * @param host which host of the file; may be left out when it names one or none
 * @throws ExpectedError usage, package
 */
export async function openImageSource(file: string, host: string | undefined, scratch: string): Promise<ImageSource> {
  const spec = await loadSpec(file);
  const name = host ?? (spec.hosts.length === 1 ? spec.hosts[0] : undefined) ?? 'gateway';
  const gateway = spec.gateway(name);
  return { gateway, artifact: await openArtifact(gateway.artifact, scratch), warnings: spec.warnings };
}

async function isFolder(path: string): Promise<boolean> {
  return lstat(path).then(
    (info) => info.isDirectory(),
    (error: unknown) => {
      if (errno(error) === 'ENOENT') return false;
      throw error;
    },
  );
}

async function write(root: string, change: Change): Promise<void> {
  const path = join(root, change.path);
  // Not through a link: what is wanted is at this very path.
  if (!(await isFolder(path))) await remove(path);
  if (change.kind === 'absent') return;
  await mkdir(dirname(path), { recursive: true });
  if (change.kind === 'link') await symlink(change.to ?? '', path);
  else if (typeof change.content === 'string') await writeAtomic(path, change.content);
  else if (change.content) await copyFile(change.content.source, path);
  if (change.kind === 'file' && change.mode !== undefined) await chmod(path, change.mode);
}

/**
 * Makes the root this gateway.
 * @param root folder on this machine; what is written belongs to whoever runs this
 * @returns what the gateway is to have and to be; the number of files written; what it will lack
 * @throws ExpectedError environment (a program is missing), preflight (a path is in the way), provision
 */
export async function provisionRoot(root: string, { gateway, artifact }: ImageSource): Promise<{ desired: Desired; files: number; warnings: string[] }> {
  const target = folderTarget(root);
  const facts = await readFacts(target);
  const wanted = await desire(gateway, facts, artifact);
  const desired: Desired = { ...wanted, resources: [...hookResources(facts), ...wanted.resources] };
  const changes = await findChanges(target, desired.resources);
  for (const change of changes) await write(root, change);
  const open = (await checkResources(target, desired.resources)).filter(({ status }) => isDrift(status));
  if (open.length > 0) throw new Error(`written and not as wanted: ${open.map(({ id }) => id).join(', ')}`);
  return { desired, files: changes.length, warnings: warningsOf(checkOffloads({ gateway, facts })) };
}
