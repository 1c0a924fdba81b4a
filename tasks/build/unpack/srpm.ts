import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import type { Base } from '../../lib/flavours/schema.js';
import { unpackTar } from '../../lib/archive.js';

/**
 * The two ways from an SRPM to a source tree. Both give the same tree (a test compares them): the tarball, plus what
 * %prep does to source files. What %prep generates (configs, a signing key, host programs) is no source and is left out.
 */

export interface PreppedSource {
  /** The unpacked kernel. */
  tree: string;
  /** The distribution's config for x86_64, made from the config-* pieces. */
  config?: string;
}

/** Name of the config that Makefile.config makes for x86_64 (its VERSION is the kernel's, without the release). */
const CONFIG = 'kernel-2.6.32-x86_64.config';

/** %prep applies linux-kernel-test.patch only when it is longer than its 9-line template. */
const OPTIONAL_PATCH = 'linux-kernel-test.patch';
const OPTIONAL_PATCH_TEMPLATE_LINES = 9;

/** Puts an SRPM's files into TOP/SOURCES and TOP/SPECS, as rpm does for a packager; needs no root. */
async function installSrpm(srpm: string, top: string, log?: StageLog): Promise<void> {
  await mkdir(join(top, 'db'), { recursive: true });
  // The signature was checked when the file was fetched; a v3/v4 SHA-1 one would be refused here by current policies.
  await run(
    ['rpm', '--dbpath', join(top, 'db'), '--define', `_topdir ${top}`, '--nosignature', '--nodeps', '-i', srpm],
    {
      log,
      fail: {
        code: 'unpack',
        what: `rpm cannot unpack ${basename(srpm)}.`,
        fix: 'Check that the file is the SRPM the flavour names; fetch it again (build-kernel cache --verify).',
      },
    },
  );
}

/** A short scratch folder: gpg-agent's socket path must stay below 108 bytes. */
async function scratchTop(): Promise<string> {
  return mkdtemp(join(tmpdir().length > 20 ? '/tmp' : tmpdir(), 'bk-'));
}

function srpmData(base: Base): NonNullable<Base['srpm']> {
  if (!base.srpm) throw new ExpectedError({ code: 'usage', what: `The base ${base.name} has layout srpm but no srpm section.` });
  return base.srpm;
}

/** What %prep does to source files after unpacking them. */
async function prepSources(tree: string, sources: string, log?: StageLog): Promise<void> {
  const optional = join(sources, OPTIONAL_PATCH);
  if (await exists(optional)) {
    const lines = (await readFile(optional, 'latin1')).split('\n').length - 1;
    if (lines > OPTIONAL_PATCH_TEMPLATE_LINES) {
      await run(['patch', '-p1', '-F1', '-s', '--batch', '--no-backup-if-mismatch', '-d', tree, '-i', optional], {
        log,
        fail: { code: 'unpack', what: `The SRPM's own ${OPTIONAL_PATCH} does not apply.` },
      });
    }
  }
  const checkpatch = join(tree, 'scripts', 'checkpatch.pl');
  if (await exists(checkpatch)) await chmod(checkpatch, (await stat(checkpatch)).mode | 0o111);
}

/** The distribution's config, merged from its pieces by its own Makefile and merge.pl (nothing else of the spec is run). */
async function mergeConfig(sources: string, scratch: string, log?: StageLog): Promise<string | undefined> {
  if (!(await exists(join(sources, 'Makefile.config')))) return undefined;
  await mkdir(scratch, { recursive: true });
  for (const name of await readdir(sources)) {
    if (/^config-|^merge\.pl$|^Makefile\.config$/.test(name)) await copyFile(join(sources, name), join(scratch, name));
  }
  // Makefile.config names a file `Makefile` as a prerequisite: in the spec it is the kernel's.
  await writeFile(join(scratch, 'Makefile'), '');
  await run(['make', '-f', 'Makefile.config', 'VERSION=2.6.32', CONFIG], {
    cwd: scratch,
    log,
    fail: { code: 'unpack', what: "The distribution's config could not be merged from the SRPM's pieces." },
  });
  return join(scratch, CONFIG);
}

