import { copyFile, mkdir, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import type { Compiler } from '../compile/compiler.js';
import { removeCutOff } from '../compile/cut-off.js';
import { expectedObjects, makeWithProgress } from '../compile/index.js';
import type { MakeEnvironment } from '../compile/make.js';
import type { BuiltModules, CompileOutput, ConfigureOutput } from '../types.js';
import { checkSymbols, checkVermagic } from './check.js';
import { linkSources } from './links.js';
import { changedFiles, touchedModules } from './select.js';

export interface ModulesCompileInput {
  /** Patched tree, and the pristine one it was made of. */
  tree: string;
  pristine: string;
  /** Folder below the kernel's whose modules are built. */
  folder: string;
  headers: string;
  configured: ConfigureOutput;
  /** Staged root: made anew. */
  root: string;
  jobs: number;
  compiler: Compiler;
  make: MakeEnvironment;
  log: StageLog;
  progress: (text: string) => void;
}

/** Folder below lib/modules/RELEASE: depmod looks in `updates` before `kernel`, where the distribution's own modules are. */
export const PLACE = 'updates/build-kernel';

/** Folder of links and objects. */
export function objectsIn(obj: string, folder: string): string {
  return join(obj, folder);
}

async function stage(input: ModulesCompileInput, names: readonly string[]): Promise<void> {
  const { root, configured, folder, log } = input;
  const part = `${root}.part`;
  const to = join(part, 'lib/modules', configured.release, PLACE);
  await remove(part);
  await mkdir(to, { recursive: true });
  for (const name of names) {
    const ko = join(to, `${name}.ko`);
    await copyFile(join(objectsIn(configured.obj, folder), `${name}.ko`), ko);
    await run(['strip', '--strip-debug', ko], { log, fail: { code: 'compile', what: `${name}.ko could not be stripped.` } });
    await checkVermagic(ko, input.headers, join('/lib/modules', configured.release, 'kernel', folder, `${name}.ko`), log);
  }
  await remove(root);
  await rename(part, root);
}

async function make(input: ModulesCompileInput, into: string): Promise<number> {
  const { obj } = input.configured;
  const running = join(obj, '.build-kernel-running');
  const memory = join(obj, '.build-kernel-objects.json');
  await mkdir(obj, { recursive: true });
  if (await exists(running)) await removeCutOff(obj, input.log);
  await writeFile(running, '');
  await linkSources(join(input.tree, input.folder), into);
  const before = await expectedObjects(memory, undefined);
  // For the first estimate: a source is an object, and so is what says of a module which it is.
  const sources = (await readdir(into)).filter((name) => name.endsWith('.c') && !name.endsWith('.mod.c')).length;
  let objects: number;
  try {
    objects = await makeWithProgress(['modules'], {
      ...input,
      kernel: into,
      expected: before ?? Math.round(sources * 1.4),
      progress: (text) => input.progress(text.replace(`${into}/`, '')),
    });
  } catch (error) {
    // make itself ended: it has removed its unfinished targets.
    if (error instanceof ExpectedError && error.code === 'compile') await remove(running);
    throw error;
  }
  await remove(running);
  if (objects > (before ?? 0)) await writeAtomic(memory, JSON.stringify({ objects }));
  return objects;
}

/**
 * The compile stage of replacement modules: make compiles only what changed; then the result is proven to fit the
 * distribution's kernel, and only modules that differ from its own are staged.
 * @throws ExpectedError compile with the first error and its lines; abi when they do not fit
 */
export async function compileModules(input: ModulesCompileInput): Promise<CompileOutput> {
  const { tree, folder, headers, configured, log } = input;
  const into = objectsIn(configured.obj, folder);
  const objects = await make(input, into);
  input.progress('comparing with the distribution');
  const changed = await changedFiles(tree, input.pristine);
  const touched = await touchedModules(into, changed, (file) => (file.startsWith(`${folder}/`) ? join(into, file.slice(folder.length + 1)) : join(tree, file)));
  const kept = [...touched].filter(([, files]) => files.length > 0);
  if (kept.length === 0) {
    throw new ExpectedError({
      code: 'compile',
      what: `No module of ${folder} differs from the distribution's: there is nothing to replace.`,
      why: `changed files: ${changed.join(', ') || 'none'}`,
      fix: 'The series touches no source of these modules, or they are off in the distribution\'s configuration.',
    });
  }
  const names = kept.map(([name]) => name);
  const symbols = await checkSymbols(join(into, 'Module.symvers'), join(headers, 'Module.symvers'), names);
  log.line(`${String(symbols)} exported symbols have the distribution's CRCs; replaced: ${names.join(' ')}`);
  await stage(input, names);
  const built: BuiltModules = {
    kept: Object.fromEntries(kept.map(([name, files]) => [`${name}.ko`, files])),
    left: [...touched].filter(([, files]) => files.length === 0).map(([name]) => `${name}.ko`),
    symbols,
  };
  return { release: configured.release, root: input.root, built, modules: names.length, objects, compiler: input.compiler.banner };
}
