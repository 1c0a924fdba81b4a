import { join } from 'node:path';
import { writeAtomic } from '../files.js';

/** Forms of a report, and its file in its folder. */
export const FILE_OF = {
  json: 'report.json',
  text: 'report.txt',
  tap: 'report.tap',
  junit: 'junit.xml',
  html: 'report.html',
} as const;

export type Format = keyof typeof FILE_OF;

export const FORMATS = ['json', 'text', 'tap', 'junit', 'html'] as const satisfies readonly Format[];

/**
 * Writes the forms of one report, each whole or not at all.
 * @param folder where they go; made when it is missing
 * @returns the paths written, in the order of `formats`
 */
export async function writeForms<F extends Format>(folder: string, formats: readonly F[], render: (format: F) => string): Promise<string[]> {
  const paths: string[] = [];
  for (const format of new Set(formats)) {
    const path = join(folder, FILE_OF[format]);
    await writeAtomic(path, `${render(format)}\n`);
    paths.push(path);
  }
  return paths;
}
