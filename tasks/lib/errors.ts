/**
 * Expected failures. Every one says what happened, why, and what to do;
 * only a bug (anything else that is thrown) shows a stack trace.
 */

/** Exit status by error code. Documented in docs/CLI.md; never renumber. */
export const EXIT_STATUS = {
  bug: 1,
  usage: 2,
  environment: 3,
  network: 4,
  offline: 4,
  trust: 5,
  base: 6,
  unpack: 6,
  patch: 7,
  configure: 8,
  compile: 9,
  tools: 10,
  abi: 10,
  package: 11,
  busy: 12,
  space: 13,
  command: 14,
  verify: 15,
  preflight: 16,
  provision: 17,
  interrupted: 130,
} as const;

export type ErrorCode = keyof typeof EXIT_STATUS;

export interface ErrorParts {
  /** Machine-readable class of the failure; decides the exit status. */
  code: ErrorCode;
  /** What failed, one sentence. */
  what: string;
  /** Why: the evidence (several lines are fine). */
  why?: string;
  /** What the reader can do now. */
  fix?: string;
  /** Path of the full log. */
  log?: string;
  cause?: unknown;
}

/** A failure that the tool foresaw. */
export class ExpectedError extends Error implements ErrorParts {
  readonly code: ErrorCode;
  readonly what: string;
  readonly why?: string;
  readonly fix?: string;
  log?: string;

  constructor(parts: ErrorParts) {
    super(parts.what, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.name = 'ExpectedError';
    this.code = parts.code;
    this.what = parts.what;
    this.why = parts.why;
    this.fix = parts.fix;
    this.log = parts.log;
  }

  /** The exit status of a process that ends with this error. */
  get exitStatus(): number {
    return EXIT_STATUS[this.code];
  }

  /** The error as JSON output shows it. */
  toJSON(): Record<string, string | undefined> {
    return { code: this.code, what: this.what, why: this.why, fix: this.fix, log: this.log };
  }
}

/** Node's error code (`ENOENT`, `ENOSPC`, …) of a system call failure, if it is one. */
export function errno(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/** Turns a system failure that an operator can cure (disk full, no permission) into an ExpectedError; passes on the rest. */
export function fromSystem(error: unknown, doing: string): unknown {
  const code = errno(error);
  const message = error instanceof Error ? error.message : String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ExpectedError({
      code: 'space',
      what: `No space left while ${doing}.`,
      why: message,
      fix: 'Free some space (build-kernel cache --prune, build-kernel clean) or name other folders with --work, --out and --cache; then run the same command again: it goes on where it stopped.',
      cause: error,
    });
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new ExpectedError({
      code: 'environment',
      what: `Not permitted while ${doing}.`,
      why: message,
      fix: 'Choose folders you may write to with --work, --out and --cache.',
      cause: error,
    });
  }
  return error;
}

/** An error as people read it on a terminal. */
export function renderError(error: unknown): string {
  if (error instanceof ExpectedError) {
    const lines = [`error: ${error.what}`];
    if (error.why) lines.push(...error.why.trimEnd().split('\n').map((line) => `  ${line}`));
    if (error.fix) lines.push(`  what to do: ${error.fix}`);
    if (error.log) lines.push(`  full log: ${error.log}`);
    return lines.join('\n');
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `internal error (a bug in build-kernel, please report it):\n${stack}`;
}
