import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fetchSource, type FetchProgress } from '../../../tasks/lib/fetch/index.js';
import { partPath } from '../../../tasks/lib/fetch/download.js';
import type { FileSource } from '../../../tasks/lib/sources.js';
import { context, failure, hex, sample, scratch, STALLS } from './support/context.js';
import { FaultServer } from './support/httpserver.js';

let server: FaultServer;
beforeAll(async () => {
  server = await FaultServer.start();
});

const spec = (urls: string[], sha256?: string): FileSource => ({ kind: 'file', name: 'linux.tar.bz2', urls, sha256 });
const partial = (cacheDir: string): string[] => (existsSync(join(cacheDir, 'downloads/partial')) ? readdirSync(join(cacheDir, 'downloads/partial')) : []);

describe('http', () => {
  it('downloads, checks the digest, reports progress, and asks nobody the second time', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/plain', { body, slow: 20 });
    const seen: FetchProgress[] = [];
    const ctx = context({ progress: (progress) => seen.push(progress) });
    const fetched = await fetchSource(spec([url], sha256), ctx);
    expect(fetched).toMatchObject({ kind: 'file', name: 'linux.tar.bz2', digest: sha256, from: url, trust: { how: 'pinned-sha256' } });
    expect(fetched.path).toBe(join(ctx.cacheDir, 'downloads/sha256', sha256.slice(0, 2), sha256));
    expect(hex(readFileSync(fetched.path))).toBe(sha256);
    expect(partial(ctx.cacheDir)).toEqual([]);
    expect(seen.at(-1)).toMatchObject({ name: 'linux.tar.bz2', received: body.length, total: body.length });
    expect(seen.some(({ bytesPerSecond, etaSeconds }) => bytesPerSecond > 0 && etaSeconds !== undefined)).toBe(true);
    expect((await fetchSource(spec([url], sha256), ctx)).path).toBe(fetched.path);
    expect(server.requests('/plain')).toHaveLength(1);
  });

  it('goes on where a server broke off, and only while the file is the same', async () => {
    const { body, sha256 } = sample();
    const headers = { etag: '"v1"' };
    const url = server.on('/breaks', { body, headers, breakAfter: 400_000 }, { body, headers, breakAfter: 500_000 }, { body, headers });
    const fetched = await fetchSource(spec([url], sha256), context());
    expect(hex(readFileSync(fetched.path))).toBe(sha256);
    const ranges = server.requests('/breaks').map(({ headers: sent }) => [sent.range, sent['if-range']]);
    expect(ranges).toEqual([[undefined, undefined], ['bytes=400000-', '"v1"'], ['bytes=900000-', '"v1"']]);
  });

  it.each([1, 20_000, 100_000])('keeps what came before a server broke off, to the last byte: %i', async (came) => {
    const { body, sha256 } = sample(300_000);
    const url = server.on(`/breaks${String(came)}`, { body, breakAfter: came }, { status: 404 });
    const ctx = context();
    expect((await failure(fetchSource(spec([url], sha256), ctx))).code).toBe('network');
    const part = partial(ctx.cacheDir).find((name) => name.endsWith('.part')) ?? '';
    expect(readFileSync(join(ctx.cacheDir, 'downloads/partial', part)).equals(body.subarray(0, came))).toBe(true);
    server.on(`/breaks${String(came)}`, { body });
    expect((await fetchSource(spec([url], sha256), ctx)).digest).toBe(sha256);
    expect(server.requests(`/breaks${String(came)}`).at(-1)?.headers.range).toBe(`bytes=${String(came)}-`);
  });

  it('starts from zero when the file changed between two attempts', async () => {
    const old = sample();
    const { body, sha256 } = sample();
    const url = server.on('/changes', { body: old.body, headers: { etag: '"v1"' }, breakAfter: 400_000 }, { body, headers: { etag: '"v2"' } });
    expect((await fetchSource(spec([url]), context())).digest).toBe(sha256);
  });

  it('starts from zero when the server ignores Range', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/norange', { body, breakAfter: 700_000 }, { body, ignoreRange: true });
    expect((await fetchSource(spec([url], sha256), context())).digest).toBe(sha256);
  });

  it('takes up the part of an earlier run, from another mirror too when the digest is pinned', async () => {
    const { body, sha256 } = sample();
    const broken = server.on('/first', { body, breakAfter: 600_000 }, { status: 404 });
    const ctx = context();
    expect((await failure(fetchSource(spec([broken], sha256), ctx))).code).toBe('network');
    expect(partial(ctx.cacheDir)).toHaveLength(2);
    const other = server.on('/second', { body });
    await fetchSource(spec([broken, other], sha256), ctx);
    expect(server.requests('/second')[0]?.headers.range).toMatch(/^bytes=[1-9]/);
  });

  it('finds out that a part was damaged, and fetches everything again from the same place', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/damagedpart', { body });
    const ctx = context();
    const part = partPath(ctx.cacheDir, { name: 'linux.tar.bz2', key: url });
    mkdirSync(join(ctx.cacheDir, 'downloads/partial'), { recursive: true });
    writeFileSync(part, Buffer.alloc(500_000));
    writeFileSync(`${part}.json`, JSON.stringify({ url, total: body.length }));
    expect((await fetchSource(spec([url], sha256), ctx)).digest).toBe(sha256);
    expect(server.requests('/damagedpart').map(({ headers }) => headers.range)).toEqual(['bytes=500000-', undefined]);
  });

  it('does not download again what is whole already', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/whole', { body });
    const ctx = context();
    const part = partPath(ctx.cacheDir, { name: 'linux.tar.bz2', key: url });
    mkdirSync(join(ctx.cacheDir, 'downloads/partial'), { recursive: true });
    writeFileSync(part, body);
    writeFileSync(`${part}.json`, JSON.stringify({ url }));
    expect((await fetchSource(spec([url], sha256), ctx)).digest).toBe(sha256);
    expect(server.requests('/whole')).toHaveLength(1);
  });

  it('notices a truncated answer', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/truncated', { body: body.subarray(0, 300_000), claimLength: body.length, breakAfter: 300_000 }, { status: 404 });
    const error = await failure(fetchSource(spec([url], sha256), context()));
    expect(error.code).toBe('network');
    expect(error.fix).toContain('goes on from there');
  });

  it('gives up on a server that stalls, keeps what came, and goes on from there', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/stalls', { body, stallAfter: 200_000 }, { body });
    const ctx = context({ patience: STALLS });
    expect((await fetchSource(spec([url], sha256), ctx)).digest).toBe(sha256);
    expect(server.requests('/stalls')[1]?.headers.range).toBe('bytes=200000-');
    expect(readFileSync(ctx.log?.path ?? '', 'utf8')).toContain('no data for 3 s');
  });

  it('ends after a bounded number of attempts that bring nothing', async () => {
    const url = server.on('/always503', { status: 503 });
    const error = await failure(fetchSource(spec([url]), context()));
    expect(error.code).toBe('network');
    expect(error.why).toContain('HTTP 503');
    expect(server.requests('/always503')).toHaveLength(3);
  });

  it('waits as long as Retry-After says, up to a limit', async () => {
    const { body, sha256 } = sample(1000);
    const busy = server.on('/busy', { status: 429, headers: { 'retry-after': '1' } }, { body });
    const started = Date.now();
    await fetchSource(spec([busy], sha256), context());
    expect(Date.now() - started).toBeGreaterThanOrEqual(1000);
    const tooBusy = server.on('/toobusy', { status: 503, headers: { 'retry-after': '3600' } });
    const other = server.on('/notbusy', { body });
    expect((await fetchSource(spec([tooBusy, other], sha256), context())).from).toBe(other);
    expect(server.requests('/toobusy')).toHaveLength(1);
  });

  it('follows redirects, but not for ever', async () => {
    const { body, sha256 } = sample(1000);
    const target = server.on('/target', { body });
    const url = server.on('/moved', { status: 302, headers: { location: target } });
    expect((await fetchSource(spec([url], sha256), context())).digest).toBe(sha256);
    const loop = server.on('/loop', { status: 302, headers: { location: '/loop' } });
    expect((await failure(fetchSource(spec([loop]), context()))).why).toContain('redirects');
  });

  it.each([
    ['404', { status: 404 }],
    ['403', { status: 403 }],
    ['a web page instead of the file', { body: '\n<!DOCTYPE html>\n<html><title>Sign in</title></html>', headers: { 'content-type': 'text/html' } }],
  ])('goes on to the next place after %s', async (_name, answer) => {
    const { body, sha256 } = sample(1000);
    const bad = server.on('/bad', answer);
    const good = server.on('/good', { body });
    const ctx = context();
    expect(await fetchSource(spec([bad, good]), ctx)).toMatchObject({ digest: sha256, from: good });
    expect(ctx.notices[0]).toContain('Trying the next place.');
  });

  it('goes on after a server that cannot be reached or found', async () => {
    const { body, sha256 } = sample(1000);
    const good = server.on('/reachable', { body });
    expect((await fetchSource(spec(['http://127.0.0.1:1/x', 'http://no-such-host.invalid/x', good], sha256), context())).from).toBe(good);
  });

  it('refuses a flipped bit, keeps it aside, and takes the file from the next mirror', async () => {
    const { body, sha256 } = sample();
    const flipped = Buffer.from(body);
    flipped[777_777] = (flipped[777_777] ?? 0) ^ 1;
    const bad = server.on('/flipped', { body: flipped });
    const ctx = context();
    const error = await failure(fetchSource(spec([bad], sha256), ctx));
    expect(error).toMatchObject({ code: 'trust', exitStatus: 5 });
    expect(error.why).toContain(`expected sha256 ${sha256}`);
    expect(error.why).toContain(`got      sha256 ${hex(flipped)}`);
    expect(partial(ctx.cacheDir)).toEqual([expect.stringMatching(/\.rejected$/)]);
    const good = server.on('/unflipped', { body });
    expect((await fetchSource(spec([bad, good], sha256), ctx)).from).toBe(good);
    expect(partial(ctx.cacheDir)).toEqual([]);
  });

  it('keeps what the server compressed as it is', async () => {
    const { body, sha256 } = sample(1000);
    const url = server.on('/encoded', { body, headers: { 'content-encoding': 'gzip' } });
    expect((await fetchSource(spec([url], sha256), context())).digest).toBe(sha256);
  });

  it('shows and stores no credentials', async () => {
    const { body, sha256 } = sample(1000);
    const url = server.on('/secret', { body }).replace('http://', 'http://me:hunter2@');
    const ctx = context();
    const fetched = await fetchSource(spec([url], sha256), ctx);
    expect(fetched.from).not.toContain('hunter2');
    expect(server.requests('/secret')[0]?.headers.authorization).toMatch(/^Basic /);
    const bad = server.on('/secret404', { status: 404 }).replace('http://', 'http://me:hunter2@');
    expect(JSON.stringify(await failure(fetchSource(spec([bad]), ctx)))).not.toContain('hunter2');
    expect(readFileSync(ctx.log?.path ?? '', 'utf8')).not.toContain('hunter2');
  });
});

