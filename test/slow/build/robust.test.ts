import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, scratch, startCli } from '../../support/cli.js';
import { marked, until } from '../../support/processes.js';
import { sha256Of, shapeData, type ShapeData } from '../../support/shape-flavour.js';

/** Nothing is lost, whatever ends a build: signals, kill -9, a full disk, a second build, no network. */

const dir = scratch('robust');
let data: ShapeData;
const env = (more: Record<string, string> = {}): Record<string, string> => ({ BUILD_KERNEL_FLAVOURS: data.folder, ...more });
const ARGS = ['shape', '--tools', 'none', '--no-packages', '--no-ccache', '--jobs', '2'];
const TARBALL = 'shape/kernel-2.6.32-1.el6.shape.tar.gz';

const running = (mark: string): number => marked('BK_TEST', mark).length;
/** For DELAY, which make puts into `sleep $(DELAY)`: every object is compiled when this file is there. */
const gate = (path: string): string => `0; until [ -e ${path} ]; do sleep 0.05; done`;

beforeAll(async () => {
  data = shapeData(dir);
  const clean = await cli([...ARGS, '--work', 'clean', '--out', 'clean-out'], { cwd: dir, env: env() });
  expect(clean.stderr).toContain('compile kernel and modules: done');
});
const cleanDigest = (): string => sha256Of(readFileSync(join(dir, 'clean-out', TARBALL)));

describe('a build that is stopped', () => {
  it('by Ctrl-C in the middle of make leaves no process, says so, and goes on later', async () => {
    const child = startCli([...ARGS, '--work', 'int', '--out', 'int-out'], { cwd: dir, env: env({ DELAY: gate(join(dir, 'never')), BK_TEST: 'int' }) });
    // The program, make, and a compiler's shell at least.
    expect(await until(() => existsSync(join(dir, 'int/shape/obj/kernel')) && running('int') > 2)).toBe(true);
    child.kill('SIGINT');
    const { exitCode, stderr } = await child;
    expect(exitCode).toBe(130);
    expect(String(stderr)).toContain('Stopped by SIGINT');
    expect(await until(() => running('int') === 0)).toBe(true);
    const after = await cli([...ARGS, '--work', 'int', '--out', 'int-out'], { cwd: dir, env: env() });
    expect(after.status).toBe(0);
    expect(sha256Of(readFileSync(join(dir, 'int-out', TARBALL)))).toBe(cleanDigest());
  });

  it('by kill -9 at twenty random moments still ends with the same bytes, and no orphan goes on', async () => {
    const environment = env({ DELAY: '0.3', BK_TEST: 'kill' });
    // A fixed sequence: a failure can be repeated. Milliseconds.
    let seed = 20261120;
    const random = (limit: number): number => (seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648) % limit;
    let finished = 0;
    for (let round = 0; round < 20; round += 1) {
      const child = startCli([...ARGS, '--work', 'kill', '--out', 'kill-out', '--cache', 'kill-cache'], { cwd: dir, env: environment });
      await Promise.race([child, sleep(random(4500))]);
      if (child.exitCode === 0) finished += 1;
      child.kill('SIGKILL');
      await child;
    }
    expect(finished).toBeLessThan(20);
    const last = await cli([...ARGS, '--work', 'kill', '--out', 'kill-out', '--cache', 'kill-cache'], { cwd: dir, env: environment });
    expect(last.stderr).not.toContain('error');
    expect(last.status).toBe(0);
    expect(await until(() => running('kill') === 0)).toBe(true);
    expect(sha256Of(readFileSync(join(dir, 'kill-out', TARBALL)))).toBe(cleanDigest());
  });
});

describe('two builds', () => {
  it('in one work folder: the second is told who has it, the first is not disturbed', async () => {
    const first = startCli([...ARGS, '--work', 'both', '--out', 'both-out'], { cwd: dir, env: env({ DELAY: gate(join(dir, 'go')) }) });
    expect(await until(() => existsSync(join(dir, 'both/shape/lock')))).toBe(true);
    const second = await cli([...ARGS, '--work', 'both', '--out', 'both-out', '--json'], { cwd: dir, env: env() });
    expect(second.status).toBe(12);
    expect(second.json).toMatchObject({ error: { code: 'busy', what: expect.stringContaining(`process ${String(first.pid)}`) as unknown } });
    writeFileSync(join(dir, 'go'), '');
    expect((await first).exitCode).toBe(0);
  });

  it('of different flavours share the cache at the same time', async () => {
    const both = ['shape', 'shape-plain'].map((flavour) =>
      cli([flavour, '--tools', 'none', '--no-packages', '--no-ccache', '--work', 'side', '--out', 'side-out', '--cache', 'side-cache'], { cwd: dir, env: env() }),
    );
    for (const result of await Promise.all(both)) expect(result.status).toBe(0);
  });
});

describe.skipIf(process.getuid?.() !== 0)('as root', () => {
  it('a full disk is named, and after making room the build goes on', async () => {
    const mount = join(dir, 'small');
    mkdirSync(mount);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=120k', 'tmpfs', mount]);
    try {
      const full = await cli([...ARGS, '--work', mount, '--out', 'small-out', '--json'], { cwd: dir, env: env() });
      expect(full.status).toBe(13);
      expect(full.json).toMatchObject({ error: { code: 'space', what: expect.stringContaining('No space left') as unknown } });
      execFileSync('mount', ['-o', 'remount,size=50m', mount]);
      const after = await cli([...ARGS, '--work', mount, '--out', 'small-out'], { cwd: dir, env: env() });
      expect(after.status).toBe(0);
      expect(sha256Of(readFileSync(join(dir, 'small-out', TARBALL)))).toBe(cleanDigest());
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it('--offline builds from a mirror folder in a network namespace without interfaces', async () => {
    const fetched = await cli(['fetch', 'shape', '--into', 'mirror'], { cwd: dir, env: env() });
    expect(fetched.status).toBe(0);
    const output = execFileSync(
      'unshare',
      ['-n', process.execPath, join(import.meta.dirname, '../../../dist/cli.js'), ...ARGS, '--work', 'off', '--out', 'off-out', '--cache', 'off-cache', '--offline', '--mirror', 'mirror', '--json'],
      { cwd: dir, env: { ...process.env, ...env() } },
    );
    expect(JSON.parse(output.toString())).toMatchObject({ release: '2.6.32-1.el6.shape' });
    expect(sha256Of(readFileSync(join(dir, 'off-out', TARBALL)))).toBe(cleanDigest());
  });
});
