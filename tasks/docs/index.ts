import { readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { program } from '../commands.js';
import { loadFlavours } from '../lib/flavours/catalog.js';
import { packageRoot } from '../lib/paths.js';
import { commandReference } from './cli.js';
import { exitStatuses } from './codes.js';
import { flavourIndex, flavourPage } from './flavours.js';
import { gatewayParts, schemaText } from './gateway.js';
import { fill } from './markdown.js';
import { messageReference } from './messages.js';

/**
 * The documents that are made from the program's own definitions: commands and options (commander), keys of gateway.yaml
 * (zod), flavours (patches/), failures (the sources). For who changes the project, not part of the npm package.
 */

const FLAVOURS = 'docs/flavours';

/** Content by path below the checkout; parts of hand-written documents are put where their marks are. */
export async function documents(): Promise<Map<string, string>> {
  const flavours = await loadFlavours();
  const filled = async (path: string, parts: Record<string, string>): Promise<[string, string]> => [path, fill(await readFile(join(packageRoot, path), 'utf8'), parts)];
  const buildable = flavours.filter(({ kind }) => kind === 'flavour').map(({ name }) => name);
  return new Map([
    ['templates/gateway/gateway.schema.json', schemaText()],
    await filled('docs/GATEWAY-YAML.md', await gatewayParts(buildable)),
    await filled('docs/CLI.md', { statuses: exitStatuses(), commands: commandReference(program) }),
    await filled('docs/TROUBLESHOOTING.md', { messages: await messageReference() }),
    await filled('docs/FLAVOURS.md', { flavours: flavourIndex(flavours) }),
    ...(await Promise.all(flavours.map(async (flavour): Promise<[string, string]> => [`${FLAVOURS}/${flavour.name}.md`, await flavourPage(flavour)]))),
  ]);
}

/** Pages of flavours that are no more. */
export async function leftOver(made: ReadonlyMap<string, string>): Promise<string[]> {
  const there = await readdir(join(packageRoot, FLAVOURS));
  return there.map((name) => `${FLAVOURS}/${name}`).filter((path) => !made.has(path));
}

/** Writes all of them. @returns paths of those that were not in step */
export async function writeDocuments(): Promise<string[]> {
  const changed: string[] = [];
  const made = await documents();
  for (const [path, content] of made) {
    const file = join(packageRoot, path);
    if ((await readFile(file, 'utf8').catch(() => undefined)) === content) continue;
    await writeFile(file, content);
    changed.push(path);
  }
  for (const path of await leftOver(made)) {
    await rm(join(packageRoot, path));
    changed.push(path);
  }
  return changed;
}
