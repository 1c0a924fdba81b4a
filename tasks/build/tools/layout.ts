import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';

/**
 * Layouts of structs and values of constants in a header, as the compiler sees them: it compiles the header with debug
 * data, and they are read from there. No code of the target runs, and no parser of ours guesses at padding.
 */

export interface Member {
  name: string;
  offset: number;
  size: number;
}

export interface Struct {
  size: number;
  members: Member[];
}

export interface Layout {
  structs: Map<string, Struct>;
  /** Enumerators and integer macros. */
  constants: Map<string, number>;
}

interface Entry {
  id: number;
  depth: number;
  tag: string;
  attributes: Map<string, string>;
}

/** Parses `readelf --debug-dump=info` into entries, in order. */
export function parseDebugInfo(text: string): Entry[] {
  const entries: Entry[] = [];
  for (const line of text.split('\n')) {
    const head = /^ *<([0-9a-f]+)><([0-9a-f]+)>: Abbrev Number: (\d+)(?: \((DW_TAG_\w+)\))?/.exec(line);
    if (head) {
      if (head[4]) entries.push({ depth: Number.parseInt(head[1] ?? '0', 16), id: Number.parseInt(head[2] ?? '0', 16), tag: head[4].slice('DW_TAG_'.length), attributes: new Map() });
      continue;
    }
    // Values may have their form and string offset before them, in brackets; how many depends on readelf's version.
    const attribute = /^ *<[0-9a-f]+> +DW_AT_(\w+) *: *(?:\([^)]*\):? *)*(.*?)\s*$/.exec(line);
    if (attribute?.[1]) entries.at(-1)?.attributes.set(attribute[1], attribute[2] ?? '');
  }
  return entries;
}

function number(text: string | undefined): number {
  return Number.parseInt(text ?? '', text?.startsWith('0x') ? 16 : 10);
}

function reference(entry: Entry | undefined): number | undefined {
  const match = /<0x([0-9a-f]+)>/.exec(entry?.attributes.get('type') ?? '');
  return match?.[1] === undefined ? undefined : Number.parseInt(match[1], 16);
}

/** Structs and enumerators of one object's debug data. */
export function layoutOf(entries: readonly Entry[]): Layout {
  const byId = new Map(entries.map((entry, index) => [entry.id, index]));
  const children = (index: number): Entry[] => {
    const parent = entries[index];
    const found: Entry[] = [];
    for (let at = index + 1; at < entries.length; at += 1) {
      const entry = entries[at];
      if (!entry || !parent || entry.depth <= parent.depth) break;
      if (entry.depth === parent.depth + 1) found.push(entry);
    }
    return found;
  };
  const sizeOf = (id: number | undefined): number => {
    const index = id === undefined ? undefined : byId.get(id);
    const entry = index === undefined ? undefined : entries[index];
    if (!entry || index === undefined) return 0;
    const own = entry.attributes.get('byte_size');
    if (own !== undefined) return number(own);
    const inner = sizeOf(reference(entry));
    if (entry.tag !== 'array_type') return inner;
    return children(index)
      .filter(({ tag }) => tag === 'subrange_type')
      .reduce((size, { attributes }) => {
        const count = attributes.has('count') ? number(attributes.get('count')) : number(attributes.get('upper_bound')) + 1;
        // A flexible array has no bound: it adds nothing to the struct.
        return size * (Number.isSafeInteger(count) && count > 0 ? count : 0);
      }, inner);
  };
  const layout: Layout = { structs: new Map(), constants: new Map() };
  for (const [index, entry] of entries.entries()) {
    const name = entry.attributes.get('name');
    if (entry.tag === 'enumerator' && name !== undefined) layout.constants.set(name, number(entry.attributes.get('const_value')));
    if (entry.tag !== 'structure_type' || name === undefined || !entry.attributes.has('byte_size')) continue;
    const members = children(index)
      .filter(({ tag }) => tag === 'member')
      .map((member) => ({
        name: member.attributes.get('name') ?? '(unnamed)',
        offset: number(member.attributes.get('data_member_location') ?? '0'),
        size: sizeOf(reference(member)),
      }));
    layout.structs.set(name, { size: number(entry.attributes.get('byte_size')), members });
  }
  return layout;
}

export interface LayoutInput {
  /** The header; copied first, so that what it includes comes from the host and not from the folder around it. */
  header: string;
  /** System headers it expects to be included before it. */
  before: readonly string[];
  /** Macros whose values count (by name). */
  macros: RegExp;
  cc: string;
  workDir: string;
  /** Name of the files in workDir, and of the header in messages. */
  name: string;
  log?: StageLog;
}

/** Prefix of the enumerators that carry the values of macros. */
const MACRO = 'BUILD_KERNEL_MACRO_';

/**
 * Compiles a header and reads what it defines.
 * @throws ExpectedError abi: it does not compile
 */
export async function readLayout({ header, before, macros, cc, workDir, name, log }: LayoutInput): Promise<Layout> {
  await mkdir(workDir, { recursive: true });
  const copy = `${name}-ip_vs.h`;
  await copyFile(header, join(workDir, copy));
  const source = join(workDir, `${name}.c`);
  const text = [...before.map((file) => `#include <${file}>`), `#include "${copy}"`, ''].join('\n');
  await writeFile(source, text);
  const fail = { code: 'abi' as const, what: `The ip_vs.h of the ${name} (${header}) does not compile on its own.`, fix: 'The log has the compiler\'s words; the header may need another one that this host lacks.' };
  const defined = await run([cc, '-E', '-dM', source], { cwd: workDir, fail });
  const names = defined.stdout
    .split('\n')
    .map((line) => /^#define (\w+) +\S/.exec(line)?.[1])
    .filter((macro) => macro !== undefined)
    .filter((macro) => macros.test(macro))
    .sort();
  // An enumeration cannot be empty.
  const enumerators = [...names.map((macro) => `${MACRO}${macro} = (${macro})`), `${MACRO} = 0`].join(',\n  ');
  await writeFile(source, `${text}enum {\n  ${enumerators}\n};\n`);
  const object = join(workDir, `${name}.o`);
  // -fno-eliminate-unused-debug-types: nothing here is used. DWARF 4: offsets are plain numbers in every readelf.
  await run([cc, '-x', 'c', '-std=gnu99', '-w', '-O0', '-g', '-gdwarf-4', '-fno-eliminate-unused-debug-types', '-c', source, '-o', object], { cwd: workDir, log, fail });
  const { stdout } = await run(['readelf', '--debug-dump=info', object], { cwd: workDir });
  const layout = layoutOf(parseDebugInfo(stdout));
  layout.constants = new Map([...layout.constants].map(([key, value]) => [key.startsWith(MACRO) ? key.slice(MACRO.length) : key, value]));
  layout.constants.delete('');
  return layout;
}