describe('https', () => {
  let tls: FaultServer;
  let certificate: string;
  beforeAll(async () => {
    const folder = scratch();
    certificate = join(folder, 'cert.pem');
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', join(folder, 'key.pem'), '-out', certificate, ...subject], { stdio: 'ignore' });
    tls = await FaultServer.start({ key: readFileSync(join(folder, 'key.pem'), 'utf8'), cert: readFileSync(certificate, 'utf8') });
  });

  it('refuses a certificate nobody vouches for, and takes one that SSL_CERT_FILE names', async () => {
    const { body, sha256 } = sample(1000);
    const url = tls.on('/file', { body });
    expect((await failure(fetchSource(spec([url], sha256), context()))).why).toMatch(/self-signed certificate/);
    process.env['SSL_CERT_FILE'] = certificate;
    try {
      expect((await fetchSource(spec([url], sha256), context())).from).toBe(url);
      const away = tls.on('/away', { status: 302, headers: { location: server.on('/insecure', { body }) } });
      // Down to http only when a digest will show what came.
      expect((await failure(fetchSource(spec([away]), context()))).why).toContain('redirects from https to http:');
      expect((await fetchSource(spec([away], sha256), context())).digest).toBe(sha256);
    } finally {
      delete process.env['SSL_CERT_FILE'];
    }
  });
});
