import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errno } from '../../lib/errors.js';
import type { Symbols } from './symbols.js';

/**
 * Just enough of Kconfig to say why a symbol did not take: where it is defined and which of its conditions is not met.
 * Language: Documentation/kbuild/kconfig-language.txt of the kernel.
 */

export interface SymbolDefinition {
  /** Without the CONFIG_ prefix. */
  name: string;
  file: string;
  line: number;
  /** Conditions that all must hold: its own `depends on` and those of the menus, ifs and choices around it. */
  depends: string[];
  type: 'bool' | 'tristate' | 'string' | 'hex' | 'int' | 'unknown';
  /** False: no prompt, so only a `select` or a default can set it. */
  prompt: boolean;
  range?: [string, string];
}

export type KconfigTree = Map<string, SymbolDefinition[]>;

interface Scope {
  kind: 'menu' | 'if' | 'choice' | 'file';
  depends: string[];
}

/** Reads the Kconfig files of an architecture, following `source`. */
export async function readKconfig(kernel: string, arch = 'x86'): Promise<KconfigTree> {
  const tree: KconfigTree = new Map();
  const scopes: Scope[] = [];
  const variables = (text: string): string =>
    text.replaceAll('$(SRCARCH)', arch).replaceAll('$SRCARCH', arch).replaceAll('$ARCH', arch).replaceAll('"', '').trim();

  async function readFileInto(path: string): Promise<void> {
    let text: string;
    try {
      text = await readFile(join(kernel, path), 'utf8');
    } catch (error) {
      if (errno(error) === 'ENOENT') return;
      throw error;
    }
    const lines = text.split('\n');
    let current: SymbolDefinition | undefined;
    let helpIndent: number | undefined;
    for (let index = 0; index < lines.length; index += 1) {
      const number = index + 1;
      let raw = lines[index] ?? '';
      while (raw.endsWith('\\') && index + 1 < lines.length) raw = `${raw.slice(0, -1)} ${lines[(index += 1)] ?? ''}`;
      const indent = (/^[\t ]*/.exec(raw)?.[0] ?? '').replaceAll('\t', '        ').length;
      const line = raw.trim();
      if (helpIndent !== undefined) {
        if (line === '') continue;
        if (helpIndent < 0) helpIndent = indent;
        if (indent >= helpIndent && indent > 0) continue;
        helpIndent = undefined;
      }
      if (line === '' || line.startsWith('#')) continue;
      const [word = '', rest = ''] = [line.split(/\s+/)[0], line.slice(line.split(/\s+/)[0]?.length ?? 0).trim()];
      switch (word) {
        case 'config':
        case 'menuconfig': {
          current = {
            name: rest,
            file: path,
            line: number,
            depends: scopes.flatMap((scope) => scope.depends),
            type: 'unknown',
            prompt: false,
          };
          tree.set(rest, [...(tree.get(rest) ?? []), current]);
          break;
        }
        case 'menu':
        case 'choice':
          scopes.push({ kind: word, depends: [] });
          current = undefined;
          break;
        case 'if':
          scopes.push({ kind: 'if', depends: [rest] });
          current = undefined;
          break;
        case 'endmenu':
        case 'endif':
        case 'endchoice':
          scopes.pop();
          current = undefined;
          break;
        case 'comment':
        case 'mainmenu':
          current = undefined;
          break;
        case 'source':
          current = undefined;
          await readFileInto(variables(rest));
          break;
        case 'depends': {
          const condition = rest.replace(/^on\s+/, '');
          if (current) current.depends.push(condition);
          // Directly after `menu` or `choice` it belongs to that.
          else scopes.at(-1)?.depends.push(condition);
          break;
        }
        case 'bool':
        case 'tristate':
        case 'string':
        case 'hex':
        case 'int':
          if (current) {
            current.type = word;
            if (/^["']/.test(rest)) current.prompt = true;
          }
          break;
        case 'def_bool':
        case 'def_tristate':
          if (current) current.type = word === 'def_bool' ? 'bool' : 'tristate';
          break;
        case 'prompt':
          if (current) current.prompt = true;
          break;
        case 'range': {
          const [low, high] = rest.split(/\s+/);
          if (current && low && high) current.range = [low, high];
          break;
        }
        case 'help':
        case '---help---':
          helpIndent = -1;
          break;
        default:
          break;
      }
    }
  }

  await readFileInto(`arch/${arch}/Kconfig`);
  if (!tree.has('NET')) await readFileInto('Kconfig');
  return tree;
}

const ORDER = { n: 0, m: 1, y: 2 } as const;
type Tristate = keyof typeof ORDER;

/**
 * Value of a Kconfig expression (n, m or y), by the config's symbols.
 * Grammar: `||` < `&&` < `!` < `=`/`!=` < symbol, constant, parentheses.
 */
export function evaluate(expression: string, config: Symbols): Tristate {
  const tokens = expression.match(/\|\||&&|!=|=|!|\(|\)|"[^"]*"|'[^']*'|[\w.$/-]+/g) ?? [];
  let at = 0;
  const symbolValue = (token: string): string => {
    if (/^["']/.test(token)) return token.slice(1, -1);
    if (token === 'y' || token === 'm' || token === 'n') return token;
    const value = config.get(`CONFIG_${token}`);
    if (value !== undefined) return value.replace(/^"|"$/g, '');
    return /^\d/.test(token) ? token : 'n';
  };
  const tristate = (value: string): Tristate => (value === 'y' || value === 'm' ? value : 'n');
  const primary = (): Tristate => {
    const token = tokens[at];
    at += 1;
    if (token === undefined) return 'n';
    if (token === '(') {
      const inner = or();
      at += 1;
      return inner;
    }
    if (token === '!') {
      const inner = primary();
      return inner === 'y' ? 'n' : inner === 'm' ? 'm' : 'y';
    }
    const operator = tokens[at];
    if (operator === '=' || operator === '!=') {
      at += 1;
      const right = tokens[at] ?? 'n';
      at += 1;
      return (symbolValue(token) === symbolValue(right)) === (operator === '=') ? 'y' : 'n';
    }
    return tristate(symbolValue(token));
  };
  const and = (): Tristate => {
    let value = primary();
    while (tokens[at] === '&&') {
      at += 1;
      const right = primary();
      if (ORDER[right] < ORDER[value]) value = right;
    }
    return value;
  };
  const or = (): Tristate => {
    let value = and();
    while (tokens[at] === '||') {
      at += 1;
      const right = and();
      if (ORDER[right] > ORDER[value]) value = right;
    }
    return value;
  };
  return or();
}

/** One sentence that says why a symbol did not get the value asked for. */
export function explain(symbol: string, asked: string, config: Symbols, tree: KconfigTree): string {
  const name = symbol.replace(/^CONFIG_/, '');
  const definitions = tree.get(name);
  if (!definitions || definitions.length === 0) return 'this kernel has no such symbol';
  const reasons: string[] = [];
  for (const definition of definitions) {
    const where = `${definition.file}:${String(definition.line)}`;
    const unmet = definition.depends.filter((condition) => evaluate(condition, config) === 'n');
    const onlyModule = definition.depends.filter((condition) => evaluate(condition, config) === 'm');
    if (unmet.length > 0 && asked !== 'n') reasons.push(`needs ${[...new Set(unmet)].join(' && ')} (${where})`);
    else if (asked === 'y' && onlyModule.length > 0) reasons.push(`can only be m, because of ${onlyModule.join(' && ')} (${where})`);
    else if (asked === 'm' && definition.type === 'bool') reasons.push(`is bool: y or n, never m (${where})`);
    else if (definition.range) reasons.push(`must be in ${definition.range.join('..')} (${where})`);
    else if (!definition.prompt) reasons.push(`has no prompt; another symbol selects it (${where})`);
    else if (asked === 'n') reasons.push(`is selected by another symbol (${where})`);
    else reasons.push(`is defined at ${where}; its conditions hold, a choice or a range decided otherwise`);
  }
  return [...new Set(reasons)].join('; or ');
}
