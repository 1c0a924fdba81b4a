import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../../tasks/lib/exec.js';
import { fetchFromFile, fetchSource } from '../../../tasks/lib/fetch/index.js';
import { context, failure, sample, scratch } from './support/context.js';
import { FaultServer } from './support/httpserver.js';

/** A disk that is really full: a tmpfs of 1 MiB, for which one has to be root. */

const folder = join(scratch(), 'small');
mkdirSync(folder);
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]).status === 0;
afterAll(() => {
  if (mounted) spawnSync('umount', [folder]);
});

describe.skipIf(!mounted)(`a full disk${mounted ? '' : ' (left out: mounting a small tmpfs needs root)'}`, () => {
  let server: FaultServer;
  beforeAll(async () => {
    server = await FaultServer.start();
  });
  const { body, sha256 } = sample(3_000_000);
  const spec = (url: string) => ({ kind: 'file' as const, name: 'big', urls: [url], sha256 });

  it('is seen before the download when the server says how much will come', async () => {
    const url = server.on('/known', { body });
    const error = await failure(fetchSource(spec(url), context({ cacheDir: join(folder, 'a') })));
    expect(error).toMatchObject({ code: 'space', exitStatus: 13 });
    expect(error.why ?? error.what).toMatch(/3 MiB are needed/);
  });

  it('is reported when it comes in the middle; what is there is kept and used once there is space', async () => {
    const url = server.on('/unknown', { body, noLength: true });
    const cacheDir = join(folder, 'b');
    const ctx = context({ cacheDir });
    const error = await failure(fetchSource(spec(url), ctx));
    expect(error).toMatchObject({ code: 'space', exitStatus: 13 });
    expect(error.fix).toContain('cache --prune');
    expect(readdirSync(join(cacheDir, 'downloads', 'partial')).some((name) => name.endsWith('.part'))).toBe(true);
    spawnSync('mount', ['-o', 'remount,size=16m', folder]);
    expect((await fetchSource(spec(url), ctx)).digest).toBe(sha256);
    expect(server.requests('/unknown').at(-1)?.headers.range).toMatch(/^bytes=[1-9]/);
  });

  it('is reported when it is a program\'s output that does not fit', async () => {
    const file = join(folder, 'd');
    const error = await failure(run(['head', '-c', '20000000', '/dev/zero'], { stdoutFile: file }));
    rmSync(file);
    expect(error).toMatchObject({ code: 'space', what: 'No space left on device while running head.' });
  });

  it('is reported for a file the user brings, too', async () => {
    const mine = join(scratch(), 'mine');
    writeFileSync(mine, sample(20_000_000).body);
    const error = await failure(fetchFromFile(mine, { kind: 'file', name: 'x', urls: ['http://unused.invalid/'] }, context({ cacheDir: join(folder, 'c') })));
    expect(error.code).toBe('space');
    expect(readdirSync(join(folder, 'c', 'downloads', 'partial'))).toEqual([]);
  });
});
