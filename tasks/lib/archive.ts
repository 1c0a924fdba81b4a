import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from './errors.js';
import { hasProgram, run } from './exec.js';
import { remove } from './files.js';
import type { StageLog } from './log.js';

/** Archives by content: published names lie (a plain tar named .tar.gz). */

export type ArchiveType = 'gzip' | 'bzip2' | 'xz' | 'zstd' | 'tar' | 'rpm' | 'deb' | 'unknown';

const MAGIC: readonly [ArchiveType, number, readonly number[]][] = [
  ['gzip', 0, [0x1f, 0x8b]],
  ['bzip2', 0, [0x42, 0x5a, 0x68]],
  ['xz', 0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['zstd', 0, [0x28, 0xb5, 0x2f, 0xfd]],
  ['rpm', 0, [0xed, 0xab, 0xee, 0xdb]],
  ['deb', 0, [...Buffer.from('!<arch>\n')]],
  ['tar', 257, [...Buffer.from('ustar')]],
];

/** What a file is, by its first 512 bytes. */
export async function archiveType(path: string): Promise<ArchiveType> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(512);
    await handle.read(head, 0, 512, 0);
    return MAGIC.find(([, at, bytes]) => bytes.every((byte, index) => head[at + index] === byte))?.[0] ?? 'unknown';
  } finally {
    await handle.close();
  }
}

/** Decompressors for each type, the parallel ones first (measured: lbzip2 is 2-4 times faster than any other for a kernel tree). */
const DECOMPRESSORS: Partial<Record<ArchiveType, string[]>> = {
  gzip: ['pigz', 'gzip'],
  bzip2: ['lbzip2', 'pbzip2', 'bzip2'],
  xz: ['xz'],
  zstd: ['zstd'],
};

async function decompressor(type: ArchiveType): Promise<string[]> {
  const candidates = DECOMPRESSORS[type];
  if (!candidates) return [];
  for (const name of candidates) if (await hasProgram(name)) return [`--use-compress-program=${name}`];
  throw new ExpectedError({
    code: 'environment',
    what: `No program for ${type} archives (${candidates.join(', ')}) is installed.`,
    fix: 'build-kernel doctor --install installs what is missing.',
  });
}

/** Arguments that name members below the top folder, whatever its name; a folder means all that is in it. */
function members(wanted: readonly string[] | undefined): string[] {
  if (wanted === undefined) return [];
  return ['--wildcards', '--no-wildcards-match-slash', '--', ...wanted.map((path) => `*/${path.replace(/[*?[\]\\]/g, '\\$&')}`)];
}

/**
 * Unpacks a tar archive into a new folder; a single top folder is taken off, whatever its name.
 * GNU tar itself refuses members that would leave the folder (`..`, links to outside) and strips leading slashes.
 * @param wanted files and folders to unpack, below the top folder; those that the archive has not are passed over
 * @throws ExpectedError unpack: no tar archive, damaged, or with members that leave the folder
 */
export async function unpackTar(archive: string, into: string, log?: StageLog, wanted?: readonly string[]): Promise<void> {
  const type = await archiveType(archive);
  if (!['gzip', 'bzip2', 'xz', 'zstd', 'tar'].includes(type)) {
    throw new ExpectedError({
      code: 'unpack',
      what: `${archive} is no tar archive${type === 'unknown' ? '' : ` (its content is ${type})`}.`,
      fix: 'If it was given with --source, check that it is the file the flavour names (build-kernel show FLAVOUR).',
    });
  }
  const scratch = `${into}.tar`;
  await remove(scratch);
  await mkdir(scratch, { recursive: true });
  const damaged = {
    code: 'unpack',
    what: `${archive} could not be unpacked whole.`,
    fix: 'The file is damaged or holds paths that leave its folder; fetch it again (build-kernel cache --verify).',
  } as const;
  const { exitCode, stderr } = await run(
    ['tar', ...(await decompressor(type)), '-xf', archive, '-C', scratch, '--no-same-owner', '--same-permissions', ...members(wanted)],
    { log, ok: wanted === undefined ? [0] : [0, 2], fail: damaged },
  );
  if (exitCode !== 0) {
    const faults = stderr.split('\n').filter((line) => line !== '' && !/: Not found in archive$|: Exiting with failure status due to previous errors$/.test(line));
    if (faults.length > 0) throw new ExpectedError({ ...damaged, why: faults.slice(-12).join('\n'), log: log?.path });
  }
  const entries = (await readdir(scratch, { withFileTypes: true })).filter((entry) => entry.name !== 'pax_global_header');
  const only = entries.length === 1 && entries[0]?.isDirectory() ? entries[0].name : undefined;
  await remove(into);
  await rename(only ? join(scratch, only) : scratch, into);
  await remove(scratch);
}
