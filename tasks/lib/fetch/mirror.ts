import { copyFile, mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../digest.js';
import { ExpectedError } from '../errors.js';
import { remove, writeAtomic } from '../files.js';
import { withLock } from '../lock.js';
import type { StageLog } from '../log.js';
import type { Fetched, GitSource, SourceSpec } from '../sources.js';
import { aptEntries, aptFolder, entryDigest } from './apt.js';
import { git, gitName, refOf } from './gitcmd.js';
import { exportableRepo } from './gitmirror.js';
import { MIRROR_INDEX, readMirrorIndex, type MirrorIndex } from './mirrorindex.js';
import { copyInto } from './transfer.js';

/**
 * Offline mirrors: everything a build fetched, in a folder that --mirror takes (or a web server that serves it).
 *
 *   FILE NAME              single files
 *   git/OWNER-REPO.git     bare repositories
 *   apt/{bin,src}/PACKAGE/VERSION/…   packages of the distribution
 *   build-kernel-mirror.json          digests
 */

async function addFile(dir: string, index: MirrorIndex, fetched: Fetched): Promise<void> {
  const target = join(dir, fetched.name);
  const known = index.files[fetched.name];
  if (known && known.sha256 !== fetched.digest) {
    throw new ExpectedError({
      code: 'usage',
      what: `The mirror ${dir} has another ${fetched.name}.`,
      why: `in the mirror: sha256 ${known.sha256} from ${known.from}\nnow fetched:   sha256 ${fetched.digest} from ${fetched.from}`,
      fix: 'Write this flavour into a mirror folder of its own.',
    });
  }
  const there = await stat(target).catch(() => undefined);
  if (!there || (await sha256File(target)) !== fetched.digest) {
    await copyInto(fetched.path, `${target}.part`);
    await rename(`${target}.part`, target);
  }
  index.files[fetched.name] = { sha256: fetched.digest, size: (await stat(target)).size, from: fetched.from, trust: fetched.trust.how };
}

async function addGit(dir: string, index: MirrorIndex, spec: GitSource, fetched: Fetched, log?: StageLog): Promise<void> {
  const name = gitName(spec.url);
  const repo = join(dir, 'git', `${name}.git`);
  await exportableRepo(repo, log);
  await git(repo, ['fetch', '--quiet', '--no-tags', '--depth=1', fetched.path, `+${spec.commit}:${refOf(spec.commit)}`], {
    log,
    network: true,
    env: { GIT_ALLOW_PROTOCOL: 'file' },
  });
  // A branch per commit, so that servers which give out only what they advertise give it too; the list of packs is for plain web servers.
  await git(repo, ['update-ref', `refs/heads/build-kernel-${spec.commit.slice(0, 12)}`, spec.commit], { log });
  await git(repo, ['update-server-info'], { log });
  const commits = new Set([...(index.git[name]?.commits ?? []), spec.commit]);
  index.git[name] = { url: spec.url, commits: [...commits].sort() };
}

async function addApt(dir: string, cacheRoot: string, index: MirrorIndex, spec: Extract<SourceSpec, { kind: 'apt' }>, fetched: Fetched): Promise<void> {
  const entry = (await aptEntries(cacheRoot, spec)).find((each) => entryDigest(each) === fetched.digest);
  if (!entry) return;
  const target = join(aptFolder(dir, spec), entry.version);
  await remove(`${target}.json`);
  await mkdir(target, { recursive: true });
  for (const file of entry.files) await copyFile(join(aptFolder(cacheRoot, spec), entry.version, file.name), join(target, file.name));
  await writeAtomic(`${target}.json`, `${JSON.stringify(entry, null, 2)}\n`);
  index.apt[`${spec.source ? 'src' : 'bin'}/${spec.package}/${entry.version}`] = { sha256: fetched.digest, from: fetched.from, trust: fetched.trust.how };
}

/** The cache folder a fetched package lies in (…/apt/{bin,src}/PACKAGE/VERSION[/FILE]). */
function cacheRootOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/apt/'));
}

/**
 * Writes fetched inputs into a mirror folder, beside what an earlier run put there.
 * @returns the index as written
 * @throws ExpectedError usage (two files of one name), space
 */
export async function mirrorInto(fetched: readonly { spec: SourceSpec; fetched: Fetched }[], dir: string, log?: StageLog): Promise<MirrorIndex> {
  await mkdir(dir, { recursive: true });
  return withLock(join(dir, '.lock'), `The mirror ${dir}`, async () => {
    const index: MirrorIndex = (await readMirrorIndex(dir)) ?? { format: 1, files: {}, git: {}, apt: {} };
    for (const { spec, fetched: item } of fetched) {
      if (spec.kind === 'file') await addFile(dir, index, item);
      else if (spec.kind === 'git') await addGit(dir, index, spec, item, log);
      else await addApt(dir, cacheRootOf(item.path), index, spec, item);
      // After each: a run that is cut off leaves an index of what is really there.
      await writeAtomic(join(dir, MIRROR_INDEX), `${JSON.stringify(index, null, 2)}\n`);
    }
    return index;
  });
}
