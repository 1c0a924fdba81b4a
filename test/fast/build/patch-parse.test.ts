import { describe, expect, it } from 'vitest';
import { epochStamp, quoteName, splitHeaderName, stripName, unquoteName } from '../../../tasks/build/patch/names.js';
import { parsePatch } from '../../../tasks/build/patch/parse.js';
import { readOutput } from '../../../tasks/build/patch/gnupatch.js';
import { makePatch, numbered } from './support/patch-tree.js';

const parse = (text: string): ReturnType<typeof parsePatch> => parsePatch(text, 'x.patch');

describe('names in headers', () => {
  it('strips components, several slashes counting as one', () => {
    expect(stripName('a//b/c.c', 1)).toBe('b/c.c');
    expect(stripName('a/b', 2)).toBeUndefined();
    expect(stripName('a/b', 0)).toBe('a/b');
  });

  it('knows the epoch in any zone as "does not exist"', () => {
    expect(epochStamp('1970-01-01 08:00:00.000000000 +0800')).toBe(true);
    expect(epochStamp('1969-12-31 19:00:00.000000000 -0500')).toBe(true);
    expect(epochStamp('1970-01-01 08:00:00.000000000 +0000')).toBe(false);
    expect(epochStamp('2013-03-15 18:15:38.000000000 +0800')).toBe(false);
    expect(epochStamp('')).toBe(false);
  });

  it('reads and writes quoted names', () => {
    expect(unquoteName('"a/b\\303\\244\\"\\t.c"')).toBe('a/bä"\t.c');
    expect(unquoteName(quoteName('a/bä "x\\.c'))).toBe('a/bä "x\\.c');
    expect(quoteName('a/with blank.c')).toBe('a/with blank.c');
    expect(splitHeaderName('a/with blank.c b/with blank.c')).toEqual(['a/with blank.c', 'b/with blank.c']);
  });
});

describe('parsePatch', () => {
  it('reads hunks, counts and the missing newline at the end', () => {
    const [section] = parse(makePatch({ f: `${numbered('x', 30)}end` }, { f: `${numbered('x', 30, { 3: 'new' })}END` }, 'diff'));
    expect(section).toMatchObject({ kind: 'modify', oldName: 'a/f', newName: 'b/f', git: false });
    expect(section!.hunks.map(({ number, oldStart, oldCount }) => [number, oldStart, oldCount])).toEqual([[1, 1, 6], [2, 28, 4]]);
    expect(section!.hunks[1]).toMatchObject({ oldNoNewline: true, newNoNewline: true });
    expect(section!.hunks[0]).toMatchObject({ oldNoNewline: false, newNoNewline: false });
  });

  it('tells creation and removal, by /dev/null, by git and by the epoch', () => {
    expect(parse(makePatch({ gone: 'x\n' }, { fresh: 'y\n' })).map(({ kind }) => kind)).toEqual(['create', 'delete']);
    expect(parse(makePatch({ gone: 'x\n' }, { fresh: 'y\n' }, 'diff')).map(({ kind }) => kind)).toEqual(['create', 'delete']);
    const label = '--- a/f\t1970-01-01 08:00:00.000000000 +0800\n+++ b/f\t2013-01-01 00:00:00 +0800\n@@ -0,0 +1 @@\n+x\n';
    expect(parse(label)[0]).toMatchObject({ kind: 'create' });
  });

  it('reads modes, renames and blob ids', () => {
    const text = [
      'diff --git a/old.c b/new.c', 'old mode 100644', 'new mode 100755', 'similarity index 90%', 'rename from old.c', 'rename to new.c', 'index 1234567..89abcde',
      '--- a/old.c', '+++ b/new.c', '@@ -1 +1 @@', '-x', '+y',
      'diff --git a/script b/script', 'old mode 100644', 'new mode 100755', '',
    ].join('\n');
    const [first, second] = parse(text);
    expect(first).toMatchObject({ kind: 'rename', oldName: 'a/old.c', newName: 'b/new.c', oldMode: 0o100644, newMode: 0o100755, oldId: '1234567', newId: '89abcde' });
    expect(second).toMatchObject({ kind: 'modify', oldName: 'a/script', hunks: [], newMode: 0o100755 });
  });

  it('reads stubs of binary files, alone and under git headers, and binary patches', () => {
    expect(parse('diff --git a/x.pdf b/x.pdf\nnew file mode 100644\nindex 0000000..4b96b62\nBinary files /dev/null and b/x.pdf differ\n')[0]).toMatchObject({ kind: 'create', binary: 'stub' });
    expect(parse('Binary files a/x.o and b/x.o differ\n')[0]).toMatchObject({ oldName: 'a/x.o', newName: 'b/x.o', binary: 'stub' });
    const git = parse('diff --git a/x b/x\nindex 1234567..89abcde 100644\nGIT binary patch\nliteral 3\nKcmZ\n\nliteral 1\nIcm\n\ndiff --git a/y b/y\n--- a/y\n+++ b/y\n@@ -1 +1 @@\n-a\n+b\n');
    expect(git.map(({ binary, hunks }) => [binary, hunks.length])).toEqual([['git', 0], [undefined, 1]]);
  });

  it('takes text around the patch, empty context lines and carriage returns of mail programs', () => {
    const text = 'From: x\n\n--\nsome text\n--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@ int main()\n a\n\n-b\n+c\n-- \n2.1\n';
    expect(parse(text)[0]!.hunks[0]!.lines).toEqual([' a', ' ', '-b', '+c']);
    expect(parse('--- a/f\r\n+++ b/f\r\n@@ -1 +1 @@\r\n-b\r\n+c\r\n')[0]).toMatchObject({ oldName: 'a/f', hunks: [{ lines: ['-b', '+c'] }] });
  });

  it('names the line at which a patch is damaged', () => {
    const expectFailure = (text: string, what: RegExp): void => {
      expect(() => parse(text)).toThrowError(expect.objectContaining({ code: 'patch', what: expect.stringMatching(what) as string }));
    };
    expectFailure('--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\nb\n', /line 5/);
    expectFailure('--- a/f\n+++ b/f\n@@ -1,3 +1,3 @@\n a\n', /line 5/);
    expectFailure('@@ -1 +1 @@\n-a\n+b\n', /line 1/);
    expectFailure('*** a/f\n--- b/f\n***************\n*** 1,3 ****\n', /line 4/);
    expectFailure('hello\n', /line 1/);
  });
});

describe("GNU patch's output", () => {
  it('gives files, hunks, offsets and fuzz', () => {
    const { files, complaints } = readOutput(
      'patching file net/a b.c\nUsing Plan A...\nHunk #1 succeeded at 12 with fuzz 2 (offset -2 lines).\nHunk #2 FAILED at 40.\n1 out of 2 hunks FAILED\npatching file c (renamed from d)\nHunk #1 succeeded at 3 (offset 1 line).\npatching symbolic link e\ncan\'t find file to patch at input line 7',
    );
    expect(files).toEqual([
      { file: 'net/a b.c', hunks: [{ number: 1, offset: -2, fuzz: 2, ok: true }, { number: 2, offset: 0, fuzz: 0, ok: false }] },
      { file: 'c', hunks: [{ number: 1, offset: 1, fuzz: 0, ok: true }] },
      { file: 'e', hunks: [] },
    ]);
    expect(complaints).toEqual(["can't find file to patch at input line 7"]);
  });
});
