import { ExpectedError, renderError } from './errors.js';

/** How a command answers: text for people or one JSON document on standard output. */
export interface Io {
  json: boolean;
  verbose: boolean;
  /** Lines of a result, on standard output (nothing with --json). */
  print(text: string): void;
  /** A result that is no text of ours (a patch has the bytes of the files it is for), on standard output. */
  bytes(data: Uint8Array): void;
  /** Something a person should read while work goes on, on standard error (nothing with --json). */
  say(text: string): void;
  /** The one JSON document. */
  result(document: unknown): void;
}

export function makeIo(options: { json?: boolean; verbose?: boolean }): Io {
  const json = options.json === true;
  return {
    json,
    verbose: options.verbose === true,
    print: (text) => {
      if (!json) process.stdout.write(`${text}\n`);
    },
    bytes: (data) => {
      if (!json) process.stdout.write(data);
    },
    say: (text) => {
      if (!json) process.stderr.write(`${text}\n`);
    },
    result: (document) => {
      if (json) process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
    },
  };
}

/** Reports a failure and returns the exit status. */
export function reportFailure(error: unknown, json: boolean): number {
  if (json) {
    const shown =
      error instanceof ExpectedError ? error.toJSON() : { code: 'bug', what: error instanceof Error ? (error.stack ?? error.message) : String(error) };
    process.stdout.write(`${JSON.stringify({ error: shown }, null, 2)}\n`);
  } else {
    process.stderr.write(`${renderError(error)}\n`);
  }
  return error instanceof ExpectedError ? error.exitStatus : 1;
}

/** A table with columns as wide as their widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()).join('\n');
}
