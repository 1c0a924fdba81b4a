import { FORMATS, writeForms, type Format } from '../../lib/report/files.js';
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

export { FILE_OF, FORMATS, type Format } from '../../lib/report/files.js';

/**
 * Writes the reports of one run, each whole or not at all.
 * @param folder where they go; made when it is missing
 * @returns the paths written, in the order of `formats`
 */
export async function writeReports(folder: string, report: VerifyReport, formats: readonly Format[] = FORMATS): Promise<string[]> {
  return writeForms(folder, formats, (format) => render(format, report, folder));
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
