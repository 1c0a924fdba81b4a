import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { openArtifact, type ArtifactTree } from '../../../../../tasks/lib/artifact.js';
import type { Desired } from '../../../../../tasks/provision/types.js';
import { CURRENT, fakeArtifact, natModules, OLD, oldKernel, oldTools, stockTools } from './fixtures.js';

/** Artifacts of three flavours, and what was desired as a folder that programs can read. */

export interface Artifacts {
  dir: string;
  dsnat: ArtifactTree;
  natSnat: ArtifactTree;
  iptables: ArtifactTree;
}

export async function artifacts(): Promise<Artifacts> {
  const dir = await mkdtemp(join(tmpdir(), 'desired-'));
  return {
    dir,
    dsnat: await openArtifact(await fakeArtifact(dir, 'dsnat-220', OLD, 'kernel', oldKernel, oldTools), join(dir, 'one')),
    natSnat: await openArtifact(await fakeArtifact(dir, 'nat-snat', CURRENT, 'modules', natModules, stockTools), join(dir, 'two')),
    iptables: await openArtifact(await fakeArtifact(dir, 'iptables-snat', OLD, 'kernel', oldKernel, stockTools), join(dir, 'three')),
  };
}

/** Writes the texts of a desired state (and its scripts) below a folder. @returns absolute paths by path on the host */
export async function writeOut(desired: Desired, root: string): Promise<Map<string, string>> {
  const written = new Map<string, string>();
  const put = async (path: string, text: string, mode: number): Promise<void> => {
    const at = join(root, path);
    await mkdir(dirname(at), { recursive: true });
    await writeFile(at, text);
    await chmod(at, mode);
    written.set(path, at);
  };
  for (const each of desired.resources) {
    if (each.kind === 'file' && typeof each.content === 'string') await put(each.path, each.content, each.mode);
    if (each.kind === 'block') await put(each.path, `${each.create.head}# BEGIN build-kernel ${each.name}\n${each.content}# END build-kernel ${each.name}\n`, each.create.mode);
  }
  for (const name of ['activate', 'deactivate', 'restored'] as const) await put(`/${name}`, desired[name], 0o644);
  return written;
}
