import { ExpectedError } from '../../lib/errors.js';

/** .config files and fragments: symbols and their values. */

/** A symbol's value: y, m, n (also "is not set"), a number, or a quoted string as it stands in the file. */
export type Symbols = Map<string, string>;

/**
 * Reads a .config or a fragment; later lines win.
 * @throws ExpectedError usage on a line that is neither a comment nor an assignment
 */
export function parseConfig(text: string, name: string): Symbols {
  const symbols: Symbols = new Map();
  text.split('\n').forEach((line, index) => {
    const unset = /^# (CONFIG_\w+) is not set\s*$/.exec(line);
    if (unset?.[1]) {
      symbols.set(unset[1], 'n');
      return;
    }
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) return;
    const set = /^(CONFIG_\w+)=(.*)$/.exec(trimmed);
    if (!set?.[1] || set[2] === undefined || set[2] === '') {
      throw new ExpectedError({
        code: 'usage',
        what: `${name}:${String(index + 1)} is no line of a Kconfig fragment: ${trimmed}`,
        fix: 'Write CONFIG_SYMBOL=value, or "# CONFIG_SYMBOL is not set".',
      });
    }
    symbols.set(set[1], set[2]);
  });
  return symbols;
}

/** Fragments laid over each other; later ones win. */
export function mergeSymbols(layers: readonly Symbols[]): Symbols {
  const merged: Symbols = new Map();
  for (const layer of layers) for (const [symbol, value] of layer) merged.set(symbol, value);
  return merged;
}

/** The text of a .config, in order of the map. */
export function renderConfig(symbols: Symbols): string {
  return [...symbols].map(([symbol, value]) => (value === 'n' ? `# ${symbol} is not set` : `${symbol}=${value}`)).join('\n') + '\n';
}

/** A symbol that was asked for and came out otherwise. */
export interface Untaken {
  symbol: string;
  asked: string;
  got: string;
}

/** Compares what was asked with what Kconfig made of it. A missing symbol counts as n. */
export function untaken(asked: Symbols, result: Symbols): Untaken[] {
  const wrong: Untaken[] = [];
  for (const [symbol, value] of asked) {
    const got = result.get(symbol) ?? 'n';
    if (got !== value) wrong.push({ symbol, asked: value, got });
  }
  return wrong;
}
