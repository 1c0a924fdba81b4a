import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { sha256File } from '../digest.js';
import { ExpectedError, errno } from '../errors.js';
import { writeAtomic } from '../files.js';
import { besideImage, gpgSignature, sshSignature, SUMS_NAME } from './names.js';

/** Lists of sums, as `sha256sum -c` reads them: the one file that a signature of all that they cover is made of. */

/** What one list covers: a folder (SHA256SUMS), or an image that is one file, with what stands beside it (NAME.sha256). */
export interface Sealed {
  folder: string;
  /** Name of the list, in the folder. */
  sums: string;
  /** What it covers; all that is in the folder when not given. */
  names?: readonly string[];
}

export const sealedFolder = (folder: string): Sealed => ({ folder: resolve(folder), sums: SUMS_NAME });

export function sealedFile(path: string): Sealed {
  const { manifest, sbom, sums } = besideImage(basename(path));
  return { folder: dirname(resolve(path)), sums, names: [basename(path), manifest, sbom].sort() };
}

/** By what is there. */
export const sealed = async (path: string): Promise<Sealed> => ((await stat(path).catch(() => undefined))?.isFile() ? sealedFile(path) : sealedFolder(path));

async function covered({ folder, sums, names }: Sealed): Promise<string[]> {
  const beside: ReadonlySet<string> = new Set([sums, gpgSignature(sums), sshSignature(sums)]);
  return (await readdir(folder)).filter((name) => (names ? names.includes(name) : !beside.has(name))).sort();
}

/** Writes the list, in order of name. */
export async function writeSums(of: Sealed): Promise<void> {
  const lines: string[] = [];
  for (const name of await covered(of)) lines.push(`${await sha256File(join(of.folder, name))}  ${name}\n`);
  await writeAtomic(join(of.folder, of.sums), lines.join(''));
}

/** @throws ExpectedError package: a line is no line of sha256sum */
function parseSums(text: string, list: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter(Boolean)) {
    const [, digest, name] = /^([0-9a-f]{64}) [ *]([^/]+)$/.exec(line) ?? [];
    if (digest === undefined || name === undefined) throw new ExpectedError({ code: 'package', what: `${list} is not whole.`, why: `a line of it: ${line.slice(0, 120)}`, fix: 'Copy it again from where it was made, or make it again.' });
    sums.set(name, digest);
  }
  return sums;
}

/**
 * Compares what is there with the list.
 * @returns what differs, in words; undefined when there is no list
 * @throws ExpectedError package: the list itself is not whole
 */
export async function checkSums(of: Sealed): Promise<string[] | undefined> {
  let text: string;
  try {
    text = await readFile(join(of.folder, of.sums), 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
  const sums = parseSums(text, of.sums);
  const there = new Set(await covered(of));
  const problems: string[] = [];
  for (const [name, digest] of sums) {
    if (!there.has(name)) problems.push(`${name}: missing`);
    else if (!(await stat(join(of.folder, name))).isFile()) problems.push(`${name}: no file`);
    else if ((await sha256File(join(of.folder, name))) !== digest) problems.push(`${name}: its sha256 is not that of ${of.sums}`);
  }
  for (const name of there) if (!sums.has(name)) problems.push(`${name}: not in ${of.sums}`);
  return problems;
}
