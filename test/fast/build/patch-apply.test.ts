import { appendFileSync, existsSync, lstatSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applySeries, diffTree, rootState, treeState } from '../../../tasks/build/patch/index.js';
import type { SeriesPatch } from '../../../tasks/build/types.js';
import { Lab, makePatch, numbered, readTree, writeTree, type Files } from './support/patch-tree.js';

const BASE: Files = {
  Makefile: 'all:\n',
  'net/core.c': numbered('core', 40),
  'net/conn.c': numbered('conn', 40),
  'net/tail.c': 'a\nb\nno newline',
  'doc/old.txt': 'old\n',
  '.config': 'CONFIG_X=y\n',
  'run.sh': '->nowhere/run.sh',
};
const with_ = (changes: Files, without: string[] = []): Files => Object.fromEntries(Object.entries({ ...BASE, ...changes }).filter(([path]) => !without.includes(path)));
const sorted = (files: Files): Files => Object.fromEntries(Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1)));

describe('a new tree', () => {
  it('gets the whole series, stacked on one file, with new, removed and executable files and links', async () => {
    const lab = new Lab(BASE);
    const one = with_({ 'net/core.c': numbered('core', 40, { 20: 'ONE' }), 'net/new.c': 'new\n', 'run.py': 'py\n' }, ['run.sh', 'doc/old.txt']);
    const two = { ...one, 'net/core.c': numbered('core', 40, { 20: 'TWO' }), 'net/tail.c': 'a\nB\nno newline' };
    const out = await applySeries(lab.input([lab.patch(makePatch(BASE, one, 'git', ['run.py'])), lab.patch(makePatch(one, two, 'diff'))]));
    expect(readTree(lab.tree)).toEqual(sorted({ ...two, 'run.py': 'x:py\n' }));
    expect(readTree(lab.pristine)).toEqual(sorted(BASE));
    expect(readTree(out.baseline)).toEqual(sorted({ 'net/core.c': two['net/core.c']!, 'net/new.c': 'new\n', 'net/tail.c': two['net/tail.c']!, 'run.py': 'x:py\n' }));
    expect(out.results.map(({ patch, files }) => [patch, files.length])).toEqual([['p1', 5], ['p2', 2]]);
    expect((await diffTree(out, lab.pristine)).files).toEqual([]);
  });

  it('applies in the kernel folder and at the strip level it is told, and removes what the base names', async () => {
    const lab = new Lab({ 'kernel/net/a.c': 'a\n', 'kernel/.config': 'x\n', 'kernel/.pc/a/b': 'q\n', 'tools/t.c': 't\n' });
    const patch = lab.patch(makePatch({ 'kernel/net/a.c': 'a\n' }, { 'kernel/net/a.c': 'A\n' }), { strip: 2, dir: 'kernel' });
    const out = await applySeries(lab.input([patch], { kernel: 'kernel', remove: ['kernel/.config', 'kernel/.pc'] }));
    expect(readTree(lab.tree)).toEqual({ 'kernel/net/a.c': 'A\n', 'tools/t.c': 't\n' });
    expect(out.notes.join('\n')).toContain('kernel/.config removed');
    expect((await diffTree(out, lab.pristine)).files).toEqual([]);
  });

  it('reports offsets, and fuzz only where it is allowed', async () => {
    const lab = new Lab(BASE);
    const shifted = `x\nx\n${numbered('core', 40)}`;
    const text = makePatch({ 'net/core.c': shifted }, { 'net/core.c': shifted.replace('20 core', 'TWENTY') }).replace(/^index .*\n/m, '');
    const out = await applySeries(lab.input([lab.patch(text)]));
    expect(out.results[0]!.files).toEqual([{ file: 'net/core.c', hunks: [{ number: 1, offset: -2, fuzz: 0, ok: true }] }]);
    const other = new Lab(with_({ 'net/core.c': numbered('core', 40, { 17: 'changed' }) }));
    const plain = makePatch({ 'net/core.c': BASE['net/core.c']! }, { 'net/core.c': numbered('core', 40, { 20: 'TWENTY' }) });
    await expect(applySeries(other.input([other.patch(plain)]))).rejects.toMatchObject({ code: 'patch' });
    expect(existsSync(other.tree)).toBe(false);
    const fuzzy = await applySeries(other.input([other.patch(plain, { fuzz: 1 })]));
    expect(fuzzy.results[0]!.files[0]!.hunks[0]).toMatchObject({ fuzz: 1, ok: true });
  });

  it('leaves out what patches bring by mistake: stubs of binary files, backups, and paths that their entry lists', async () => {
    const lab = new Lab(BASE);
    const stub = 'diff --git a/docs/x.pdf b/docs/x.pdf\nnew file mode 100644\nindex 0000000..4b96b62\nBinary files /dev/null and b/docs/x.pdf differ\n';
    const text = stub + makePatch({ 'doc/old.txt': 'old\n' }, { 'doc/old.txt': 'new\n', 'doc/old.txt.orig': 'old\n', 'doc/junk': 'junk\n' });
    const out = await applySeries(lab.input([lab.patch(text, { drop: ['doc/junk'] })]));
    expect(readTree(lab.tree)).toEqual(sorted(with_({ 'doc/old.txt': 'new\n' })));
    expect(out.notes).toHaveLength(3 + 1);
    expect(out.notes.join('\n')).toMatch(/docs\/x\.pdf left out[^]*junk dropped[^]*old\.txt\.orig removed/);
  });

  it('keeps bytes that are no UTF-8, and applies a mailbox in which a file comes up twice', async () => {
    const lab = new Lab({ 'a.c': 'M\xfcller\nx\ny\n' });
    const one = makePatch({ 'a.c': 'M\xfcller\nx\ny\n' }, { 'a.c': 'M\xfcller\nX\ny\n' });
    const two = makePatch({ 'a.c': 'M\xfcller\nX\ny\n' }, { 'a.c': 'M\xfcller\nX\nY\xe9\n' });
    await applySeries(lab.input([lab.patch(`From 1\n\n${one}-- \n2.1\n\nFrom 2\n\n${two}`)]));
    expect(readTree(lab.tree)).toEqual({ 'a.c': 'M\xfcller\nX\nY\xe9\n' });
  });

  it('refuses paths outside of the tree and folders that are links', async () => {
    const lab = new Lab({ 'real/a.c': 'a\n', link: '->real' });
    const bad = lab.patch('--- a/../../out\n+++ b/../../out\n@@ -0,0 +1 @@\n+x\n');
    await expect(applySeries(lab.input([bad]))).rejects.toMatchObject({ code: 'patch', what: expect.stringContaining('outside') as string });
    const through = lab.patch('--- a/link/a.c\n+++ b/link/a.c\n@@ -1 +1 @@\n-a\n+b\n');
    await expect(applySeries(lab.input([through]))).rejects.toMatchObject({ code: 'patch', what: expect.stringContaining('symbolic link') as string });
  });
});

