import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applySeries, patchCheck, PatchConflictError, renderPatchCheck, type ApplyInput } from '../../../tasks/build/patch/index.js';
import { Lab, makePatch, numbered, readTree, type Files } from './support/patch-tree.js';

const BASE: Files = { 'net/a.c': numbered('a', 60), 'net/b.c': numbered('b', 60), 'net/c.c': 'c\n' };
const AFTER: Files = { ...BASE, 'net/a.c': numbered('a', 60, { 10: 'TEN', 40: 'FORTY' }), 'net/b.c': numbered('b', 60, { 30: 'THIRTY' }), 'net/n.c': 'new\n' };

async function conflict(input: ApplyInput): Promise<PatchConflictError> {
  try {
    await applySeries(input);
  } catch (error) {
    if (error instanceof PatchConflictError) return error;
    throw error;
  }
  throw new Error('it applied');
}

describe('a patch that does not apply', () => {
  it('is reported with file, hunk, line, what was expected and what stands at the closest place', async () => {
    const lab = new Lab({ ...BASE, 'net/a.c': `x\nx\n${numbered('a', 60, { 41: 'other' })}` });
    const error = await conflict(lab.input([lab.patch(makePatch(BASE, AFTER).replace(/^index .*\n/gm, ''), { name: 'snat' })]));
    expect(error).toMatchObject({ code: 'patch', exitStatus: 7, patch: 'snat' });
    expect(error.what).toBe('snat does not apply (flavour test): net/a.c, hunk #2, line 37.');
    expect(error.conflicts).toEqual([
      {
        file: 'net/a.c', hunk: 2, patchLine: 13, line: 37, missing: false, closest: { line: 39, equal: 6, total: 7 },
        expected: ['39: 39 a', '40: 40 a', '41: 41 a', '42: 42 a', '43: 43 a'],
        found: ['41: 39 a', '42: 40 a', '43: other', '44: 42 a', '45: 43 a', '46: 44 a', '47: 45 a'],
      },
    ]);
    expect(error.why).toContain('net/a.c: hunk #2 (line 13 of the patch) expected at line 37; closest at line 39, where 6 of 7 lines are equal');
    expect(existsSync(lab.tree)).toBe(false);
    expect(existsSync(join(lab.root, 'baseline'))).toBe(false);
  });

  it('leaves a tree that is there as it was', async () => {
    const lab = new Lab(BASE);
    const good = lab.patch(makePatch(BASE, AFTER));
    await applySeries(lab.input([good]));
    const before = readTree(lab.tree);
    const bad = lab.patch(makePatch({ 'net/c.c': 'other\n' }, { 'net/c.c': 'x\n' }));
    await conflict(lab.input([bad]));
    expect(readTree(lab.tree)).toEqual(before);
    expect((await applySeries(lab.input([good]))).changed).toEqual([]);
  });
});

describe('its cause', () => {
  it('already applied: it can be taken back', async () => {
    const lab = new Lab(AFTER);
    const error = await conflict(lab.input([lab.patch(makePatch(BASE, AFTER), { name: 'snat' })]));
    expect(error.causes.map(({ kind }) => kind)).toEqual(['already-applied']);
    expect(error.fix).toContain('Leave snat out');
  });

  it('already applied, though more fuzz would take it a second time', async () => {
    // The shape of a first edition on a tree that has it: an addition between lines that stay.
    const before = { 'a.c': `${numbered('a', 10)}}\n` };
    const after = { 'a.c': `${numbered('a', 10)}added\n}\n` };
    const lab = new Lab(after);
    const error = await conflict(lab.input([lab.patch(makePatch(before, after))]));
    expect(error.causes[0]).toMatchObject({ kind: 'already-applied' });
  });

  it('partly applied: some files have the result', async () => {
    const lab = new Lab({ ...AFTER, 'net/a.c': numbered('a', 60, { 9: 'x', 38: 'y' }), 'net/n.c': 'other\n' });
    const error = await conflict(lab.input([lab.patch(makePatch(BASE, AFTER))]));
    expect(error.causes.map(({ kind }) => kind)).toEqual(['partly-applied', 'wrong-base']);
    expect(error.causes[0]!.text).toContain('1 of 3 files have the patch\'s result (net/b.c)');
    expect(error.causes[1]!.text).toMatch(/2 of 2 differ \(net\/a\.c, net\/b\.c\)/);
  });

  it('wrong strip level, and the right one; also when the folder is wrong', async () => {
    const lab = new Lab(Object.fromEntries(Object.entries(BASE).map(([path, text]) => [`kernel/${path}`, text])));
    const text = makePatch(BASE, AFTER);
    const zero = await conflict(lab.input([lab.patch(text, { strip: 0, dir: 'kernel' })], { kernel: 'kernel' }));
    expect(zero.causes).toEqual([{ kind: 'wrong-strip', text: 'wrong strip level: with -p0 in "kernel" 0 of 2 files exist, with -p1 2.', fix: expect.stringContaining('strip level 1') as string }]);
    const root = await conflict(lab.input([lab.patch(text, { dir: '.' })], { kernel: 'kernel' }));
    expect(root.causes[0]!.fix).toContain('strip level 1 in the folder kernel (in: kernel)');
  });

  it('an earlier patch that changes the same lines', async () => {
    const lab = new Lab(BASE);
    const rival = makePatch(BASE, { ...BASE, 'net/a.c': numbered('a', 60, { 10: 'RIVAL' }) });
    const error = await conflict(lab.input([lab.patch(rival, { name: 'rival' }), lab.patch(makePatch(BASE, AFTER), { name: 'snat' })]));
    expect(error.causes.map(({ kind }) => kind)).toEqual(['earlier-patch']);
    expect(error.causes[0]!.text).toContain('after rival it does not');
  });

  it('wrong base: another one at hand fits', async () => {
    const right = new Lab(BASE);
    const lab = new Lab({ ...BASE, 'net/b.c': numbered('b', 60, { 31: 'other' }) });
    const text = makePatch(BASE, AFTER).replace(/^index .*\n/gm, '');
    const error = await conflict(lab.input([lab.patch(text)], { knownBases: [{ name: 'rhel-220', pristine: right.pristine, kernel: '.' }] }));
    expect(error.causes.map(({ kind }) => kind)).toEqual(['wrong-base']);
    expect(error.fix).toContain('Build on rhel-220.');
    expect(existsSync(join(lab.root, 'baseline.new.try'))).toBe(false);
  });

  it('missing files', async () => {
    const lab = new Lab(BASE);
    const text = makePatch({ ...BASE, 'net/sctp.c': 's\n' }, { ...AFTER, 'net/sctp.c': 'S\n' }).replace(/^index .*\n/gm, '');
    const error = await conflict(lab.input([lab.patch(text)]));
    expect(error.causes[0]).toMatchObject({ kind: 'file-missing', text: expect.stringContaining('(net/sctp.c)') as string });
  });
});

