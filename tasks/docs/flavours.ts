import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { facts, type Section } from '../build/facts.js';
import { shellQuote } from '../lib/exec.js';
import type { Flavour } from '../lib/flavours/schema.js';
import { packageRoot } from '../lib/paths.js';
import { loadSpec } from '../provision/spec/load.js';
import { toolWords } from '../provision/spec/tools.js';
import { cell, codeCell, table } from './markdown.js';

/** docs/flavours/NAME.md: what `build-kernel show NAME` says, and what the tools are told by its example. */

const capital = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
/** Addresses and digests are for copying, not for reading. */
const plain = (line: string): string => line.replace(/(https?|ftp):\/\/\S+/g, '<$&>');

function markdown(section: Section): string {
  const title = `## ${capital(section.title).replace(/ \(https.*\)$/, '')}`;
  if ('lines' in section) {
    return section.title === 'commands' ? `${title}\n\n${section.lines.map((line) => `    npx ${line}`).join('\n')}` : `${title}\n\n${section.lines.map((line) => `- ${plain(line)}`).join('\n')}`;
  }
  const from = /\((https\S+) @ (\w+) : (\S+)\)$/.exec(section.title);
  const where = from ? `\`${from[3] ?? ''}\` of <${from[1] ?? ''}> at ${from[2] ?? ''}.\n\n` : '';
  return `${title}\n\n${where}${table(section.columns, section.rows.map(([first = '', ...others]) => [codeCell(first), ...others.map(cell)]))}`;
}

/** The commands that the flavour's example gives its tools, on its first host. */
async function told(name: string): Promise<string> {
  const scratch = await mkdtemp(join(tmpdir(), 'bk-docs-'));
  try {
    const file = join(scratch, 'gateway.yaml');
    await copyFile(join(packageRoot, 'templates/gateway', `${name}.yaml`), file);
    // The example with VRRP names a file for its password.
    await writeFile(join(scratch, 'vrrp.password'), 'password\n', { mode: 0o600 });
    const spec = await loadSpec(file);
    const { steps, keepalived } = toolWords(spec.gateway(spec.hosts[0] ?? 'gateway'));
    const lines = steps.map(({ add }) => `    ${shellQuote(add)}`);
    const conf = keepalived === undefined ? '' : `${lines.length > 0 ? '\n\nThe rest is in' : 'All of it is in'} keepalived.conf, which \`build-kernel check\` prints.`;
    return `## What its tools are told\n\nBy the example [${name}.yaml](../../templates/gateway/${name}.yaml) ([all its keys](../GATEWAY-YAML.md)):\n\n${lines.join('\n')}${conf}`;
  } finally {
    await rm(scratch, { recursive: true });
  }
}

const NOTE = '<!-- Made by `npm run docs` from patches/: change the data, not this page. -->';

export async function flavourPage(flavour: Flavour): Promise<string> {
  const { sections } = await facts(flavour.name);
  const commands = sections.findIndex(({ title }) => title === 'commands') + 1;
  const parts = sections.map(markdown);
  if (flavour.kind === 'flavour') parts.splice(commands, 0, await told(flavour.name));
  const seen = flavour.kind === 'not-applicable' ? [] : ['What was seen of it, built and with traffic: [FLAVOURS.md](../FLAVOURS.md).'];
  return `${[NOTE, `# ${flavour.name}`, `${flavour.summary}.`, `Published at ${plain(flavour.origin)}.`, ...seen, ...parts].join('\n\n')}\n`;
}

/** The table of docs/FLAVOURS.md. */
export function flavourIndex(flavours: readonly Flavour[]): string {
  const kinds = { flavour: 'flavour', addon: 'add-on', 'not-applicable': 'not applicable' };
  return table(['', 'what it is', 'kind', 'base'], flavours.map(({ name, summary, kind, base }) => [`[${name}](flavours/${name}.md)`, cell(summary), kinds[kind], base ?? '']));
}
