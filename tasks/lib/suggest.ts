/**
 * The nearest name to a mistyped one, for flavours, Kconfig symbols and the like
 * (commander has its own for commands and options).
 */

/** Optimal string alignment distance: insertions, deletions, substitutions and swaps of neighbours, each 1. */
export function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    const above = rows[i - 1] ?? [];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let best = Math.min((above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (above[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, (rows[i - 2]?.[j - 2] ?? 0) + 1);
      row[j] = best;
    }
    rows.push(row);
  }
  return rows[a.length]?.[b.length] ?? 0;
}

/**
 * @param word what was typed
 * @param candidates the names that exist
 * @returns the nearest name, or undefined when none is near: at most 40 % of the letters wrong. A name that begins
 *   with the word ("dsnat" for dsnat-220) counts as near. Upper and lower case count as equal; of equals the first wins.
 */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const typed = word.toLowerCase();
  let best: string | undefined;
  let bestScore = Infinity;
  for (const candidate of candidates) {
    const name = candidate.toLowerCase();
    const limit = Math.floor(Math.max(typed.length, name.length) * 0.4);
    const steps = distance(typed, name);
    const prefix = typed.length >= 3 && name.startsWith(typed);
    if (steps > limit && !prefix) continue;
    const score = prefix ? Math.min(steps, 1) : steps;
    if (score < bestScore) {
      best = candidate;
      bestScore = score;
    }
  }
  return best;
}