describe('a tree that is there', () => {
  const one = (lab: Lab): SeriesPatch => lab.patch(makePatch(BASE, with_({ 'net/core.c': numbered('core', 40, { 5: 'one' }), 'net/new.c': 'new\n' }, ['doc/old.txt'])));
  const two = (lab: Lab): SeriesPatch => lab.patch(makePatch(BASE, with_({ 'net/conn.c': numbered('conn', 40, { 5: 'two' }) })));

  it('is brought to a changed series; only what differs is written, and gets a new time', async () => {
    const lab = new Lab(BASE);
    const [first, second] = [one(lab), two(lab)];
    await applySeries(lab.input([first]));
    const old = new Date('2001-01-01');
    for (const path of ['net/core.c', 'net/conn.c', 'Makefile']) utimesSync(join(lab.pristine, path), old, old);
    const before = lstatSync(join(lab.tree, 'Makefile')).mtimeMs;
    const core = lstatSync(join(lab.tree, 'net/core.c')).mtimeMs;
    const out = await applySeries(lab.input([first, second]));
    expect(out.changed).toEqual(['net/conn.c']);
    expect(lstatSync(join(lab.tree, 'Makefile')).mtimeMs).toBe(before);
    expect(lstatSync(join(lab.tree, 'net/core.c')).mtimeMs).toBe(core);
    const back = await applySeries(lab.input([second]));
    expect(back.changed).toEqual(['doc/old.txt', 'net/core.c', 'net/new.c']);
    // The object was made from the patched file: the pristine one must look newer than it.
    expect(lstatSync(join(lab.tree, 'net/core.c')).mtimeMs).toBeGreaterThan(core);
    expect(readTree(lab.tree)).toEqual(sorted(with_({ 'net/conn.c': numbered('conn', 40, { 5: 'two' }) })));
    expect((await applySeries(lab.input([second]))).changed).toEqual([]);
  });

  it('keeps edits while the series stays, and stops when it changes', async () => {
    const lab = new Lab(BASE);
    const [first, second] = [one(lab), two(lab)];
    await applySeries(lab.input([first]));
    appendFileSync(join(lab.tree, 'net/core.c'), 'edit\n');
    writeFileSync(join(lab.tree, 'net/mine.c'), 'mine\n');
    rmSync(join(lab.tree, 'Makefile'));
    const again = await applySeries(lab.input([first]));
    const { files, bytes } = await diffTree(again, lab.pristine);
    expect(files).toEqual(['Makefile', 'net/core.c', 'net/mine.c']);
    await expect(applySeries(lab.input([first, second]))).rejects.toMatchObject({
      code: 'patch',
      why: 'Makefile (removed)\nnet/core.c\nnet/mine.c (new)',
      fix: expect.stringContaining('build-kernel diff test > my.patch') as string,
    });
    // Saved and given as a patch, the edits are no edits any more.
    const mine = lab.patch(bytes.toString('latin1'), { name: 'mine', from: 'user' });
    const kept = await applySeries(lab.input([first, second, mine]));
    expect(kept.changed).toEqual(['net/conn.c']);
    expect(readFileSync(join(lab.tree, 'net/core.c'), 'utf8')).toContain('edit');
    // … and thrown away when asked.
    appendFileSync(join(lab.tree, 'run2'), 'x\n');
    await applySeries(lab.input([second], { discardEdits: true }));
    expect(readTree(lab.tree)).toEqual(sorted(with_({ 'net/conn.c': numbered('conn', 40, { 5: 'two' }) })));
  });

  it('finds an edit that put size and time back, and one in a tree whose index is lost', async () => {
    const lab = new Lab(BASE);
    const out = await applySeries(lab.input([one(lab)]));
    const file = join(lab.tree, 'net/conn.c');
    const { atime, mtime } = statSync(file);
    writeFileSync(file, readFileSync(file, 'utf8').replace('1 conn', '1 CONN'));
    utimesSync(file, atime, mtime);
    expect((await diffTree(out, lab.pristine)).files).toEqual(['net/conn.c']);
    rmSync(`${out.baseline}.index`);
    writeFileSync(join(lab.tree, 'net/core.o'), 'object');
    expect((await diffTree(out, lab.pristine)).files).toEqual(['net/conn.c']);
  });

  it('is a copy: an edit in place leaves the pristine tree alone', async () => {
    const lab = new Lab(BASE);
    const out = await applySeries(lab.input([one(lab)]));
    // Written through the same inode, as some editors do.
    appendFileSync(join(lab.tree, 'net/conn.c'), 'edit\n');
    appendFileSync(join(lab.tree, 'net/core.c'), 'edit\n');
    expect(readTree(lab.pristine)).toEqual(sorted(BASE));
    expect((await diffTree(out, lab.pristine)).files).toEqual(['net/conn.c', 'net/core.c']);
  });

  it('is made anew when it was removed, and what was patched before looks newer than its objects', async () => {
    const lab = new Lab(BASE);
    const old = new Date('2001-01-01');
    utimesSync(join(lab.pristine, 'net/core.c'), old, old);
    utimesSync(join(lab.pristine, 'Makefile'), old, old);
    await applySeries(lab.input([one(lab)]));
    rmSync(lab.tree, { recursive: true });
    await applySeries(lab.input([two(lab)]));
    expect(lstatSync(join(lab.tree, 'Makefile')).mtime).toEqual(old);
    expect(lstatSync(join(lab.tree, 'net/core.c')).mtime).not.toEqual(old);
  });

  it('is made anew, with new times throughout, when the base is another one', async () => {
    const lab = new Lab(BASE);
    const patch = one(lab);
    await applySeries(lab.input([patch]));
    const old = new Date('2001-01-01');
    const pristine = writeTree(join(lab.root, 'pristine2'), with_({ 'net/conn.c': 'other\n' }));
    for (const path of ['net/conn.c', 'Makefile']) utimesSync(join(pristine, path), old, old);
    appendFileSync(join(lab.tree, 'Makefile'), 'edit\n');
    await expect(applySeries(lab.input([patch], { pristine }))).rejects.toMatchObject({ code: 'patch', why: 'Makefile' });
    const out = await applySeries(lab.input([patch], { pristine, discardEdits: true }));
    expect(readTree(lab.tree)).toMatchObject({ 'net/conn.c': 'other\n', 'Makefile': BASE['Makefile']!, 'net/new.c': 'new\n' });
    // Objects of the other base may be newer than this base's files.
    expect(lstatSync(join(lab.tree, 'net/conn.c')).mtimeMs).toBeGreaterThan(old.getTime());
    expect(existsSync(`${lab.tree}.old`)).toBe(false);
    expect((await diffTree(out, pristine)).files).toEqual([]);
  });

  it('survives being moved with its work folder', async () => {
    const lab = new Lab(BASE);
    const out = await applySeries(lab.input([one(lab)]));
    const tree = join(lab.root, 'elsewhere');
    renameSync(lab.tree, tree);
    expect((await diffTree({ ...out, tree }, lab.pristine)).files).toEqual([]);
  });
});

