import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { carryOut, status, takeBack, writeBundle, type Bundle } from '../../../../tasks/provision/run/index.js';
import { operationsOf } from '../../../../tasks/provision/run/operations.js';
import type { Change, Target } from '../../../../tasks/provision/types.js';
import { folderTarget } from '../../../../tasks/provision/target/index.js';
import { changes, input, plan } from '../engine/support.js';

let scratch: string;
let root: string;
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'bk-run-'));
  root = join(scratch, 'root');
  mkdirSync(join(root, 'etc'), { recursive: true });
});
afterEach(() => {
  rmSync(scratch, { recursive: true, force: true });
});

const created = (): Change[] => changes().filter(({ action, path }) => action === 'create' && !path.includes('rc3.d'));
const bundle = (list = created()): Promise<Bundle> => writeBundle(input({ plan: plan(list) }), mkdtempSync(join(scratch, 'b-')) + '/b');

/** A target that forgets its connection after so many files. */
function cutting(target: Target, puts: number): Target & { sent: string[] } {
  const sent: string[] = [];
  return {
    ...target,
    sent,
    put: async (path, data, mode) => {
      if (sent.length >= puts) throw new ExpectedError({ code: 'network', what: 'cut' });
      await target.put(path, data, mode);
      sent.push(path);
    },
  };
}

describe('a run on a folder', () => {
  it('is carried out, confirmed and taken back', async () => {
    const target = folderTarget(root);
    expect(await status(target)).toBeUndefined();
    const made = await bundle();
    const steps: string[] = [];
    expect(await carryOut(target, made, { bootSeconds: 1, onStep: (step) => steps.push(step) })).toBe('confirmed');
    expect(steps).toEqual(['upload', 'apply']);
    expect(readFileSync(join(root, 'etc/build-kernel/gateway'), 'utf8')).toBe('#!/bin/sh\n');
    expect(await status(target)).toMatchObject({ current: made.id, runs: { [made.id]: 'confirmed' } });
    expect(await takeBack(target, made.id, true)).toBe(false);
    expect(execFileSync('find', [root, '-path', '*/var', '-prune', '-o', '-print'], { encoding: 'utf8' }).trim().split('\n')).toEqual([root, join(root, 'etc')]);
    // The same plan may be carried out again.
    expect(await carryOut(target, await bundle(), { bootSeconds: 1 })).toBe('confirmed');
  });

  it('sends what is missing only', async () => {
    const made = await bundle();
    const first = cutting(folderTarget(root), 3);
    await expect(carryOut(first, made, { bootSeconds: 1 })).rejects.toMatchObject({ code: 'network' });
    const second = cutting(folderTarget(root), 100);
    let last = { done: 0, total: 1 };
    await carryOut(second, made, { bootSeconds: 1, onProgress: (progress) => (last = progress) });
    expect(second.sent.filter((path) => first.sent.includes(path))).toEqual([]);
    expect(last.done).toBe(last.total);
  });

  it('takes a plan back that the host has outrun', async () => {
    mkdirSync(join(root, 'etc/build-kernel'));
    writeFileSync(join(root, 'etc/build-kernel/gateway'), 'by hand');
    await expect(carryOut(folderTarget(root), await bundle(), { bootSeconds: 1 })).rejects.toMatchObject({ code: 'provision', why: expect.stringContaining('/etc/build-kernel/gateway') as string });
    expect(readFileSync(join(root, 'etc/build-kernel/gateway'), 'utf8')).toBe('by hand');
  });
});

describe('a bundle', () => {
  it('writes the hook first and the menu last', () => {
    const operations = operationsOf(plan());
    expect(operations[0]?.path).toBe('/etc/init.d/build-kernel-boot');
    expect(operations.slice(-2).map(({ path, phase }) => [path, phase])).toEqual([
      ['/boot/grub/menu.lst', 'apply'],
      ['/boot/grub/menu.lst', 'confirm'],
    ]);
  });

  it('keeps the indexes of every kernel whose modules change, before they do', () => {
    const operations = operationsOf(plan());
    const first = operations.findIndex(({ path, kind }) => kind === 'file' && path.startsWith('/lib/modules/'));
    const kept = operations.filter(({ kind }) => kind === 'modules');
    expect(kept.length).toBeGreaterThan(0);
    for (const { path, release } of kept) expect(path).toBe(`/lib/modules/${release ?? ''}`);
    expect(operations.slice(0, first).filter(({ kind }) => kind === 'modules')).toEqual(kept);
  });

  it.each(['/etc/a\nb', '/etc/a\tb', '/etc/a\\b', 'etc/a', '/etc/../a', '/etc//a', '/etc/a/'])('refuses the path %j', (path) => {
    const [first] = created();
    expect(() => operationsOf(plan([{ ...(first as Change), path }]))).toThrow('cannot be provisioned');
  });

  it('refuses a file that changed since the plan was made', async () => {
    const source = join(scratch, 'module.ko');
    writeFileSync(source, 'new');
    const change: Change = { path: '/lib/m.ko', kind: 'file', action: 'create', part: 'kernel', why: '', mode: 0o644, before: 'absent', after: 'a'.repeat(64), content: { source, sha256: 'a'.repeat(64), size: 3 } };
    await expect(bundle([change])).rejects.toMatchObject({ code: 'trust' });
  });
});
