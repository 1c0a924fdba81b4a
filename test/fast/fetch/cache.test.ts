import { chmodSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { cachePrune, cacheUsage, cacheVerify, fetchSource } from '../../../tasks/lib/fetch/index.js';
import { gitRepoPath } from '../../../tasks/lib/fetch/gitcmd.js';
import { withLock } from '../../../tasks/lib/lock.js';
import { context, sample, scratch, type TestContext } from './support/context.js';
import { git, makeHistory, removeObject, userGitConfig, type History } from './support/gitserver.js';
import { FaultServer } from './support/httpserver.js';

const folder = scratch();
userGitConfig(folder);
afterEach(() => vi.unstubAllEnvs());

let server: FaultServer;
let history: History;
beforeAll(async () => {
  server = await FaultServer.start();
  history = makeHistory(folder);
});

const { body, sha256 } = sample(300_000);

/** A cache with a file, a broken-off download, a repository and another stage's folder. */
async function filled(): Promise<TestContext> {
  const ctx = context();
  await fetchSource({ kind: 'file', name: 'linux.tar', urls: [server.on('/linux.tar', { body })], sha256 }, ctx);
  await fetchSource({ kind: 'file', name: 'half.tar', urls: [server.on('/half.tar', { body, breakAfter: 100_000 }, { status: 404 })] }, ctx).catch(() => undefined);
  await fetchSource({ kind: 'git', url: history.path, commit: history.commits[1] ?? '' }, ctx);
  mkdirSync(join(ctx.cacheDir, 'pristine/rhel-279'), { recursive: true });
  writeFileSync(join(ctx.cacheDir, 'pristine/rhel-279/file'), Buffer.alloc(50_000));
  return ctx;
}

describe('the cache', () => {
  it('says what it holds, biggest first', async () => {
    const { cacheDir } = await filled();
    const items = await cacheUsage(cacheDir);
    const named = items.map(({ kind, name }) => `${kind} ${name}`);
    expect(named[0]).toBe('file linux.tar');
    expect(named).toContainEqual(expect.stringMatching(/^part half\.tar-[0-9a-f]{16}\.part$/));
    expect(named).toContainEqual(expect.stringMatching(/^git .*-repo-[0-9a-f]{8}\.git$/));
    expect(named).toContain('other pristine/rhel-279');
    expect(items[0]?.bytes).toBeGreaterThanOrEqual(body.length);
    expect(Date.now() - (items[0]?.lastUsed ?? 0)).toBeLessThan(600_000);
    expect(await cacheUsage(join(cacheDir, 'nowhere'))).toEqual([]);
  });

  it('removes what was not used lately; use counts, not age', async () => {
    const { cacheDir, ...ctx } = await filled();
    const items = await cacheUsage(cacheDir);
    const file = items.find(({ kind }) => kind === 'file');
    const repo = gitRepoPath(cacheDir, history.path);
    const longAgo = new Date(Date.now() - 40 * 86_400_000);
    for (const stamp of [`${file?.path ?? ''}.json`, join(repo, 'build-kernel.ready')]) utimesSync(stamp, longAgo, longAgo);
    await fetchSource({ kind: 'git', url: history.path, commit: history.commits[1] ?? '' }, { ...ctx, cacheDir });
    const { removed } = await cachePrune(cacheDir, { unusedDays: 30 });
    expect(removed.map(({ name }) => name)).toEqual(['linux.tar']);
    expect(existsSync(file?.path ?? '')).toBe(false);
    expect(existsSync(repo)).toBe(true);
  });

  it('removes everything on request, but not what is being fetched', async () => {
    const { cacheDir } = await filled();
    const repo = gitRepoPath(cacheDir, history.path);
    const lock = join(cacheDir, 'locks', `${repo.split('/').at(-1) ?? ''}.lock`);
    const { removed, busy } = await withLock(lock, 'x', () => cachePrune(cacheDir, { unusedDays: 0, keep: ['other'] }));
    expect(busy.map(({ path }) => path)).toEqual([repo]);
    expect(removed.some(({ kind }) => kind === 'part')).toBe(true);
    expect((await cacheUsage(cacheDir)).map(({ kind }) => kind).sort()).toEqual(['git', 'other']);
    await cachePrune(cacheDir, { unusedDays: 0 });
    expect(await cacheUsage(cacheDir)).toEqual([]);
  });

  it('leaves alone what is being made, and the lock under which it is', async () => {
    const { cacheDir } = context();
    const made = { 'pristine/rhel-279-0123456789abcdef.part': 'pristine/rhel-279-0123456789abcdef.lock', [`image/debian-bookworm-${'a'.repeat(24)}.part`]: 'locks/image-root.lock', [`guest/busybox-${'b'.repeat(24)}.part`]: 'locks/guest-busybox.lock', [`tools/dsnat-220-static-${'c'.repeat(24)}.part`]: 'locks/tools-dsnat-220-static.lock', [`tool-libraries/popt-${'d'.repeat(24)}.part`]: 'locks/tool-library-popt.lock' };
    for (const [folder, lock] of Object.entries(made)) {
      mkdirSync(join(cacheDir, folder), { recursive: true });
      const { removed, busy } = await withLock(join(cacheDir, lock), 'x', async () => {
        const result = await cachePrune(cacheDir, { unusedDays: 0 });
        expect(existsSync(join(cacheDir, lock)), lock).toBe(true);
        return result;
      });
      expect([removed, busy.map(({ path }) => path)], folder).toEqual([[], [join(cacheDir, folder)]]);
      expect((await cachePrune(cacheDir, { unusedDays: 0 })).removed).toHaveLength(1);
    }
  });

  it('finds what is damaged, however well it looks', async () => {
    const { cacheDir, ...ctx } = await filled();
    expect(await cacheVerify(cacheDir)).toEqual([]);
    const { path } = (await cacheUsage(cacheDir)).find(({ kind }) => kind === 'file') ?? { path: '' };
    const { atime, mtime } = statSync(path);
    chmodSync(path, 0o644);
    writeFileSync(path, Buffer.alloc(body.length));
    utimesSync(path, atime, mtime);
    const repo = gitRepoPath(cacheDir, history.path);
    removeObject(repo, git(history.path, 'rev-parse', `${history.commits[1] ?? ''}:kernel/lf.c`));
    expect((await cacheVerify(cacheDir)).map((item) => item.path).sort()).toEqual([path, repo].sort());
    // And a run that is told to verify fetches it again.
    await fetchSource({ kind: 'file', name: 'linux.tar', urls: [server.on('/linux.tar', { body })], sha256 }, { ...ctx, cacheDir, verify: true });
    expect((await cacheVerify(cacheDir)).map((item) => item.path)).toEqual([repo]);
  });
});
