import { readFile } from 'node:fs/promises';
import { isMap, isPair, isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import type { z } from 'zod';
import { ExpectedError } from './errors.js';
import { inWords, parserWords } from './yaml-words.js';

/** YAML files whose faults are told by file, line and column: the parser's, a schema's, and those of rules across fields. */

/** Place of a value: keys and indices from the root. */
export type YamlPath = readonly PropertyKey[];

/** Something to say about a file. */
export interface Fault {
  path: YamlPath;
  message: string;
  /** The fault is the key itself, not its value. */
  key?: boolean;
}

/** Larger than any file that people write. */
const LIMIT = 1 << 20;

export class YamlSource {
  private constructor(
    readonly file: string,
    private readonly lines: LineCounter,
    private readonly document: Document,
    /** The file's value, unchecked. */
    readonly value: unknown,
  ) {}

  /**
   * @throws ExpectedError usage: no YAML, keys twice, too large, aliases that would blow up
   */
  static parse(text: string, file: string): YamlSource {
    if (text.length > LIMIT) throw notValid(file, [`${file}: larger than ${String(LIMIT / 1024)} KiB`]);
    const lines = new LineCounter();
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
    const unusable = document.errors.map((error) => `${place(file, lines, error.pos[0])}: ${parserWords(error.code, error.message)}`);
    visit(document, {
      Alias: (_key, node) => {
        if (node.resolve(document) === undefined) unusable.push(`${place(file, lines, rangeOf(node) ?? 0)}: an alias (*) without its anchor (&)`);
      },
    });
    if (unusable.length > 0) throw notValid(file, unusable);
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 100 });
    } catch {
      // The parser's own words quote the source.
      throw notValid(file, [`${file}: aliases that stand for too much`]);
    }
    return new YamlSource(file, lines, document, value);
  }

  /** @throws ExpectedError usage; errors of the file system as they are */
  static async read(file: string): Promise<YamlSource> {
    return YamlSource.parse(await readFile(file, 'utf8'), file);
  }

  /**
   * file:line:column of a value.
   * @param path what does not exist (a missing key) is placed at its parent
   * @param key the place of the key, not of its value
   */
  at(path: YamlPath, key = false): string {
    for (let depth = path.length; depth > 0; depth -= 1) {
      const found = this.offset(path.slice(0, depth), key && depth === path.length);
      if (found !== undefined) return place(this.file, this.lines, found);
    }
    return place(this.file, this.lines, rangeOf(this.document.contents) ?? 0);
  }

  private offset(path: YamlPath, key: boolean): number | undefined {
    const keys = path as (string | number)[];
    const node: unknown = this.document.getIn(keys, true);
    const own = rangeOf(node);
    if (own !== undefined && !isMap(node) && !key) return own;
    // A mapping begins at its first key, which says nothing: its own key does. So for a key without a value.
    const parent: unknown = keys.length > 1 ? this.document.getIn(keys.slice(0, -1), true) : this.document.contents;
    const pair = isMap(parent) ? parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(keys[keys.length - 1])) : undefined;
    return (pair && rangeOf(pair.key)) ?? own;
  }

  /**
   * The value, checked.
   * @throws ExpectedError usage, every fault with its place
   */
  check<S extends z.ZodType>(schema: S): z.output<S> {
    const parsed = schema.safeParse(this.value, { error: inWords });
    if (parsed.success) return parsed.data;
    const faults = parsed.error.issues.flatMap(flatten);
    throw this.failure(faults.map((fault) => (this.isMissing(fault.path) ? { ...fault, message: `is missing: ${fault.message}` } : fault)));
  }

  private isMissing(path: YamlPath): boolean {
    let value: unknown = this.value;
    for (const key of path) value = value !== null && typeof value === 'object' ? Reflect.get(value, key) : undefined;
    return value === undefined;
  }

  /** A line per fault: "gateway.yaml:12:5: snat.0.pool: …" */
  tell(faults: readonly Fault[]): string[] {
    return faults.map(({ path, message, key }) => `${this.at(path, key)}: ${path.length > 0 ? `${showPath(path)}: ` : ''}${message}`);
  }

  failure(faults: readonly Fault[]): ExpectedError {
    return notValid(this.file, this.tell(faults));
  }
}

/** snat.0.pool; keys that people could not have typed in plain sight are shortened and quoted. */
export function showPath(path: YamlPath): string {
  return path.reduce<string>((text, key) => {
    const word = String(key);
    const shown = /^[\w.@+-]{1,64}$/.test(word) ? word : visible(word);
    return text === '' ? shown : `${text}.${shown}`;
  }, '');
}

/** A text of any origin as one that a terminal shows and does not obey: quoted, ASCII only, short. */
const visible = (word: string): string =>
  JSON.stringify(word.slice(0, 40)).replace(/[^\u0020-\u007e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`) + (word.length > 40 ? '…' : '');

/** A union's issue says only "invalid": the branch that came furthest says what is wrong. */
function flatten(issue: z.core.$ZodIssue): Fault[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...issue.path, key], message: 'no such key', key: true }));
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const deeper = issue.errors.filter((branch) => branch.some(({ path, code }) => path.length > 0 || (code !== 'invalid_type' && code !== 'invalid_value')));
    const [only, other] = deeper;
    if (only && !other) return only.flatMap(flatten).map((fault) => ({ ...fault, path: [...issue.path, ...fault.path] }));
  }
  if (issue.code === 'invalid_key') return issue.issues.slice(0, 1).map(({ message }) => ({ path: issue.path, message: `the key: ${message}` }));
  return [{ path: issue.path, message: issue.message }];
}

function rangeOf(node: unknown): number | undefined {
  return node !== null && typeof node === 'object' && 'range' in node && Array.isArray(node.range) ? (node.range as number[])[0] : undefined;
}

function place(file: string, lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `${file}:${String(line)}:${String(col)}`;
}

function notValid(file: string, faults: readonly string[]): ExpectedError {
  return new ExpectedError({ code: 'usage', what: `${file} is not valid.`, why: faults.join('\n'), fix: 'Correct the file at the places named.' });
}

/**
 * Reads a YAML file and validates it.
 * @returns the value with the schema's defaults filled in
 * @throws ExpectedError usage, naming file, line and column of every fault
 */
export async function readYaml<S extends z.ZodType>(path: string, schema: S): Promise<z.output<S>> {
  return (await YamlSource.read(path)).check(schema);
}
