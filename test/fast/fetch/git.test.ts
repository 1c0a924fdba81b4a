import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { fetchFromFile, fetchSource, readGitFile } from '../../../tasks/lib/fetch/index.js';
import { gitName } from '../../../tasks/lib/fetch/gitcmd.js';
import { parseGitProgress } from '../../../tasks/lib/fetch/gitprogress.js';
import type { GitSource } from '../../../tasks/lib/sources.js';
import { context, failure, scratch } from './support/context.js';
import { CONTENT, git, makeHistory, removeObject, startDaemon, startGitHttp, userGitConfig, type History } from './support/gitserver.js';

const folder = scratch();
const setUserConfig = userGitConfig(folder);
afterEach(() => vi.unstubAllEnvs());

let history: History;
let daemon: string;
let smart: string;
let plain: string;
beforeAll(async () => {
  history = makeHistory(folder);
  git(history.path, 'update-server-info');
  daemon = await startDaemon(folder);
  smart = (await startGitHttp(folder, 'smart')).origin;
  plain = (await startGitHttp(folder, 'plain')).origin;
});

const spec = (url: string, commit = history.commits[1] ?? '', branch?: string): GitSource => ({ kind: 'git', url, commit, branch });
const count = (repo: string, commit: string): number => Number(git(repo, 'rev-list', '--count', commit));

describe('a commit', () => {
  it.each(['git daemon', 'http-backend', 'a folder'])('comes by its id, without history, from %s', async (server) => {
    const url = { 'git daemon': `${daemon}/repo.git`, 'http-backend': `${smart}/repo.git`, 'a folder': history.path }[server] ?? '';
    const ctx = context();
    const fetched = await fetchSource(spec(url), ctx);
    expect(fetched).toMatchObject({ kind: 'git', digest: history.commits[1], from: url, trust: { how: 'pinned-commit' } });
    expect(count(fetched.path, fetched.digest)).toBe(1);
    // From now on nothing is needed from the server, and nothing is asked of it.
    expect((await fetchSource(spec(url), { ...ctx, offline: true })).path).toBe(fetched.path);
  });

  it('comes with its branch from a server that gives out no ids, and with everything when the branch has it not', async () => {
    // Version 0 of the protocol lets a server refuse what it does not advertise (version 2 does not).
    setUserConfig('[protocol]\nversion = 0\n');
    const url = `${daemon}/repo.git`;
    const old = await fetchSource(spec(url, history.commits[1], 'work'), context());
    expect(old.digest).toBe(history.commits[1]);
    const other = await fetchSource(spec(url, history.other, 'work'), context());
    expect(count(other.path, history.other)).toBe(2);
    expect((await fetchSource(spec(url, history.commits[0]), context())).digest).toBe(history.commits[0]);
  });

  it('comes from a plain web server, with the history such a server cannot cut off', async () => {
    const fetched = await fetchSource(spec(`${plain}/repo.git`), context());
    expect(count(fetched.path, fetched.digest)).toBe(2);
  });

  it('comes from where the user\'s git configuration says, also offline', async () => {
    setUserConfig(`[url "${folder}/"]\ninsteadOf = https://github.invalid/\n[core]\nautocrlf = true\nhooksPath = /nonexistent\n`);
    const fetched = await fetchSource(spec('https://github.invalid/repo.git'), context({ offline: true }));
    expect(fetched.from).toBe('https://github.invalid/repo.git');
  });

  it('two of them live in one repository', async () => {
    const ctx = context();
    const url = `${daemon}/repo.git`;
    const [one, two] = await Promise.all([fetchSource(spec(url, history.commits[0]), ctx), fetchSource(spec(url, history.other), ctx)]);
    expect(one?.path).toBe(two?.path);
    expect(readdirSync(join(ctx.cacheDir, 'git'))).toHaveLength(1);
  });

  it('that no place has is an error with what each place said', async () => {
    const error = await failure(fetchSource(spec(`${daemon}/repo.git`, 'f'.repeat(40), 'work'), context({ mirrors: [smart] })));
    expect(error).toMatchObject({ code: 'network' });
    expect(error.why).toContain(`does not have commit ${'f'.repeat(40)}`);
    expect(error.why).toContain(smart);
    expect((await failure(fetchSource(spec(`${smart}/none.git`), context()))).why).toContain('not found');
    expect((await failure(fetchSource(spec(`${daemon}/repo.git`), context({ offline: true })))).code).toBe('offline');
  });

  it('never asks for a password', async () => {
    const locked = await startGitHttp(folder, 'locked');
    const error = await failure(fetchSource(spec(`${locked.origin}/repo.git`), context()));
    expect(error.why).toMatch(/terminal prompts disabled|could not read Username/);
  });

  it('is given up when the server says nothing', async () => {
    const mute = createServer((socket) => void socket.on('error', () => undefined));
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
    const { port } = mute.address() as AddressInfo;
    const patience = { stallSeconds: 0.2, attempts: 2, backoffMs: 10, lockWaitMs: 1000 };
    const error = await failure(fetchSource(spec(`git://127.0.0.1:${String(port)}/repo.git`), context({ patience })));
    expect(error.why).toContain('no data for 1 s');
    mute.close();
  });

  it('comes again when the cached repository is damaged or a killed git left its locks', async () => {
    const ctx = context();
    const url = `${daemon}/repo.git`;
    const { path } = await fetchSource(spec(url), ctx);
    writeFileSync(join(path, 'shallow.lock'), '');
    writeFileSync(join(path, 'objects/pack/tmp_pack_x'), 'half');
    await fetchSource(spec(url, history.commits[2]), ctx);
    expect(existsSync(join(path, 'objects/pack/tmp_pack_x'))).toBe(false);
    removeObject(path, git(history.path, 'rev-parse', `${history.commits[1] ?? ''}:kernel/lf.c`));
    await fetchSource(spec(url), ctx);
    expect(ctx.notices.join()).toContain('damaged; fetching it again');
    expect((await readGitFile(path, history.commits[1] ?? '', 'kernel/lf.c')).equals(CONTENT['kernel/lf.c'] ?? Buffer.alloc(0))).toBe(true);
  });

  it('is not taken from a server whose copy lacks a file', async () => {
    const broken = makeHistory(folder, 'broken');
    removeObject(broken.path, git(broken.path, 'rev-parse', `${broken.commits[1] ?? ''}:kernel/crlf.txt`));
    const error = await failure(fetchSource(spec(`${daemon}/broken.git`, broken.commits[1]), context()));
    expect(['network', 'unpack']).toContain(error.code);
    const whole = await fetchSource(spec(`${daemon}/broken.git`, broken.commits[0]), context());
    expect(whole.digest).toBe(broken.commits[0]);
  });
});

