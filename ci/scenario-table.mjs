#!/usr/bin/env node
// Prints the table of docs/FLAVOURS.md that says which claims hold: node ci/scenario-table.mjs reports/*/report.json
import { readFileSync } from 'node:fs';
import { renderMatrix } from '../dist/verify/report/index.js';

const files = process.argv.slice(2);
if (files.length === 0) {
  process.stderr.write('usage: node ci/scenario-table.mjs REPORT.json…   (written by build-kernel verify)\n');
  process.exit(2);
}
const reports = files.map((file) => {
  const report = JSON.parse(readFileSync(file, 'utf8'));
  return { ...report, scenarios: report.scenarios.map(({ evidence, ...scenario }) => ({ ...scenario, ...evidence })) };
});
process.stdout.write(`${renderMatrix(reports)}\n`);
