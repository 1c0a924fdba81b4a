import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { documents, leftOver } from '../../../tasks/docs/index.js';
import { packageRoot } from '../../../tasks/lib/paths.js';

/** Documents that are made from data and definitions are what these say today. After a change of either: npm run docs. */

const made = await documents();

describe('the documents that npm run docs makes', () => {
  it.each([...made.keys()])('%s is in step', async (path) => {
    expect(made.get(path)).toBe(await readFile(join(packageRoot, path), 'utf8'));
  });

  it('say something of every key of gateway.yaml', () => {
    const reference = made.get('docs/GATEWAY-YAML.md')?.split('## Reference')[1] ?? '';
    const rows = reference.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.length).toBeGreaterThan(80);
    expect(rows.filter((line) => line.endsWith('|  |'))).toEqual([]);
  });

  it('are all: no page of a flavour that is no more', async () => {
    expect(await leftOver(made)).toEqual([]);
  });
});
