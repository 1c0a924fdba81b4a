import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rewriteDeb822, rewriteOneLine } from '../../../tasks/lib/fetch/aptsources.js';
import { parseUris, prepareState, update } from '../../../tasks/lib/fetch/aptstate.js';
import { cacheVerify, fetchFromFile, fetchSource, mirrorInto } from '../../../tasks/lib/fetch/index.js';
import type { AptSource } from '../../../tasks/lib/sources.js';
import { AptArchive, aptMissing } from './support/aptrepo.js';
import { context, failure, hex, scratch, type TestContext } from './support/context.js';
import { startGitHttp } from './support/gitserver.js';

const demo: AptSource = { kind: 'apt', package: 'demo', source: false };
const demoSource: AptSource = { ...demo, source: true };

describe.skipIf(aptMissing !== undefined)(`packages of the distribution, with real apt${aptMissing === undefined ? '' : ` (left out: ${aptMissing})`}`, () => {
  const folder = scratch();
  const root = join(folder, 'archive');
  mkdirSync(root);
  let archive: AptArchive;
  let server: { origin: string; seen: string[] };
  let etc: string;
  beforeAll(async () => {
    archive = new AptArchive(root, folder);
    server = await startGitHttp(root, 'plain');
    etc = join(folder, 'etc');
    mkdirSync(join(etc, 'sources.list.d'), { recursive: true });
    // As most hosts: binary packages only.
    writeFileSync(
      join(etc, 'sources.list.d/demo.sources'),
      `# a comment\nTypes: deb\nURIs: ${server.origin}\nSuites: stable\nComponents: main\nSigned-By: ${archive.keyFile}\n`,
    );
  });
  afterAll(() => archive.stopAgent());
  const host = (options = {}): TestContext => context({ aptEtc: etc, ...options });

  it('come as a file or as source, from sources the host has not switched on', async () => {
    archive.publish('1-1');
    const ctx = host();
    const binary = await fetchSource(demo, ctx);
    expect(binary).toMatchObject({ kind: 'apt', name: 'demo_1-1_all.deb', trust: { how: 'apt' } });
    expect(hex(readFileSync(binary.path))).toBe(binary.digest);
    const source = await fetchSource(demoSource, ctx);
    expect(source).toMatchObject({ name: 'demo_1-1.dsc', trust: { how: 'apt' }, from: `${server.origin}/pool/demo_1-1.dsc` });
    expect(readdirSync(source.path).sort()).toEqual(['demo_1-1.dsc', 'demo_1.orig.tar.gz']);
    expect(readdirSync(join(etc, 'sources.list.d'))).toEqual(['demo.sources']);
    expect(readFileSync(join(etc, 'sources.list.d/demo.sources'), 'utf8')).toContain('Types: deb\n');
    const before = server.seen.length;
    expect((await fetchSource(demo, ctx)).path).toBe(binary.path);
    expect((await fetchSource(demoSource, { ...ctx, offline: true })).path).toBe(source.path);
    expect(server.seen.length).toBe(before);
  });

  it('are hashed again by cache --verify', async () => {
    archive.publish('1-1');
    const ctx = host();
    const { path } = await fetchSource(demo, ctx);
    expect(await cacheVerify(ctx.cacheDir)).toEqual([]);
    const bytes = readFileSync(path);
    bytes[bytes.length - 1] = 1;
    writeFileSync(path, bytes);
    expect((await cacheVerify(ctx.cacheDir)).map(({ name }) => name)).toEqual(['demo 1-1']);
  });

  it('a disk that is full before the indexes are there is called full', async () => {
    archive.publish('1-1');
    const small = join(scratch(), 'small');
    mkdirSync(small);
    if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', small]).status !== 0) return;
    try {
      const ctx = host({ cacheDir: small });
      const state = await prepareState(ctx, 'deb');
      const { bavail, bsize } = statfsSync(small);
      writeFileSync(join(small, 'filler'), Buffer.alloc(bavail * bsize));
      const error = await failure(update(ctx, state));
      expect(error).toMatchObject({ code: 'space', what: expect.stringContaining("for apt's indexes") as string });
    } finally {
      spawnSync('umount', [small]);
    }
  });

  it('come in the version that the archive has now', async () => {
    archive.publish('1-1');
    const ctx = host();
    await fetchSource(demo, ctx);
    archive.publish('1-2');
    // The index in hand still names 1-1, which the archive no longer has; another cache entry is not touched.
    const other = host({ cacheDir: join(scratch(), 'cache') });
    expect((await fetchSource(demo, other)).name).toBe('demo_1-2_all.deb');
    const stale = await fetchSource(demo, ctx);
    expect(stale.name).toBe('demo_1-1_all.deb');
    writeFileSync(stale.path, 'damaged');
    expect((await fetchSource(demo, ctx)).name).toBe('demo_1-2_all.deb');
    expect(ctx.notices.join('\n')).toContain('damaged');
  });

  it('are not taken from an archive whose signature is wrong', async () => {
    archive.publish('1-1');
    const bad = join(folder, 'bad-etc');
    mkdirSync(bad, { recursive: true });
    writeFileSync(join(folder, 'wrong.gpg'), '');
    writeFileSync(join(bad, 'sources.list'), `deb [signed-by=${join(folder, 'wrong.gpg')}] ${server.origin} stable main\n`);
    const ctx = host({ aptEtc: bad });
    expect((await failure(fetchSource(demo, ctx))).what).toContain('apt has no package demo');
    expect(ctx.notices.join('\n')).toMatch(/not signed|NO_PUBKEY|couldn't be verified/);
  });

  it('travel in a mirror folder, checked on arrival, trusted by the lock file', async () => {
    archive.publish('1-1');
    const ctx = host();
    const got = [
      { spec: demo, fetched: await fetchSource(demo, ctx) },
      { spec: demoSource, fetched: await fetchSource(demoSource, ctx) },
    ];
    const mirror = join(scratch(), 'mirror');
    await mirrorInto(got, mirror);
    const away = host({ offline: true, mirrors: [mirror], lockFile: ctx.lockFile });
    for (const { spec, fetched } of got) {
      expect(await fetchSource(spec, away)).toMatchObject({ digest: fetched.digest, from: mirror, trust: { how: 'lock-file' } });
    }
    const stranger = host({ offline: true, mirrors: [`file://${mirror}`] });
    expect((await fetchSource(demo, stranger)).trust).toEqual({ how: 'first-seen' });
    expect((await fetchSource(demo, stranger)).trust).toMatchObject({ how: 'lock-file' });
    writeFileSync(join(mirror, 'apt/bin/demo/1-1/demo_1-1_all.deb'), 'damaged');
    const last = host({ offline: true, mirrors: [mirror] });
    expect((await failure(fetchSource(demo, last))).code).toBe('offline');
    expect(last.notices.join()).toContain('damaged');
  });

  it('that do not exist, or a host without sources, are errors that say what to do', async () => {
    expect((await failure(fetchSource({ ...demo, package: 'nosuch' }, host()))).fix).toContain('apt-cache search');
    expect((await failure(fetchSource(demo, host({ aptEtc: scratch() })))).what).toContain('no apt sources');
    expect((await failure(fetchSource(demo, host({ offline: true })))).code).toBe('offline');
  });

  it('may be brought as a file', async () => {
    const deb = join(folder, 'mine_1_all.deb');
    writeFileSync(deb, 'deb');
    const fetched = await fetchFromFile(deb, demo, host());
    expect(fetched).toMatchObject({ name: 'mine_1_all.deb', trust: { how: 'user-file' } });
    expect(existsSync(fetched.path)).toBe(true);
    expect((await failure(fetchFromFile(deb, demoSource, host()))).code).toBe('usage');
  });
});

describe('sources of the host', () => {
  it('in one line each', () => {
    const text = '# deb http://off stable main\ndeb  [arch=amd64 signed-by=/k.gpg] http://a stable  main contrib # why\ndeb-src http://b stable main\ndeb http://b stable main\n\n';
    expect(rewriteOneLine(text, 'deb-src')).toBe('deb-src [arch=amd64 signed-by=/k.gpg] http://a stable main contrib\ndeb-src http://b stable main\n');
    expect(rewriteOneLine('# nothing\n', 'deb')).toBe('');
  });

  it('in deb822 stanzas, with comments, continued fields and keys inside', () => {
    const text = [
      '# Debian',
      'Types: deb',
      '  deb-src',
      'URIs: http://a',
      'Suites: stable',
      'Signed-By:',
      ' -----BEGIN PGP PUBLIC KEY BLOCK-----',
      ' .',
      ' xyz',
      ' -----END PGP PUBLIC KEY BLOCK-----',
      '',
      'Enabled: no',
      'Types: deb',
      'URIs: http://off',
      '',
      'types: deb',
      'URIs: http://b',
      '',
    ].join('\n');
    const out = rewriteDeb822(text, 'deb-src');
    expect(out.match(/^Types: deb-src$/gm)).toHaveLength(2);
    expect(out).not.toContain('  deb-src');
    expect(out).not.toContain('http://off');
    expect(out).toContain('Signed-By:\n -----BEGIN');
  });

  it('names files as apt prints them', () => {
    const line = "'http://a/pool/l/linux/linux_6.1.dsc' linux_6.1.dsc 1721 SHA256:75296f5ef618ae2f1849e22b142a2b5ab52c452ebefa4e7b0564c44617db3790";
    expect(parseUris(`Reading package lists...\n${line}\n'http://a/x_1%3a2_all.deb' x_1%3a2_all.deb 5 \n`)).toEqual([
      { uri: 'http://a/pool/l/linux/linux_6.1.dsc', name: 'linux_6.1.dsc', size: 1721, sha256: '75296f5ef618ae2f1849e22b142a2b5ab52c452ebefa4e7b0564c44617db3790' },
      { uri: 'http://a/x_1%3a2_all.deb', name: 'x_1%3a2_all.deb', size: 5, sha256: undefined },
    ]);
  });
});