describe('--source', () => {
  it('takes a clone or a bundle that has the commit', async () => {
    const url = 'https://unused.invalid/a/b';
    const ctx = context({ offline: true });
    expect((await fetchFromFile(join(folder, 'repo-work'), spec(url), ctx)).trust).toEqual({ how: 'pinned-commit' });
    const bundle = join(folder, 'repo.bundle');
    git(history.path, 'bundle', 'create', '-q', bundle, '--all');
    const fetched = await fetchFromFile(bundle, spec(url), context({ offline: true }));
    expect(fetched).toMatchObject({ digest: history.commits[1], from: bundle });
  });

  it('refuses a repository without it', async () => {
    const error = await failure(fetchFromFile(history.path, spec('https://unused.invalid/a/b', 'e'.repeat(40)), context()));
    expect(error.why).toContain('e'.repeat(40));
    const file = join(folder, 'some.tar');
    writeFileSync(file, 'x');
    expect((await failure(fetchFromFile(file, spec('https://unused.invalid/a/b'), context()))).code).toBe('network');
  });
});

describe('names and words', () => {
  it.each([
    ['https://github.com/alibaba/LVS', 'alibaba-LVS'],
    ['https://github.com/xiaomi-sa/dsnat.git', 'xiaomi-sa-dsnat'],
    ['git@github.com:jlijian3/LVS.git/', 'jlijian3-LVS'],
    ['/srv/git/kernel.git', 'git-kernel'],
    ['file:///../..', '_-..'],
  ])('%s is %s in a mirror', (url, name) => expect(gitName(url)).toBe(name));

  it('reads git\'s progress', () => {
    expect(parseGitProgress('Receiving objects:  45% (15462/34361), 47.68 MiB | 31.20 MiB/s')).toEqual({
      percent: 45,
      received: 47.68 * 1024 ** 2,
      bytesPerSecond: 31.2 * 1024 ** 2,
    });
    expect(parseGitProgress('Receiving objects: 100% (3/3), done.')?.percent).toBe(100);
    expect(parseGitProgress('Resolving deltas: 10% (1/10)')).toBeUndefined();
  });
});

describe('a big transfer', () => {
  it('reports progress', async () => {
    const work = join(folder, 'big');
    mkdirSync(work);
    execFileSync('sh', ['-c', 'git init -q . && head -c 8000000 /dev/urandom > big && git add big && git -c user.name=a -c user.email=a@b commit -q -m big'], { cwd: work });
    const commit = git(work, 'rev-parse', 'HEAD');
    const seen: number[] = [];
    await fetchSource(spec(work, commit), context({ progress: ({ received }) => seen.push(received) }));
    expect(Math.max(...seen)).toBeGreaterThan(7_000_000);
  });
});
