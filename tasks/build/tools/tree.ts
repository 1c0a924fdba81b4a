import { cp, mkdir, readdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256File } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { isElf } from './elf.js';
import { gnuPatch } from '../patch/gnupatch.js';
import type { BuildSteps } from './schema.js';

/** A source tree of our own to build in: the pristine one is only read. */

/**
 * Removes compiled files that upstream committed (programs in keepalived/bin, objects): none of them may reach a
 * target, and make would take old objects for up to date.
 * @returns their paths
 */
export async function removeBinaries(folder: string): Promise<string[]> {
  const removed: string[] = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) removed.push(...(await removeBinaries(path)));
    else if (entry.isFile() && (/\.[oa]$/.test(entry.name) || (await isElf(path)))) {
      await remove(path);
      removed.push(path);
    }
  }
  return removed;
}

/**
 * Copies one folder of a pristine tree. Contents are copied, never linked: the pristine tree's own files are hard
 * links into a cache.
 */
export async function copyTree(from: string, to: string, log?: StageLog): Promise<void> {
  if (!(await exists(from))) {
    throw new ExpectedError({
      code: 'tools',
      what: `The tools' source folder ${from} does not exist.`,
      fix: 'The tree is not the one this tool set belongs to; build with the flavour\'s own base.',
    });
  }
  await remove(to);
  await mkdir(dirname(to), { recursive: true });
  await run(['cp', '-a', '--no-preserve=links', '--reflink=auto', from, to], { log });
  for (const path of await removeBinaries(to)) log?.line(`removed ${path}: compiled files from upstream are not used`);
}

/**
 * Makes a copied tree ready to build: our patches, and files that upstream forgot.
 * @param root the folder that patch and file names are relative to (patches/)
 * @throws ExpectedError trust (a patch of ours was changed), patch (it does not apply)
 */
export async function prepareTree(steps: BuildSteps, tree: string, root: string, log?: StageLog): Promise<void> {
  for (const { file, sha256 } of steps.patches) {
    const path = join(root, file);
    const found = await sha256File(path);
    if (found !== sha256) {
      throw new ExpectedError({
        code: 'trust',
        what: `${file} is not the file that ${steps.name} names.`,
        why: `sha256 ${found}, expected ${sha256}`,
        fix: 'Restore it, or write the new digest into the recipe if the change is yours.',
      });
    }
    const { exitCode, complaints } = await gnuPatch({ cwd: tree, patchFile: path, strip: 1, fuzz: 0, log });
    if (exitCode !== 0) {
      throw new ExpectedError({
        code: 'patch',
        what: `${file} does not fit the sources of ${steps.name}.`,
        why: complaints.join('\n') || undefined,
        fix: 'The sources are not the published ones, or already changed.',
        log: log?.path,
      });
    }
  }
  for (const [to, from] of Object.entries(steps.add)) {
    if (await exists(join(tree, to))) continue;
    await mkdir(dirname(join(tree, to)), { recursive: true });
    await cp(join(root, from), join(tree, to));
    log?.line(`added ${to}: missing upstream`);
  }
}
