import { ExpectedError } from '../../lib/errors.js';
import { epochStamp, splitHeaderName, unquoteName } from './names.js';

/**
 * Reads unified diffs, only to know which files and hunks a patch has: GNU patch does the applying. Texts are latin1
 * strings, one character per byte, because old kernels hold bytes that are no UTF-8.
 */

export interface Hunk {
  /** Place in its file's hunks, from 1. */
  number: number;
  /** Line of the "@@" in the patch file, from 1. */
  line: number;
  oldStart: number;
  oldCount: number;
  newStart: number;
  newCount: number;
  /** Lines with their first character (" ", "+", "-"), without newline. */
  lines: string[];
  /** The last old (new) line has no newline at the end of the file. */
  oldNoNewline: boolean;
  newNoNewline: boolean;
}

export interface Section {
  /** Names as the header has them, before stripping; undefined for /dev/null or when there is none. */
  oldName?: string;
  newName?: string;
  kind: 'modify' | 'create' | 'delete' | 'rename' | 'copy';
  /** Has a `diff --git` header. */
  git: boolean;
  /** Git file modes (0o100644 …), when the header names them. */
  oldMode?: number;
  newMode?: number;
  /** Blob ids of the `index` line, possibly abbreviated. */
  oldId?: string;
  newId?: string;
  /** stub: "Binary files differ", no content; git: a GIT binary patch, which GNU patch cannot apply. */
  binary?: 'stub' | 'git';
  hunks: Hunk[];
  /** First and last line in the patch file, from 1. */
  first: number;
  last: number;
}

function malformed(name: string, line: number, why: string): ExpectedError {
  return new ExpectedError({
    code: 'patch',
    what: `${name} is no well-formed patch: line ${String(line)}.`,
    why,
    fix: 'Fetch the patch again from where it was published; a patch that was pasted or edited by hand is easily damaged.',
  });
}

const HUNK = /^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@/;

class Parser {
  private at = 0;
  private readonly sections: Section[] = [];
  private current: Section | undefined;

  constructor(
    private readonly lines: string[],
    private readonly name: string,
  ) {}

  parse(): Section[] {
    while (this.at < this.lines.length) this.step();
    this.close();
    return this.sections;
  }

  private open(section: Section): Section {
    this.close();
    this.current = section;
    return section;
  }

  private close(): void {
    const section = this.current;
    this.current = undefined;
    if (!section) return;
    section.last = this.at;
    this.sections.push(section);
  }

  private step(): void {
    const line = this.lines[this.at]!;
    if (line.startsWith('diff --git ')) this.gitHeader(line);
    else if (this.isFileHeader()) this.fileHeader(line);
    else if (HUNK.test(line) && this.current?.binary !== 'git') this.hunk(line);
    else if (/^Binary files .* differ$/.test(line)) this.binaryStub(line);
    else if (/^Only in [^:]+: /.test(line)) this.at += 1;
    else if (this.current?.git && this.current.hunks.length === 0) this.extended(line, this.current);
    else if (/^\*\*\* \d+(,\d+)? \*{4}$/.test(line)) {
      throw malformed(this.name, this.at + 1, 'It is a context diff; only unified diffs (diff -u) are taken.');
    } else this.at += 1;
  }

  private isFileHeader(): boolean {
    return this.lines[this.at]!.startsWith('--- ') && (this.lines[this.at + 1] ?? '').startsWith('+++ ');
  }

  private gitHeader(line: string): void {
    const names = splitHeaderName(line.slice('diff --git '.length));
    this.open({ oldName: names?.[0], newName: names?.[1], kind: 'modify', git: true, hunks: [], first: this.at + 1, last: 0 });
    this.at += 1;
  }

  private extended(line: string, section: Section): void {
    this.at += 1;
    const mode = /^(old|new|new file|deleted file) mode (\d{6})$/.exec(line);
    const index = /^index ([0-9a-f]{4,40})\.\.([0-9a-f]{4,40})(?: (\d{6}))?$/.exec(line);
    const move = /^(rename|copy) (from|to) (.+)$/.exec(line);
    if (mode) {
      const value = Number.parseInt(mode[2]!, 8);
      if (mode[1] === 'new file') section.kind = 'create';
      if (mode[1] === 'deleted file') section.kind = 'delete';
      if (mode[1] === 'old' || mode[1] === 'deleted file') section.oldMode = value;
      else section.newMode = value;
    } else if (index) {
      section.oldId = index[1];
      section.newId = index[2];
      if (index[3]) section.oldMode = Number.parseInt(index[3], 8);
    } else if (move) {
      section.kind = move[1] === 'rename' ? 'rename' : 'copy';
      // These names carry no a/ and b/: give them one component so that they strip like the others.
      const path = `${move[2] === 'from' ? 'a' : 'b'}/${unquoteName(move[3]!)}`;
      if (move[2] === 'from') section.oldName ??= path;
      else section.newName ??= path;
    } else if (line === 'GIT binary patch') section.binary = 'git';
  }

