/** How progress is shown. `terminal`: a list redrawn in place. `plain`: one timestamped line per event. `silent`: nothing. */
export type Look = 'terminal' | 'plain' | 'silent';

export interface LookOptions {
  /** Standard output carries one JSON document: progress stays away altogether. */
  json?: boolean;
  /** Every event on a line of its own, which a redrawn list would overwrite. */
  verbose?: boolean;
  /** A stage hands the terminal to a program (menuconfig, an editor): a redrawn list would draw over it. */
  interactive?: boolean;
  /** Where progress goes. */
  stderr?: { isTTY?: boolean; columns?: number; rows?: number };
  env?: Record<string, string | undefined>;
}

/** True when the environment says that a CI system runs us (`CI=false`, `CI=0` and an empty value say no). */
export function isCI(env: Record<string, string | undefined> = process.env): boolean {
  const value = env['CI'];
  return value !== undefined && !['', '0', 'false'].includes(value.toLowerCase());
}

/** Narrower than this, a redrawn list is a column of single letters; lower, it is cut to nothing. */
const SMALLEST = { columns: 20, rows: 3 };

/**
 * Chooses the look. A CI job often has a pty, mostly one that says it has 0 columns, and listr2 then wraps after
 * every character: CI and tiny terminals get plain lines, and so does a terminal that cannot move its cursor.
 */
export function chooseLook(options: LookOptions): Look {
  if (options.json) return 'silent';
  const env = options.env ?? process.env;
  const stream = options.stderr ?? process.stderr;
  if (options.verbose || options.interactive || !stream.isTTY || isCI(env) || env['TERM'] === 'dumb') return 'plain';
  const { columns = 80, rows = 24 } = stream;
  if (columns < SMALLEST.columns || rows < SMALLEST.rows) return 'plain';
  return 'terminal';
}
