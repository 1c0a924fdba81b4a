import { copyFile, cp, mkdir, readdir, readFile, rename, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { ownData } from '../../lib/data.js';
import { sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run, shellQuote } from '../../lib/exec.js';
import { fetchContext } from '../../lib/fetch/for-run.js';
import { mirrorInto } from '../../lib/fetch/index.js';
import { fetchRecorded, type Recorded } from '../../lib/fetch/recorded.js';
import { exists, remove, writeAtomic } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { withLock } from '../../lib/lock.js';
import { StageLog } from '../../lib/log.js';
import { artifactFile, MANIFEST_NAME, verifyArtifact, type Manifest } from '../../lib/manifest.js';
import { defaultCacheDir, packageRoot } from '../../lib/paths.js';
import { runStages } from '../../lib/ui/stages.js';
import type { BuildOptions } from '../options.js';
import { sourcesOf } from '../sources.js';

/**
 * `build-kernel source ARTIFACT`: the complete corresponding source of an artifact in one tar, as the GPL asks of whoever
 * passes the binaries on: every input byte for byte, every patch, the kernel's configuration, and the program that builds it.
 */

/** What of the program itself controls a build. */
const PROGRAM = ['package.json', 'package-lock.json', 'LICENSE', 'dist', 'patches', 'templates'] as const;

async function recorded(manifest: Manifest, options: BuildOptions, log: StageLog, progress: Parameters<typeof fetchContext>[1]['progress']): Promise<Recorded[]> {
  const flavour = manifest.flavour.split('+')[0] ?? manifest.flavour;
  const specs = (await sourcesOf([flavour], { ...options, with: manifest.addons, tools: ['host', 'static'] })).flat();
  const context = fetchContext({ ...options, cache: resolve(options.cache || defaultCacheDir()) }, { log, progress }, () => undefined);
  const found: Recorded[] = [];
  const missing: string[] = [];
  for (const input of manifest.inputs) {
    progress.progress(input.name);
    const got = await fetchRecorded(input, specs, context);
    if (got) found.push(got);
    else missing.push(`${input.name} (${input.digest}), from ${input.from}`);
  }
  if (missing.length > 0) {
    throw new ExpectedError({
      code: 'trust',
      what: `Not all that ${manifest.flavour} was built from can be had any more.`,
      why: missing.join('\n'),
      fix: 'Run it where the artifact was built (its cache has them), or name that cache with --cache; or build the artifact again and pass that one on.',
    });
  }
  return found;
}

/** Patches that a user added: they are where the build found them, or they are missing. */
async function userPatches(manifest: Manifest, into: string): Promise<string[]> {
  const names = Array.isArray(manifest.options['patches']) ? manifest.options['patches'].map(String) : [];
  const copied: string[] = [];
  for (const { name, sha256: digest } of manifest.series.filter(({ from }) => from === 'user')) {
    const path = names.find((each) => basename(each) === name);
    const text = path === undefined ? undefined : await readFile(path).catch(() => undefined);
    if (text === undefined || sha256(text) !== digest) {
      throw new ExpectedError({ code: 'usage', what: `The patch ${name} that this artifact was built with is not at ${path ?? 'hand'} as it was.`, why: `sha256 then: ${digest}`, fix: 'Put the patch file back where the build found it.' });
    }
    await mkdir(into, { recursive: true });
    await writeAtomic(join(into, name), text);
    copied.push(`patches/${name}`);
  }
  return copied;
}

/** The user's own flavours, when there are any: without them the program does not know what it is to build. */
async function ownFlavours(into: string): Promise<void> {
  const own = ownData();
  if (own === undefined) return;
  const names = (await readdir(own)).filter((name) => !name.startsWith('.') && name !== 'node_modules');
  for (const name of names) await cp(join(own, name), join(into, name), { recursive: true, dereference: true });
}

/** The recorded command with what lies in the folder in place of paths of the machine it was built on. */
function commandHere(manifest: Manifest, patches: readonly string[]): string[] {
  const here: string[] = [];
  for (let at = 0; at < manifest.command.length; at += 1) {
    const arg = manifest.command[at] ?? '';
    const value = manifest.command[at + 1] ?? '';
    if (arg === '--source') at += 1;
    else if (arg === '--config' && manifest.config.profile === 'file') {
      here.push(arg, 'kernel.config');
      at += 1;
    } else if (arg === '--patch') {
      here.push(arg, patches.find((path) => basename(path) === basename(value)) ?? value);
      at += 1;
    } else here.push(arg);
  }
  return [...here, ...(ownData() === undefined ? [] : ['--flavours', 'flavours']), '--offline', '--mirror', 'mirror'];
}

function readme(manifest: Manifest, patches: readonly string[]): string {
  return [
    `Complete corresponding source of ${manifest.flavour} ${manifest.release}`,
    '',
    'mirror/         every source it was built from, as build-kernel.lock and manifest.json name them',
    'build-kernel/   the program that builds it: patches, configuration fragments, build scripts',
    'patches/        patches added by whoever built it, if any',
    ...(ownData() === undefined ? [] : ['flavours/       flavours of whoever built it']),
    'kernel.config   the kernel\'s configuration',
    'manifest.json   digests, compiler, flags',
    '',
    'To build it again, with Node 20 and the compiler that manifest.json names:',
    '',
    // It is compiled; what compiles it is not here.
    '    npm install --omit=dev --ignore-scripts ./build-kernel',
    `    npx ${shellQuote(commandHere(manifest, patches))}`,
    '',
  ].join('\n');
}

/**
 * @param file the tar; default NAME-RELEASE-source.tar here
 * @throws ExpectedError package (no artifact, not whole), trust (an input is gone), usage, space
 */
export async function source(io: Io, artifact: string, options: BuildOptions & { file?: string }): Promise<void> {
  const dir = resolve(artifact);
  const manifest = await verifyArtifact(dir);
  const name = `${manifest.flavour}-${manifest.release}-source`;
  const file = resolve(options.file ?? `${name}.tar`);
  if (await stat(file).then((there) => !there.isFile(), () => false)) throw new ExpectedError({ code: 'usage', what: `${file} is there, and no file.`, fix: `Name the tar to write: --file ${join(file, `${name}.tar`)}` });
  const part = join(dirname(file), `.bk-source-${basename(file)}`);
  const folder = join(part, name);
  const log = new StageLog(resolve(options.work, 'source.log'));
  let inputs: Recorded[] = [];
  const pack = (): Promise<unknown> => runStages(
    [
      {
        title: `find the ${String(manifest.inputs.length)} sources`,
        run: async (p) => {
          inputs = await recorded(manifest, options, log, p);
        },
      },
      {
        title: `pack ${basename(file)}`,
        run: async () => {
          await mkdir(folder, { recursive: true });
          await mirrorInto(inputs, join(folder, 'mirror'), log);
          const patches = await userPatches(manifest, join(folder, 'patches'));
          for (const each of PROGRAM) if (await exists(join(packageRoot, each))) await cp(join(packageRoot, each), join(folder, 'build-kernel', each), { recursive: true });
          await ownFlavours(join(folder, 'flavours'));
          await copyFile(join(dir, MANIFEST_NAME), join(folder, MANIFEST_NAME));
          const kernel = artifactFile(dir, manifest, 'kernel-tar');
          if (kernel !== undefined) await run(['tar', '-xzOf', kernel, `boot/config-${manifest.release}`], { stdoutFile: join(folder, 'kernel.config'), log });
          await writeAtomic(join(folder, 'README'), readme(manifest, patches));
          const tar = join(part, 'tar');
          await run(['tar', '-cf', tar, '--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX', `--mtime=@${String(manifest.epoch)}`, '-C', part, name], { log });
          await rename(tar, file);
        },
      },
    ],
    { json: io.json, verbose: io.verbose },
  );
  try {
    await withLock(`${file}.lock`, `The tar ${file}`, async () => {
      // What a killed run left; it has the size of the sources.
      await remove(part);
      try {
        await pack();
      } finally {
        await remove(part);
      }
    });
  } finally {
    log.close();
  }
  io.result({ file, inputs: inputs.map(({ fetched }) => fetched.name) });
  io.print(file);
}
