import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { remove } from '../files.js';
import { type FetchContext } from './context.js';
import { PartFile } from './part.js';
import { TransferFailure } from './failure.js';
import { git, missingObjects, refOf } from './gitcmd.js';
import { transfer } from './transfer.js';

/**
 * A commit from a repository that a plain web server gives out as files (a mirror folder behind nginx). git itself
 * cannot fetch without history from such a server, and our mirrors have no history: so the packs are downloaded like
 * any file, and git computes every object's id from what came.
 */

/** A pack's file name, and nothing else: it becomes a path. */
const PACK = /^P (pack-[0-9a-f]{40,64}\.pack)$/;

async function small(url: string, ctx: FetchContext, scratch: string, name: string): Promise<string | undefined> {
  const path = join(scratch, name);
  await PartFile.discard(path);
  try {
    const part = await transfer(url, path, name, true, ctx);
    await part.close();
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof TransferFailure) return undefined;
    throw error;
  }
}

/**
 * Tries to get a commit, without its parents, from a repository served as files.
 * @param url the repository's URL, with its .git
 * @returns false when the server has no such repository or it lacks the commit
 */
export async function fetchStatic(repo: string, url: string, commit: string, name: string, ctx: FetchContext): Promise<boolean> {
  const scratch = join(repo, 'build-kernel.static');
  await mkdir(scratch, { recursive: true });
  const list = await small(`${url}/objects/info/packs`, ctx, scratch, 'packs');
  // Only our own mirrors are cut off at the commits they were made for; git itself reads the others.
  const shallow = await small(`${url}/shallow`, ctx, scratch, 'shallow');
  if (list === undefined || !shallow?.split('\n').includes(commit)) return false;
  for (const line of list.split('\n')) {
    const pack = PACK.exec(line)?.[1];
    if (pack === undefined) continue;
    const part = await transfer(`${url}/objects/pack/${pack}`, join(scratch, `${pack}.part`), name, true, ctx);
    await part.close();
    const target = join(repo, 'objects', 'pack', pack);
    await rename(part.path, target);
    await PartFile.discard(part.path);
    // Writes the .idx beside it; fails on anything that is not a whole pack.
    await git(repo, ['index-pack', target], {
      log: ctx.log,
      fail: { code: 'network', what: `${pack} from ${url} is damaged.` },
    }).catch(async (error: unknown) => {
      await remove(target);
      throw error;
    });
  }
  const known = await readFile(join(repo, 'shallow'), 'utf8').catch(() => '');
  const lines = new Set([...known.split('\n'), commit].filter((line) => line !== ''));
  await writeFile(join(repo, 'shallow'), `${[...lines].sort().join('\n')}\n`);
  await remove(scratch);
  if ((await missingObjects(repo, `${commit}^{tree}`))?.length !== 0) return false;
  await git(repo, ['update-ref', refOf(commit), commit]);
  return true;
}
