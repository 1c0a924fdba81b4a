import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { applySeries, diffTree } from '../../../tasks/build/patch/index.js';
import { Lab, makePatch, readTree, type Files } from './support/patch-tree.js';

/** Calls that change the disk until the process "dies"; every later one fails too, as after kill -9. */
const fault = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, used: 0 }));
vi.mock('node:fs/promises', async (original) => {
  const real = await original<typeof import('node:fs/promises')>();
  const dying = <A extends unknown[], R>(call: (...args: A) => Promise<R>) => async (...args: A): Promise<R> => {
    // What happens in the trial folder concerns no tree; only the rename that makes it the baseline counts.
    if (!args.some((arg) => typeof arg === 'string' && arg.includes('baseline.new/'))) fault.used += 1;
    if (fault.used > fault.left) throw new Error('killed');
    return call(...args);
  };
  const { rename, rm, rmdir, mkdir, copyFile, symlink, open, chmod, writeFile } = real;
  const wrapped = { rename: dying(rename), rm: dying(rm), rmdir: dying(rmdir), copyFile: dying(copyFile), symlink: dying(symlink), chmod: dying(chmod), open: dying(open) };
  return { ...real, mkdir, writeFile, ...wrapped };
});

const BASE: Files = { 'a.c': 'a\n', 'b.c': 'b\n', 'sub/old.c': 'old\n', link: '->a.c' };
const ONE: Files = { 'a.c': 'ONE\n', 'b.c': 'b\n', 'new/x.c': 'x\n', link: '->a.c' };
const TWO: Files = { 'a.c': 'TWO\n', 'b.c': 'B\n', 'sub/old.c': 'old\n' };

async function dieAfter(calls: number, work: () => Promise<unknown>): Promise<boolean> {
  fault.used = 0;
  fault.left = calls;
  try {
    await work();
    return false;
  } catch (error) {
    if (error instanceof Error && error.message === 'killed') return true;
    throw error;
  } finally {
    fault.left = Number.POSITIVE_INFINITY;
  }
}

describe('a run that is killed', () => {
  it('while the tree is made, at any step: the next run gives the right tree', async () => {
    for (let calls = 1; ; calls += 1) {
      const lab = new Lab(BASE);
      const input = lab.input([lab.patch(makePatch(BASE, ONE))]);
      const died = await dieAfter(calls, () => applySeries(input));
      const out = await applySeries(input);
      expect(readTree(lab.tree), `died after ${String(calls)} calls`).toEqual(ONE);
      expect((await diffTree(out, lab.pristine)).files).toEqual([]);
      if (!died) break;
    }
  });

  it('while the tree is changed, at any step: so does the same series, another one, and the one before', async () => {
    const lab = new Lab(BASE);
    const one = lab.patch(makePatch(BASE, ONE));
    const two = lab.patch(makePatch(BASE, TWO));
    await applySeries(lab.input([one]));
    for (let calls = 1; ; calls += 1) {
      const died = await dieAfter(calls, () => applySeries(lab.input([two])));
      // Killed a second time, with yet another series, before it is left to finish.
      const again = calls % 3 === 0 && (await dieAfter(calls, () => applySeries(lab.input([]))));
      const [series, wanted] = calls % 2 === 0 || again ? [[two], TWO] : [[one], ONE];
      const out = await applySeries(lab.input(series));
      expect(readTree(lab.tree), `died after ${String(calls)} calls`).toEqual(wanted);
      expect((await diffTree(out, lab.pristine)).files).toEqual([]);
      if (!died) break;
      await applySeries(lab.input([one]));
    }
  });

  it('does not take an edit for a part of the change', async () => {
    const lab = new Lab(BASE);
    const one = lab.patch(makePatch(BASE, ONE));
    const two = lab.patch(makePatch(BASE, TWO));
    await applySeries(lab.input([one]));
    let calls = 1;
    while (readTree(lab.tree)['a.c'] !== 'TWO\n') {
      await dieAfter(calls, () => applySeries(lab.input([two])));
      calls += 1;
    }
    writeFileSync(join(lab.tree, 'b.c'), 'mine\n');
    await expect(applySeries(lab.input([two]))).rejects.toMatchObject({ code: 'patch', why: 'b.c' });
    await expect(diffTree({ tree: lab.tree, baseline: join(lab.root, 'baseline') }, lab.pristine)).rejects.toMatchObject({ code: 'patch', what: expect.stringContaining('not ready') as string });
  });
});
