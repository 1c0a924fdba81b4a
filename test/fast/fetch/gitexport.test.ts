import { lstatSync, readFileSync, readdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportGitTree, fetchSource, readGitFile } from '../../../tasks/lib/fetch/index.js';
import { context, failure, scratch } from './support/context.js';
import { CONTENT, git, makeHistory, removeObject, userGitConfig, type History } from './support/gitserver.js';

const folder = scratch();
const setUserConfig = userGitConfig(folder);
afterEach(() => vi.unstubAllEnvs());

let history: History;
let commit: string;
let repo: string;
beforeAll(async () => {
  history = makeHistory(folder);
  commit = history.commits[1] ?? '';
  repo = (await fetchSource({ kind: 'git', url: history.path, commit }, context())).path;
});

describe('exportGitTree', () => {
  it.each([0o022, 0o077])('gives every byte as committed, whatever attributes and configuration say (umask %o)', async (umask) => {
    setUserConfig('[core]\nautocrlf = true\neol = crlf\nfileMode = false\n[filter "lfs"]\nsmudge = rev\nrequired = true\n');
    const before = process.umask(umask);
    const out = join(scratch(), 'tree');
    try {
      expect(await exportGitTree(repo, commit, undefined, out)).toBe(Object.keys(CONTENT).length + 1);
    } finally {
      process.umask(before);
    }
    const time = Number(git(history.path, 'show', '-s', '--format=%ct', commit)) * 1000;
    for (const [path, bytes] of Object.entries(CONTENT)) {
      expect({ path, same: readFileSync(join(out, path)).equals(bytes) }).toEqual({ path, same: true });
      expect(statSync(join(out, path)).mtimeMs).toBe(time);
      expect((statSync(join(out, path)).mode & 0o777).toString(8)).toBe(path === 'tools/build.sh' ? '755' : '644');
    }
    expect(readlinkSync(join(out, 'link'))).toBe('kernel/lf.c');
    expect(lstatSync(join(out, 'link')).mtimeMs).toBe(time);
    expect(statSync(join(out, 'kernel')).mtimeMs).toBe(time);
  });

  it('gives one folder', async () => {
    const out = join(scratch(), 'kernel');
    expect(await exportGitTree(repo, commit, 'kernel/', out)).toBe(4);
    expect(readFileSync(join(out, 'lf.c')).equals(CONTENT['kernel/lf.c'] ?? Buffer.alloc(0))).toBe(true);
  });

  it('leaves nothing of itself in the repository, and is not led astray by an outer git', async () => {
    vi.stubEnv('GIT_DIR', '/nonexistent');
    vi.stubEnv('GIT_INDEX_FILE', '/nonexistent');
    await exportGitTree(repo, commit, 'tools', join(scratch(), 'tools'));
    expect(readdirSync(repo).filter((name) => name.startsWith('build-kernel.index'))).toEqual([]);
  });

  it('refuses what it cannot give', async () => {
    const full = scratch();
    writeFileSync(join(full, 'x'), '');
    expect((await failure(exportGitTree(repo, commit, undefined, full))).what).toContain('not empty');
    for (const subpath of ['nowhere', 'version.txt']) {
      expect((await failure(exportGitTree(repo, commit, subpath, join(scratch(), 'x')))).what).toContain(subpath);
    }
    expect((await failure(exportGitTree(repo, 'd'.repeat(40), undefined, join(scratch(), 'x')))).code).toBe('unpack');
  });

  it('names the files a repository lacks', async () => {
    const broken = makeHistory(scratch(), 'broken');
    const at = broken.commits[1] ?? '';
    removeObject(broken.path, git(broken.path, 'rev-parse', `${at}:kernel/crlf.txt`));
    const error = await failure(exportGitTree(broken.path, at, undefined, join(scratch(), 'x')));
    expect(error).toMatchObject({ code: 'unpack', exitStatus: 6 });
    expect(error.why).toBe('kernel/crlf.txt');
    expect(await exportGitTree(broken.path, at, 'tools', join(scratch(), 'x'))).toBe(2);
  });
});

describe('readGitFile', () => {
  it('reads bytes, not text', async () => {
    for (const path of ['kernel/latin1.patch', 'kernel/lf.c', 'tools/name with space', 'version.txt']) {
      expect((await readGitFile(repo, commit, path)).equals(CONTENT[path] ?? Buffer.alloc(0))).toBe(true);
    }
  });

  it('says when there is no such file', async () => {
    expect((await failure(readGitFile(repo, commit, 'nowhere'))).what).toContain('nowhere');
    expect((await failure(readGitFile(repo, commit, 'kernel'))).code).toBe('unpack');
  });
});
