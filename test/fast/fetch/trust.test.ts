import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fetchFromFile, fetchSource } from '../../../tasks/lib/fetch/index.js';
import type { FileSource } from '../../../tasks/lib/sources.js';
import { context, failure, sample, scratch } from './support/context.js';
import { FaultServer } from './support/httpserver.js';

let server: FaultServer;
beforeAll(async () => {
  server = await FaultServer.start();
});
const spec = (url: string, sha256?: string): FileSource => ({ kind: 'file', name: 'fix.patch', urls: [url], sha256 });

describe('a file nobody published a digest of', () => {
  it('is remembered at first sight and recognised later, by another cache too', async () => {
    const { body, sha256 } = sample(1000);
    const url = server.on('/first', { body });
    const ctx = context();
    const day = (): string => new Date().toISOString().slice(0, 10);
    const before = day();
    expect((await fetchSource(spec(url), ctx)).trust).toEqual({ how: 'first-seen' });
    // Midnight may have come meanwhile.
    const today = readFileSync(ctx.lockFile, 'utf8').includes(before) ? before : day();
    expect(JSON.parse(readFileSync(ctx.lockFile, 'utf8'))).toEqual({ [url]: { sha256, firstSeen: today } });
    expect((await fetchSource(spec(url), ctx)).trust).toEqual({ how: 'lock-file', firstSeen: today });
    expect((await fetchSource(spec(url), context({ lockFile: ctx.lockFile }))).trust).toEqual({ how: 'lock-file', firstSeen: today });
  });

  it('is refused when it changed, naming both digests and the line of the lock', async () => {
    const old = sample(1000);
    const now = sample(1000);
    const url = server.on('/changed', { body: old.body }, { body: now.body });
    const ctx = context();
    await fetchSource(spec('file:///dev/null'), ctx);
    await fetchSource(spec(url), ctx);
    const error = await failure(fetchSource(spec(url), context({ lockFile: ctx.lockFile })));
    expect(error.code).toBe('trust');
    expect(error.why).toContain(old.sha256);
    expect(error.why).toContain(now.sha256);
    const line = readFileSync(ctx.lockFile, 'utf8').split('\n').findIndex((each) => each.includes(url)) + 1;
    expect(error.why).toContain(`${ctx.lockFile}:${String(line)}`);
    // The user decides for the new one, as the message says.
    writeFileSync(ctx.lockFile, '{}');
    expect((await fetchSource(spec(url), context({ lockFile: ctx.lockFile }))).digest).toBe(now.sha256);
  });

  it('is not looked at anew when the lock file is damaged', async () => {
    const ctx = context();
    writeFileSync(ctx.lockFile, '{"half":');
    const error = await failure(fetchSource(spec(server.on('/x', { body: 'x' })), ctx));
    expect(error).toMatchObject({ code: 'trust' });
    expect(error.what).toContain(ctx.lockFile);
    expect(readFileSync(ctx.lockFile, 'utf8')).toBe('{"half":');
  });
});

describe('the cache', () => {
  it.each([
    ['changed', (path: string) => writeFileSync(path, 'something else')],
    ['cut short', (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 10))],
  ])('notices a file that was %s, says so, and fetches it again', async (_how, damage) => {
    const { body, sha256 } = sample(1000);
    const url = server.on('/again', { body });
    const ctx = context();
    const { path } = await fetchSource(spec(url, sha256), ctx);
    chmodSync(path, 0o644);
    damage(path);
    await fetchSource(spec(url, sha256), ctx);
    expect(ctx.notices.join()).toContain('damaged; fetching it again');
    expect(readFileSync(path)).toEqual(body);
  });

  it('serves offline, and an offline run without it says what to do and opens no socket', async () => {
    const { body, sha256 } = sample(1000);
    const url = server.on('/offline', { body });
    const ctx = context();
    await fetchSource(spec(url, sha256), ctx);
    expect((await fetchSource(spec(url, sha256), { ...ctx, offline: true })).digest).toBe(sha256);
    const before = server.seen.length;
    const error = await failure(fetchSource(spec(url, sha256), context({ offline: true, mirrors: [server.origin] })));
    expect(error).toMatchObject({ code: 'offline', exitStatus: 4 });
    expect(error.fix).toContain('--mirror');
    expect(server.seen.length).toBe(before);
  });
});

describe('--source FILE', () => {
  it('must be the pinned file', async () => {
    const { body, sha256 } = sample(1000);
    const file = join(scratch(), 'mine.tar');
    writeFileSync(file, body);
    const ctx = context({ offline: true });
    const fetched = await fetchFromFile(file, spec('http://unused.invalid/x', sha256), ctx);
    expect(fetched).toMatchObject({ digest: sha256, from: file, trust: { how: 'pinned-sha256' } });
    // A copy: the user's own file stays theirs to edit.
    writeFileSync(file, 'edited');
    expect(readFileSync(fetched.path)).toEqual(body);
    const error = await failure(fetchFromFile(file, spec('http://unused.invalid/x', sha256), ctx));
    expect(error.code).toBe('trust');
  });

  it('is taken on the user\'s word when nothing is pinned, and leaves the lock alone', async () => {
    const file = join(scratch(), 'mine.tar');
    writeFileSync(file, 'mine');
    const ctx = context();
    expect((await fetchFromFile(file, spec('http://unused.invalid/x'), ctx)).trust).toEqual({ how: 'user-file' });
    expect(() => readFileSync(ctx.lockFile)).toThrow();
    expect((await failure(fetchFromFile('/no/such/file', spec('http://unused.invalid/x'), ctx))).code).toBe('usage');
  });
});
