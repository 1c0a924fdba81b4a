import { join } from 'node:path';
import { writeAtomic } from '../../lib/files.js';
import type { VerifyReport } from '../types.js';
import { toDocument } from './document.js';
import { renderHtml } from './html.js';
import { renderJunit } from './junit.js';
import { renderTable } from './table.js';
import { renderTap } from './tap.js';

export { toDocument } from './document.js';
export { renderMatrix } from './columns.js';
export { renderHtml, type HtmlOptions } from './html.js';
export { renderJunit } from './junit.js';
export { renderTable, type TableOptions } from './table.js';
export { renderTap } from './tap.js';
export { STATUS_WORD, countStatuses, isFailure, summaryLine, type Reports } from './words.js';

export const FORMATS = ['json', 'text', 'tap', 'junit', 'html'] as const;
export type Format = (typeof FORMATS)[number];

/** A report's file in its folder. */
export const FILE_OF: Readonly<Record<Format, string>> = {
  json: 'report.json',
  text: 'report.txt',
  tap: 'report.tap',
  junit: 'junit.xml',
  html: 'report.html',
};

/**
 * Writes the reports of one run, each whole or not at all.
 * @param folder where they go; made when it is missing
 * @returns the paths written, in the order of `formats`
 */
export async function writeReports(folder: string, report: VerifyReport, formats: readonly Format[] = FORMATS): Promise<string[]> {
  const paths: string[] = [];
  for (const format of new Set(formats)) {
    const path = join(folder, FILE_OF[format]);
    await writeAtomic(path, `${render(format, report, folder)}\n`);
    paths.push(path);
  }
  return paths;
}

function render(format: Format, report: VerifyReport, folder: string): string {
  switch (format) {
    case 'json':
      return JSON.stringify(toDocument(report), null, 2);
    case 'text':
      return renderTable(report);
    case 'tap':
      return renderTap(report);
    case 'junit':
      return renderJunit(report);
    case 'html':
      return renderHtml(report, { folder });
  }
}