/** --prep direct: the tarball and the config straight from the SRPM. */
async function prepDirect(base: Base, top: string, into: string, log?: StageLog): Promise<PreppedSource> {
  const sources = join(top, 'SOURCES');
  const tarball = join(sources, srpmData(base).tarball);
  if (!(await exists(tarball))) {
    throw new ExpectedError({
      code: 'unpack',
      what: `The SRPM holds no ${basename(tarball)}.`,
      why: `It holds: ${(await readdir(sources)).filter((name) => /\.(tar|tgz)/.test(name)).join(', ') || 'no tarball'}`,
      fix: `The SRPM is another release than the base ${base.name} (${base.release}) needs.`,
    });
  }
  await unpackTar(tarball, into, log);
  // As %setup does: a tarball made with a wide umask must not give others write permission.
  await run(['chmod', '-Rf', 'a+rX,u+w,g-w,o-w', into], { log });
  await prepSources(into, sources, log);
  return { tree: into, config: await mergeConfig(sources, join(top, 'config'), log) };
}

/** Files of `tree` that are not the very files (hard links) of `vanilla`: what %prep changed. */
async function changedByPrep(vanilla: string, tree: string, log?: StageLog): Promise<string[]> {
  const list = async (root: string): Promise<Map<string, string>> => {
    const { stdout } = await run(['find', root, '-type', 'f', '-printf', '%P\\t%i\\n'], { log: undefined });
    return new Map(stdout.split('\n').filter(Boolean).map((line) => line.split('\t') as [string, string]));
  };
  const [before, after] = [await list(vanilla), await list(tree)];
  const changed = [...before.keys()].filter((path) => before.get(path) !== after.get(path));
  log?.line(`%prep changed ${String(changed.length)} source files: ${changed.slice(0, 20).join(' ')}`);
  return changed;
}

/** --prep rpmbuild: real `rpmbuild -bp`, with the traps of a host that is no RHEL handled. */
async function prepRpmbuild(base: Base, top: string, into: string, log?: StageLog): Promise<PreppedSource> {
  const data = srpmData(base);
  const genkey = join(top, 'SOURCES', 'genkey');
  if (await exists(genkey)) {
    // gpg 2.1 asks for a passphrase on a terminal unless told that the key has none.
    const text = await readFile(genkey, 'utf8');
    if (!text.startsWith('%no-protection')) await writeFile(genkey, `%no-protection\n${text}`);
  }
  const defines = Object.entries(data.defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  const spec = join(top, 'SPECS', data.spec);
  await run(
    ['rpmbuild', '-bp', '--nodeps', '--target', 'x86_64', '--dbpath', join(top, 'db'), '--define', `_topdir ${top}`, ...defines, spec],
    {
      log,
      discard: true,
      // KEYRING files and locks of the user's own GnuPG are not ours to touch.
      env: { GNUPGHOME: undefined },
      fail: {
        code: 'unpack',
        what: 'rpmbuild -bp failed.',
        fix: 'The default, --prep direct, gives the same tree without running the spec file.',
      },
    },
  );
  const build = join(top, 'BUILD', `kernel-${base.release}`);
  const vanilla = join(build, `vanilla-${base.release}`);
  const prepared = join(build, `linux-${base.release}.x86_64`);
  await run(['gpgconf', '--homedir', prepared, '--kill', 'gpg-agent'], { log, ok: [0, 1, 2] });
  for (const path of [vanilla, prepared]) {
    if (await exists(path)) continue;
    throw new ExpectedError({
      code: 'unpack',
      what: `rpmbuild -bp made no ${basename(path)}.`,
      why: `It made: ${(await readdir(join(top, 'BUILD'))).join(', ')}`,
      fix: `The spec file names its folders otherwise: set srpm.defines of the base ${base.name}.`,
      log: log?.path,
    });
  }
  const config = join(prepared, 'configs', CONFIG);
  for (const path of await changedByPrep(vanilla, prepared, log)) {
    await remove(join(vanilla, path));
    if (await exists(join(prepared, path))) await run(['cp', '-p', join(prepared, path), join(vanilla, path)], { log });
  }
  await remove(into);
  // The prepared tree shares files with vanilla by hard links: gone with the scratch folder.
  await run(['cp', '-a', vanilla, into], { log });
  return { tree: into, config: (await exists(config)) ? config : undefined };
}

/**
 * Unpacks an SRPM's kernel into `into`.
 * @param use called with the result while the scratch folder (config) still exists
 */
export async function unpackSrpm<T>(
  srpm: string,
  base: Base,
  prep: 'direct' | 'rpmbuild',
  into: string,
  log: StageLog | undefined,
  use: (source: PreppedSource) => Promise<T>,
): Promise<T> {
  const top = await scratchTop();
  try {
    await installSrpm(srpm, top, log);
    return await use(await (prep === 'direct' ? prepDirect : prepRpmbuild)(base, top, into, log));
  } finally {
    await remove(top);
  }
}

