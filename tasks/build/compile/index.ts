import { copyFile, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, readJson, remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import type { CompileOutput, ConfigureOutput } from '../types.js';
import type { Compiler } from './compiler.js';
import { removeCutOff } from './cut-off.js';
import type { MakeEnvironment } from './make.js';
import { MakeOutput } from './progress.js';

export interface CompileInput {
  kernel: string;
  configured: ConfigureOutput;
  /** Staged root (boot/, lib/modules/RELEASE): made anew. */
  root: string;
  jobs: number;
  compiler: Compiler;
  make: MakeEnvironment;
  /** Objects of a whole build, for the first ETA. */
  expected?: number;
  log: StageLog;
  progress: (text: string) => void;
}

/** Runs make with progress; its first error becomes the failure. Returns the number of objects it made. */
export async function makeWithProgress(
  targets: string[],
  input: Pick<CompileInput, 'make' | 'jobs' | 'log' | 'progress' | 'expected' | 'kernel'>,
): Promise<number> {
  const output = new MakeOutput(input.expected);
  const ticker = setInterval(() => input.progress(output.text()), 500);
  try {
    await run(['make', ...input.make.args, `-j${String(input.jobs)}`, ...targets], {
      cwd: input.kernel,
      env: input.make.env,
      discard: true,
      log: input.log,
      onLine: (line) => output.line(line),
    });
  } catch (error) {
    if (!(error instanceof ExpectedError) || error.code !== 'command') throw error;
    throw new ExpectedError({
      code: 'compile',
      what: `make ${targets.join(' ')} failed.`,
      why: output.firstError ? `The first error:\n${output.firstError}` : error.why,
      fix: 'Correct the source and run the same command again: only what changed is compiled anew. A compiler that is too new or too old is changed with --cc.',
      log: input.log.path,
    });
  } finally {
    clearInterval(ticker);
  }
  return output.objects;
}

/** Objects of the last whole build in this folder: the estimate for the next. */
export async function expectedObjects(memory: string, first: number | undefined): Promise<number | undefined> {
  const stored = await readJson(memory);
  if (stored && typeof stored === 'object' && 'objects' in stored && typeof stored.objects === 'number') return stored.objects;
  return first;
}

/** What the kernel will call itself must be what its files are named after. */
async function requireRelease(obj: string, release: string, log: StageLog): Promise<void> {
  const built = (await readFile(join(obj, 'include/config/kernel.release'), 'utf8')).trim();
  if (built === release) return;
  throw new ExpectedError({
    code: 'compile',
    what: `The tree built ${built}, not ${release}.`,
    fix: 'A localversion file or an edited Makefile changes the release; remove it.',
    log: log.path,
  });
}

async function stage(input: CompileInput): Promise<{ bzImage: string; modules: number }> {
  const { configured, root, log } = input;
  const { obj, release } = configured;
  const part = `${root}.part`;
  await remove(part);
  await mkdir(join(part, 'boot'), { recursive: true });
  const image = join(obj, 'arch/x86/boot/bzImage');
  if (!(await exists(image))) throw new ExpectedError({ code: 'compile', what: 'make ended without an error but made no bzImage.', log: log.path });
  await copyFile(image, join(part, 'boot', `vmlinuz-${release}`));
  await copyFile(join(obj, 'System.map'), join(part, 'boot', `System.map-${release}`));
  await copyFile(configured.config, join(part, 'boot', `config-${release}`));
  const config = await readFile(configured.config, 'utf8');
  let modules = 0;
  if (/^CONFIG_MODULES=y$/m.test(config)) {
    await run(
      ['make', ...input.make.args, `-j${String(input.jobs)}`, 'modules_install', `INSTALL_MOD_PATH=${part}`, 'INSTALL_MOD_STRIP=1', 'DEPMOD=true'],
      {
        cwd: input.kernel,
        env: input.make.env,
        discard: true,
        log,
        fail: { code: 'compile', what: 'make modules_install failed.' },
      },
    );
    const folder = join(part, 'lib/modules', release);
    // Links to this machine's folders mean nothing on the gateway.
    for (const link of ['build', 'source']) await remove(join(folder, link));
    const { stdout } = await run(['find', folder, '-name', '*.ko'], {});
    modules = stdout.split('\n').filter(Boolean).length;
  }
  await remove(root);
  await rename(part, root);
  return { bzImage: join(root, 'boot', `vmlinuz-${release}`), modules };
}

/**
 * The compile stage: bzImage and modules, then a staged root as on a host. make itself is incremental: only what
 * depends on a changed file is compiled.
 * @throws ExpectedError compile with the first error and its lines
 */
export async function compile(input: CompileInput): Promise<CompileOutput> {
  const { configured, log } = input;
  const { obj } = configured;
  const running = join(obj, '.build-kernel-running');
  const memory = join(obj, '.build-kernel-objects.json');
  if (await exists(running)) await removeCutOff(obj, log);
  await writeFile(running, '');
  const expected = await expectedObjects(memory, input.expected);
  const modular = /^CONFIG_MODULES=y$/m.test(await readFile(configured.config, 'utf8'));
  let objects: number;
  try {
    objects = await makeWithProgress(['bzImage', ...(modular ? ['modules'] : [])], { ...input, expected });
  } catch (error) {
    // make itself ended: it has removed its unfinished targets.
    if (error instanceof ExpectedError && error.code === 'compile') await remove(running);
    throw error;
  }
  await requireRelease(obj, configured.release, log);
  input.progress('installing modules');
  const staged = await stage(input);
  await remove(running);
  const before = (await expectedObjects(memory, 0)) ?? 0;
  if (objects > before) await writeAtomic(memory, JSON.stringify({ objects }));
  return {
    release: configured.release,
    root: input.root,
    bzImage: staged.bzImage,
    modules: staged.modules,
    objects,
    compiler: input.compiler.banner,
  };
}
