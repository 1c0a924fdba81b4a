import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../lib/paths.js';
import { gatewayJsonSchema } from '../provision/spec/json-schema.js';
import { referenceTables } from './gateway-tables.js';
import { table } from './markdown.js';

/** Parts of docs/GATEWAY-YAML.md: an example, one for every flavour, every key. */

/** templates/gateway/NAME.yaml without the line for editors. */
export async function example(name: string): Promise<string> {
  return (await readFile(join(packageRoot, 'templates/gateway', `${name}.yaml`), 'utf8')).split('\n').slice(1).join('\n');
}

/** What an example shows: its first comment. */
const shows = (text: string): string => (text.split('\n')[0] ?? '').replace(/^# /, '');

export async function gatewayParts(flavours: readonly string[]): Promise<Record<string, string>> {
  const rows = await Promise.all(flavours.map(async (name) => [name, `[templates/gateway/${name}.yaml](../templates/gateway/${name}.yaml)`, shows(await example(name))]));
  return {
    example: `\`\`\`yaml\n${await example('nat-snat')}\`\`\``,
    examples: table(['flavour', 'example', ''], rows),
    reference: referenceTables(gatewayJsonSchema()),
  };
}

export const schemaText = (): string => `${JSON.stringify(gatewayJsonSchema(), null, 2)}\n`;
