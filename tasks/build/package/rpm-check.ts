import { basename } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';

/**
 * What rpm 4.8 can do: the newest version of each feature it knows (rpmlibProvides in lib/rpmds.c of 4.8, shown by
 * rpm --showrc). It refuses a package that requires anything else.
 */
const EL6_FEATURES: Record<string, string> = {
  VersionedDependencies: '3.0.3-1',
  CompressedFileNames: '3.0.4-1',
  PayloadIsBzip2: '3.0.5-1',
  PayloadFilesHavePrefix: '4.0-1',
  ExplicitPackageProvide: '4.0-1',
  HeaderLoadSortsTags: '4.0.1-1',
  ScriptletInterpreterArgs: '4.0.3-1',
  PartialHardlinkSets: '4.0.4-1',
  ConcurrentAccess: '4.1-1',
  BuiltinLuaScripts: '4.2.2-1',
  PayloadIsLzma: '4.4.2-1',
  PayloadIsXz: '5.2-1',
  FileDigests: '4.6.0-1',
  FileCaps: '4.6.1-1',
};

/** Compares 4.0.3-1 like versions: digits only, part by part. */
function compare(a: string, b: string): number {
  const left = a.split(/[.-]/).map(Number);
  const right = b.split(/[.-]/).map(Number);
  for (let i = 0; i < Math.max(left.length, right.length); i += 1) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The lines of `rpm -q --requires` that EL6's rpm cannot satisfy: unknown or newer rpmlib() features, rich dependencies. */
export function tooNewFor48(requires: readonly string[]): string[] {
  return requires.filter((line) => {
    // A dependency that begins with a bracket is a rich one: (a or b).
    if (line.startsWith('(')) return true;
    const match = /^rpmlib\((\w+)\)(?:\s*<=\s*(\S+))?/.exec(line);
    if (!match) return line.startsWith('rpmlib(');
    const known = EL6_FEATURES[match[1] ?? ''];
    return known === undefined || (match[2] !== undefined && compare(match[2], known) > 0);
  });
}

/** Refuses an RPM that EL6's rpm could not install. @throws ExpectedError package */
export async function requireOldRpm(file: string, log?: StageLog): Promise<void> {
  const query = async (...args: string[]): Promise<string> =>
    (await run(['rpm', '-qp', '--nosignature', ...args, file], { log, fail: { code: 'package', what: `rpm cannot read ${basename(file)}.` } })).stdout;
  const requires = (await query('--requires')).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  const problems = tooNewFor48(requires).map((line) => `requires ${line}`);
  const [payload, digest] = (await query('--queryformat', '%{PAYLOADCOMPRESSOR} %{FILEDIGESTALGO}')).split(' ');
  // Stricter than 4.8 itself: xz and other digests depend on how rpm was built, and our macros ask for gzip and MD5.
  if (payload !== 'gzip') problems.push(`its payload is packed with ${payload ?? '?'}, not gzip`);
  // 1 is MD5; the tag is left out for it in some versions.
  if (digest !== '1' && digest !== '(none)') problems.push(`its files have digest algorithm ${digest ?? '?'}, not MD5`);
  if (problems.length > 0) {
    throw new ExpectedError({
      code: 'package',
      what: `${basename(file)} could not be installed by the rpm of EL6 (4.8).`,
      why: problems.join('\n'),
      fix: 'A macro of this host changes what rpmbuild makes: look into /etc/rpm and /usr/lib/rpm/macros.d, or leave the RPM out.',
    });
  }
}
