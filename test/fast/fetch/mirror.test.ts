import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { exportGitTree, fetchSource, mirrorInto } from '../../../tasks/lib/fetch/index.js';
import type { Fetched, SourceSpec } from '../../../tasks/lib/sources.js';
import { context, failure, hex, sample, scratch } from './support/context.js';
import { CONTENT, makeHistory, startDaemon, startGitHttp, userGitConfig } from './support/gitserver.js';
import { FaultServer } from './support/httpserver.js';

const folder = scratch();
userGitConfig(folder);
afterEach(() => vi.unstubAllEnvs());

const { body, sha256 } = sample(200_000);
let server: FaultServer;
let specs: SourceSpec[];
let mirror: string;
let fetched: { spec: SourceSpec; fetched: Fetched }[];
let lockFile: string;
beforeAll(async () => {
  server = await FaultServer.start();
  const history = makeHistory(folder, 'upstream');
  const daemon = await startDaemon(folder);
  const url = server.on('/dist/linux.tar.gz', { body });
  const unpinned = server.on('/dist/fix.patch', { body: 'a patch' });
  specs = [
    { kind: 'file', name: 'linux.tar.gz', urls: [url], sha256 },
    { kind: 'file', name: 'fix.patch', urls: [unpinned] },
    { kind: 'git', url: `${daemon}/upstream.git`, commit: history.commits[1] ?? '' },
    { kind: 'git', url: `${daemon}/upstream.git`, commit: history.other },
  ];
  const ctx = context();
  lockFile = ctx.lockFile;
  fetched = [];
  for (const spec of specs) fetched.push({ spec, fetched: await fetchSource(spec, ctx) });
  mirror = join(scratch(), 'mirror');
  await mirrorInto(fetched, mirror);
  // Nothing of upstream is there any more.
  server.on('/dist/linux.tar.gz', { status: 404 });
  server.on('/dist/fix.patch', { status: 404 });
});

async function takeAll(mirrors: string[], offline: boolean): Promise<Fetched[]> {
  const ctx = context({ mirrors, offline, lockFile });
  const all: Fetched[] = [];
  for (const spec of specs) all.push(await fetchSource(spec, ctx));
  return all;
}

describe('an offline mirror', () => {
  it('is a folder with plain names and an index', () => {
    expect(readdirSync(mirror).sort()).toEqual(['build-kernel-mirror.json', 'fix.patch', 'git', 'linux.tar.gz']);
    const index = JSON.parse(readFileSync(join(mirror, 'build-kernel-mirror.json'), 'utf8')) as Record<string, unknown>;
    expect(index['files']).toMatchObject({ 'linux.tar.gz': { sha256, size: body.length, trust: 'pinned-sha256' }, 'fix.patch': { sha256: hex('a patch') } });
    expect(hex(readFileSync(join(mirror, 'linux.tar.gz')))).toBe(sha256);
  });

  it('serves everything offline, from the folder', async () => {
    const all = await takeAll([mirror], true);
    expect(all.map(({ digest }) => digest)).toEqual(fetched.map((each) => each.fetched.digest));
    expect(all.map(({ trust }) => trust.how)).toEqual(['pinned-sha256', 'lock-file', 'pinned-commit', 'pinned-commit']);
    expect(all[0]?.from).toBe(join(mirror, 'linux.tar.gz'));
    expect(all[2]?.from).toMatch(/^\/.*mirror\/git\/[^/]+-upstream\.git$/);
    const out = join(scratch(), 'tree');
    await exportGitTree(all[3]?.path ?? '', all[3]?.digest ?? '', undefined, out);
    expect(readFileSync(join(out, 'kernel/crlf.txt')).equals(CONTENT['kernel/crlf.txt'] ?? Buffer.alloc(0))).toBe(true);
  });

  it.each(['plain', 'smart'] as const)('serves everything from a web server (%s)', async (kind) => {
    const files = await startGitHttp(mirror, 'plain');
    const repositories = kind === 'plain' ? files : await startGitHttp(mirror, 'smart');
    // One server for both, as nginx would be: git's paths to git.
    const all = [...(await takeAll([files.origin], false)).slice(0, 2), ...(await takeAll([repositories.origin, files.origin], false)).slice(2)];
    expect(all.map(({ digest }) => digest)).toEqual(fetched.map((each) => each.fetched.digest));
    expect(all[2]?.from).toContain(repositories.origin);
    expect(await exportGitTree(all[2]?.path ?? '', all[2]?.digest ?? '', undefined, join(scratch(), 'tree'))).toBe(Object.keys(CONTENT).length + 1);
  });

  it('is written again without harm, and grows', async () => {
    const before = readFileSync(join(mirror, 'build-kernel-mirror.json'), 'utf8');
    await mirrorInto(fetched.slice(0, 1), mirror);
    await mirrorInto(fetched.slice(2), mirror);
    expect(readFileSync(join(mirror, 'build-kernel-mirror.json'), 'utf8')).toBe(before);
  });

  it('refuses two different files of one name', async () => {
    const mine = context();
    const url = server.on('/other/fix.patch', { body: 'another patch' });
    const spec: SourceSpec = { kind: 'file', name: 'fix.patch', urls: [url] };
    const error = await failure(mirrorInto([{ spec, fetched: await fetchSource(spec, mine) }], mirror));
    expect(error).toMatchObject({ code: 'usage' });
    expect(error.why).toContain(hex('a patch'));
  });

  it('that was damaged is noticed by its index, even for files nobody pinned', async () => {
    const broken = join(scratch(), 'mirror');
    await mirrorInto(fetched, broken);
    appendFileSync(join(broken, 'fix.patch'), 'x');
    appendFileSync(join(broken, 'linux.tar.gz'), 'x');
    const ctx = context({ mirrors: [broken], offline: true });
    expect((await failure(fetchSource(specs[1] as SourceSpec, ctx))).why).toContain(hex('a patch'));
    expect((await failure(fetchSource(specs[0] as SourceSpec, ctx))).code).toBe('trust');
    // The next mirror has it.
    expect((await fetchSource(specs[0] as SourceSpec, { ...ctx, mirrors: [broken, mirror] })).from).toBe(join(mirror, 'linux.tar.gz'));
  });

  it('need not be one of ours: a folder with the files is enough', async () => {
    const plain = join(scratch(), 'plain');
    mkdirSync(plain);
    writeFileSync(join(plain, 'linux.tar.gz'), body);
    expect((await fetchSource(specs[0] as SourceSpec, context({ mirrors: [`file://${plain}`], offline: true }))).digest).toBe(sha256);
    expect((await failure(fetchSource(specs[2] as SourceSpec, context({ mirrors: [plain], offline: true })))).code).toBe('offline');
    expect(existsSync(join(plain, 'git'))).toBe(false);
  });
});
