import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applySeries, diffTree, type ApplyOutput } from '../../../tasks/build/patch/index.js';
import { Lab, makePatch, numbered, readTree, writeTree, type Files } from './support/patch-tree.js';

const BASE: Files = { 'net/a.c': numbered('a', 30), 'net/b.c': 'b\n', 'net/last.c': 'x\nno end', 'sh/tool': 'tool\n', link: '->net/a.c', 'gone.c': 'gone\n', 'M\u00e4/\u00fc "q".c': 'q\n' };

async function patched(): Promise<{ lab: Lab; out: ApplyOutput; after: Files }> {
  const lab = new Lab(BASE);
  const after = { ...BASE, 'net/a.c': numbered('a', 30, { 10: 'patched' }), 'net/new.c': 'new\n' };
  return { lab, out: await applySeries(lab.input([lab.patch(makePatch(BASE, after))])), after };
}

describe('diffTree', () => {
  it('is empty for an unedited tree, and blind to what builds leave', async () => {
    const { lab, out } = await patched();
    writeTree(lab.tree, { 'net/a.o': 'o', 'net/.a.o.cmd': 'c', 'net/a.c.orig': 'x', 'include/config/x.h': '', 'my.patch': 'p' });
    expect(await diffTree(out, lab.pristine)).toMatchObject({ patch: '', files: [], warnings: [] });
  });

  it('gives edits against the patched state as a plain patch without times, the same bytes each time', async () => {
    const { lab, out } = await patched();
    writeTree(lab.tree, { 'net/a.c': numbered('a', 30, { 10: 'patched and edited' }) });
    const { patch, bytes } = await diffTree(out, lab.pristine);
    expect(patch).toMatch(/^diff --git a\/net\/a\.c b\/net\/a\.c\nindex [0-9a-f]{12}\.\.[0-9a-f]{12} 100644\n--- a\/net\/a\.c\n\+\+\+ b\/net\/a\.c\n@@ -7,7 \+7,7 @@.*\n 7 a\n 8 a\n 9 a\n-patched\n\+patched and edited\n/);
    writeTree(lab.tree, { 'net/a.c': numbered('a', 30, { 10: 'patched and edited' }) });
    expect((await diffTree(out, lab.pristine)).bytes.equals(bytes)).toBe(true);
  });

  it('carries everything there and back: by patch -p1 -F0, by git apply, and as a series of its own', async () => {
    const { lab, out, after } = await patched();
    const { tree } = lab;
    appendFileSync(join(tree, 'net/a.c'), 'M\xfcller\n', 'latin1');
    writeFileSync(join(tree, 'net/last.c'), 'x\nno end either');
    chmodSync(join(tree, 'sh/tool'), 0o755);
    for (const path of ['gone.c', 'net/new.c', 'link', 'net/b.c']) rmSync(join(tree, path));
    symlinkSync('a.c', join(tree, 'net/b.c'));
    writeTree(tree, { link: 'a file now\n', 'deep/er/n.c': 'n\n', 'deep/empty.c': '', 'new-link': '->nowhere', 'M\u00e4/\u00fc "q".c': 'Q\n' });
    const { bytes, files, warnings } = await diffTree(out, lab.pristine);
    expect(files).toEqual([...files].sort());
    expect(files).toHaveLength(11);
    expect(warnings).toEqual([]);
    const wanted = readTree(tree);
    const file = join(lab.root, 'my.patch');
    writeFileSync(file, bytes);
    for (const argv of [['patch', '-p1', '-F0', '-s', '--no-backup-if-mismatch', '-i', file], ['git', 'apply', file]]) {
      const other = new Lab(after);
      execFileSync(argv[0]!, argv.slice(1), { cwd: other.pristine });
      expect(readTree(other.pristine), argv[0]).toEqual(wanted);
    }
    const fresh = new Lab(BASE);
    const user = fresh.patch(bytes.toString('latin1'), { from: 'user' });
    await applySeries(fresh.input([fresh.patch(makePatch(BASE, after)), user]));
    expect(readTree(fresh.tree)).toEqual(wanted);
    // Put back by hand, nothing is left to tell.
    const { changed } = await applySeries(lab.input([lab.patch(makePatch(BASE, after))], { discardEdits: true }));
    expect(changed).toEqual(files);
    expect(readTree(tree)).toEqual(readTree(writeTree(new Lab({}).root, after)));
  });

  it('names binary files, which a patch cannot carry', async () => {
    const { lab, out } = await patched();
    writeFileSync(join(lab.tree, 'net/blob.dat'), Buffer.from([1, 0, 2]));
    const { patch, files, warnings } = await diffTree(out, lab.pristine);
    expect(patch).toBe('');
    expect(files).toEqual(['net/blob.dat']);
    expect(warnings).toEqual([expect.stringContaining('net/blob.dat is a binary file')]);
  });

  it('reads a tree whose times all changed once, then knows it again', async () => {
    const many = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`f/${String(index)}.c`, `${String(index)}\n`]));
    const lab = new Lab(many);
    const out = await applySeries(lab.input([]));
    execFileSync('sh', ['-c', 'cp -a tree copy && rm -rf tree && mv copy tree'], { cwd: lab.root });
    expect((await diffTree(out, lab.pristine)).files).toEqual([]);
    writeFileSync(join(lab.tree, 'f/7.c'), 'edit\n');
    expect((await diffTree(out, lab.pristine)).files).toEqual(['f/7.c']);
  });
});