describe('treeState', () => {
  it('changes with sources, not with what builds and editors leave', async () => {
    const lab = new Lab(BASE);
    const state = await treeState(lab.pristine);
    writeTree(lab.pristine, { 'net/core.o': 'o', 'net/.core.o.cmd': 'c', 'net/core.c~': 'x', tags: 't', 'include/generated/x.h': 'g', '.git/HEAD': 'ref' });
    expect(await treeState(lab.pristine)).toBe(state);
    writeTree(lab.pristine, { 'net/core.c': 'changed\n' });
    const changed = await treeState(lab.pristine);
    expect(changed).not.toBe(state);
    writeTree(lab.pristine, { 'net/new.h': '' });
    expect(await treeState(lab.pristine)).not.toBe(changed);
  });

  it('of a staged root changes with its modules: they are what is packaged', async () => {
    const lab = new Lab(BASE);
    writeTree(lab.pristine, { 'lib/modules/6.1/updates/ip_vs.ko': 'old' });
    const [state, source] = [await rootState(lab.pristine), await treeState(lab.pristine)];
    expect(await rootState(lab.pristine)).toBe(state);
    writeTree(lab.pristine, { 'lib/modules/6.1/updates/ip_vs.ko': 'newer' });
    expect(await rootState(lab.pristine)).not.toBe(state);
    expect(await treeState(lab.pristine)).toBe(source);
  });
});