describe('patchCheck', () => {
  it('gives the matrix of a series, and its standing on other bases', async () => {
    const lab = new Lab({ ...BASE, 'net/a.c': `x\n${BASE['net/a.c']!}` });
    const other = new Lab({ 'net/a.c': 'else\n', 'net/b.c': 'else\n' });
    const series = [lab.patch(makePatch(BASE, AFTER), { name: 'snat' })];
    const check = await patchCheck({ pristine: lab.pristine, kernel: '.', series, scratchDir: join(lab.root, 'scratch'), flavour: 'test', knownBases: [{ name: 'other', pristine: other.pristine, kernel: '.' }] });
    expect(check.ok).toBe(true);
    expect(check.rows.map(({ file, hunks, offsets, result }) => [file, hunks, offsets, result])).toEqual([
      ['net/a.c', 2, [1, 1], 'offset'],
      ['net/b.c', 1, [], 'clean'],
      ['net/n.c', 1, [], 'clean'],
    ]);
    expect(check.bases).toEqual([{ name: 'other', ok: false, detail: 'snat fails in 2 of 3 files' }]);
    expect(renderPatchCheck(check).split('\n').slice(0, 6)).toEqual([
      'patch  file     hunks  offset  fuzz  result',
      'snat   net/a.c      2      +1     0  offset',
      'snat   net/b.c      1       0     0  clean',
      'snat   net/n.c      1       0     0  clean',
      '',
      '3 files, 4 hunks: 2 clean, 1 offset, 0 fuzz, 0 failed.',
    ]);
    expect(existsSync(join(lab.root, 'scratch'))).toBe(false);
  });

  it('says which hunks fail and that later patches were not tried', async () => {
    const lab = new Lab({ ...BASE, 'net/a.c': numbered('a', 60, { 41: 'other' }) });
    const series = [lab.patch(makePatch(BASE, AFTER), { name: 'snat' }), lab.patch(makePatch({ 'net/c.c': 'c\n' }, { 'net/c.c': 'C\n' }), { name: 'later' })];
    const check = await patchCheck({ pristine: lab.pristine, kernel: '.', series, scratchDir: join(lab.root, 'scratch'), flavour: 'test' });
    expect(check).toMatchObject({ ok: false, failure: { patch: 'snat' } });
    expect(renderPatchCheck(check)).toMatch(/snat {3}net\/a\.c {6}2 {7}0 {5}0 {2}FAILED #2\n[^]*later {2}\(all\) {8}0 {7}0 {5}0 {2}not tried/);
  });

  it('refuses what no patch program can do: changes to binary files', async () => {
    const lab = new Lab(BASE);
    writeFileSync(join(lab.pristine, 'x.o'), Buffer.from([0, 1]));
    await expect(applySeries(lab.input([lab.patch('Binary files a/x.o and b/x.o differ\n')]))).rejects.toMatchObject({ code: 'patch', why: expect.stringContaining('binary file') as string });
  });
});
