import { execa, type ResultPromise } from 'execa';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll } from 'vitest';

/** The command as a user runs it: the compiled program in a process of its own. */
const CLI = resolve(import.meta.dirname, '../../dist/cli.js');

export interface CliResult {
  status: number;
  stdout: string;
  stderr: string;
  json: unknown;
}

export interface CliOptions {
  cwd: string;
  env?: Record<string, string>;
}

/** A scratch folder that goes when the test file ends. */
export function scratch(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), `bk-${name}-`));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Starts the program and does not wait (Ctrl-C and kill tests). */
export function startCli(args: readonly string[], { cwd, env }: CliOptions): ResultPromise {
  return execa(process.execPath, [CLI, ...args], {
    cwd,
    reject: false,
    stdin: 'ignore',
    env: { BUILD_KERNEL_CACHE: join(cwd, 'cache'), CI: 'true', ...env },
  });
}

/** Runs the program to its end. */
export async function cli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const { exitCode, stdout, stderr } = await startCli(args, options);
  let json: unknown;
  try {
    json = JSON.parse(String(stdout));
  } catch {
    json = undefined;
  }
  return { status: exitCode ?? -1, stdout: String(stdout), stderr: String(stderr), json };
}