  private fileHeader(line: string): void {
    const next = this.lines[this.at + 1]!;
    const section = this.current?.git && this.current.hunks.length === 0 && !this.current.binary
      ? this.current
      : this.open({ kind: 'modify', git: false, hunks: [], first: this.at + 1, last: 0 });
    const [oldName, oldStamp] = nameAndStamp(line.slice(4));
    const [newName, newStamp] = nameAndStamp(next.slice(4));
    section.oldName = oldName === '/dev/null' ? undefined : oldName;
    section.newName = newName === '/dev/null' ? undefined : newName;
    this.at += 2;
    const range = HUNK.exec(this.lines[this.at] ?? '');
    if (oldName === '/dev/null' || (epochStamp(oldStamp) && range?.[1] === '0')) section.kind = 'create';
    else if (newName === '/dev/null' || (epochStamp(newStamp) && range?.[3] === '0')) section.kind = 'delete';
    if (!range) throw malformed(this.name, this.at + 1, `A "@@ -…" line must follow the header of ${oldName}.`);
  }

  private binaryStub(line: string): void {
    const names = /^Binary files (.+) and (.+) differ$/.exec(line);
    let section = this.current;
    if (!section?.git || section.hunks.length > 0) {
      const oldName = names?.[1] === '/dev/null' ? undefined : names?.[1];
      const newName = names?.[2] === '/dev/null' ? undefined : names?.[2];
      section = this.open({ oldName, newName, kind: 'modify', git: false, hunks: [], first: this.at + 1, last: 0 });
    }
    if (names?.[1] === '/dev/null') section.kind = 'create';
    if (names?.[2] === '/dev/null') section.kind = 'delete';
    section.binary = 'stub';
    this.at += 1;
  }

  private hunk(line: string): void {
    const [, oldStart, oldCount, newStart, newCount] = HUNK.exec(line)!;
    const section = this.current;
    if (!section || (section.oldName === undefined && section.newName === undefined)) {
      throw malformed(this.name, this.at + 1, 'A hunk stands before any "---" and "+++" lines: no file is named for it.');
    }
    const hunk: Hunk = {
      number: section.hunks.length + 1,
      line: this.at + 1,
      oldStart: Number(oldStart),
      oldCount: Number(oldCount ?? 1),
      newStart: Number(newStart),
      newCount: Number(newCount ?? 1),
      lines: [],
      oldNoNewline: false,
      newNoNewline: false,
    };
    this.at += 1;
    this.body(hunk);
    section.hunks.push(hunk);
  }

  private body(hunk: Hunk): void {
    let old = hunk.oldCount;
    let fresh = hunk.newCount;
    while (old > 0 || fresh > 0 || this.lines[this.at]?.startsWith('\\')) {
      const text = this.lines[this.at];
      // Mail programs cut the blank off an empty context line; GNU patch takes that too.
      const sign = text === '' ? ' ' : text?.[0];
      if (sign === '\\') {
        const last = hunk.lines.at(-1)?.[0];
        if (last !== '+') hunk.oldNoNewline = true;
        if (last !== '-') hunk.newNoNewline = true;
      } else if (sign === ' ') {
        old -= 1;
        fresh -= 1;
      } else if (sign === '-') old -= 1;
      else if (sign === '+') fresh -= 1;
      if (text === undefined || (sign !== '\\' && sign !== ' ' && sign !== '-' && sign !== '+') || old < 0 || fresh < 0) {
        throw malformed(this.name, this.at + 1, `Hunk #${String(hunk.number)} (line ${String(hunk.line)}) announces ${String(hunk.oldCount)} old and ${String(hunk.newCount)} new lines and does not hold them.`);
      }
      if (sign !== '\\') hunk.lines.push(text === '' ? ' ' : text);
      this.at += 1;
    }
  }
}

function nameAndStamp(text: string): [name: string, stamp: string] {
  const tab = text.indexOf('\t');
  if (tab >= 0) return [unquoteName(text.slice(0, tab)), text.slice(tab + 1)];
  return [unquoteName(text.trimEnd()), ''];
}

/**
 * Reads a patch.
 * @param text the file's bytes as latin1
 * @param name for messages
 * @returns its files, in order
 * @throws ExpectedError patch when it is malformed or changes nothing
 */
export function parsePatch(text: string, name: string): Section[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  // GNU patch strips carriage returns when the header lines have them (a patch that went through a mail program).
  const crlf = lines.some((line) => line.startsWith('--- ') && line.endsWith('\r'));
  const sections = new Parser(crlf ? lines.map((line) => line.replace(/\r$/, '')) : lines, name).parse();
  if (sections.length === 0) throw malformed(name, 1, 'No file header ("--- …" and "+++ …") was found in it.');
  return sections;
}
