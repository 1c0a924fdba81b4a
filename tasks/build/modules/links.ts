import { lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { run } from '../../lib/exec.js';
import { isDropping } from '../droppings.js';

/**
 * The folder that kbuild compiles in: links to the sources, so that an edit in the tree is seen at once, errors name a
 * file that can be opened, and objects stay out of the tree (kbuild of this age cannot put a module's elsewhere).
 */

async function filesOf(folder: string, type: string): Promise<string[]> {
  const { stdout } = await run(['find', folder, '-type', type, '-printf', '%P\\n'], { ok: [0, 1] });
  return stdout.split('\n').filter(Boolean);
}

/** Brings the links below `to` to the files below `from`; only what differs is touched. */
export async function linkSources(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  const wanted = new Set((await filesOf(from, 'f')).filter((path) => !isDropping(path)));
  for (const path of await filesOf(to, 'l')) if (!wanted.has(path)) await rm(join(to, path));
  for (const path of wanted) {
    const link = join(to, path);
    const target = relative(dirname(link), join(from, path));
    const there = await lstat(link).catch(() => undefined);
    if (there?.isSymbolicLink() && (await readlink(link)) === target) continue;
    await rm(link, { recursive: true, force: true });
    await mkdir(dirname(link), { recursive: true });
    await symlink(target, link);
  }
}
