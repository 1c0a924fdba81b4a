import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256File } from '../digest.js';
import { ExpectedError, errno } from '../errors.js';
import { writeAtomic } from '../files.js';
import { GPG_SIGNATURE, SSH_SIGNATURE, SUMS_NAME } from './names.js';

/** SHA256SUMS of a folder, as `sha256sum -c` reads it: the one file that a signature of the whole folder is made of. */

const UNLISTED: ReadonlySet<string> = new Set([SUMS_NAME, GPG_SIGNATURE, SSH_SIGNATURE]);

/** Writes SHA256SUMS over all files of a folder, in order of name. */
export async function writeSums(folder: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => !UNLISTED.has(name)).sort();
  const lines: string[] = [];
  for (const name of names) lines.push(`${await sha256File(join(folder, name))}  ${name}\n`);
  await writeAtomic(join(folder, SUMS_NAME), lines.join(''));
}

/** @throws ExpectedError package: a line is no line of sha256sum */
function parseSums(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n').filter(Boolean)) {
    const [, digest, name] = /^([0-9a-f]{64}) [ *]([^/]+)$/.exec(line) ?? [];
    if (digest === undefined || name === undefined) throw new ExpectedError({ code: 'package', what: `${SUMS_NAME} is not whole.`, why: `a line of it: ${line.slice(0, 120)}`, fix: 'Copy the folder again, or build it again.' });
    sums.set(name, digest);
  }
  return sums;
}

/**
 * Compares a folder with its SHA256SUMS.
 * @returns what differs, in words; undefined when there is no SHA256SUMS
 * @throws ExpectedError package: SHA256SUMS itself is not whole
 */
export async function checkSums(folder: string): Promise<string[] | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, SUMS_NAME), 'utf8');
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
  const sums = parseSums(text);
  const there = new Set((await readdir(folder)).filter((name) => !UNLISTED.has(name)));
  const problems: string[] = [];
  for (const [name, digest] of sums) {
    if (!there.has(name)) problems.push(`${name}: missing`);
    else if ((await sha256File(join(folder, name))) !== digest) problems.push(`${name}: its sha256 is not that of ${SUMS_NAME}`);
  }
  for (const name of there) if (!sums.has(name)) problems.push(`${name}: not in ${SUMS_NAME}`);
  return problems;
}
