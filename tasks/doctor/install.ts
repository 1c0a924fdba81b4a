import { createInterface } from 'node:readline/promises';
import { ExpectedError } from '../lib/errors.js';
import { run, shellQuote } from '../lib/exec.js';
import type { Finding } from './findings.js';
import { findProgram } from './probes.js';

/** Installs what is missing, with the machine's own package manager. */

export const MANAGERS = ['apt', 'dnf', 'yum'] as const;
export type Manager = (typeof MANAGERS)[number];

const PROGRAM: Record<Manager, string> = { apt: 'apt-get', dnf: 'dnf', yum: 'yum' };

/** The package manager of this machine; undefined when it is none that is known here. */
export async function packageManager(): Promise<Manager | undefined> {
  for (const manager of MANAGERS) if ((await findProgram([PROGRAM[manager]])) !== undefined) return manager;
  return undefined;
}

/**
 * Leaves out packages that this release of the distribution does not have (distribution-gpg-keys in Debian 12): one
 * unknown name makes apt install none at all. Before the first `apt-get update` nothing is known, and nothing is left out.
 */
export async function knownHere(findings: readonly Finding[], manager: Manager | undefined): Promise<Finding[]> {
  if (manager !== 'apt' || (await findProgram(['apt-cache'])) === undefined) return [...findings];
  const knows = async (name: string): Promise<boolean> => (await run(['apt-cache', 'show', '--no-all-versions', name], { ok: [0, 100] })).exitCode === 0;
  if (!(await knows('gcc'))) return [...findings];
  const kept: Finding[] = [];
  for (const finding of findings) {
    const known = await Promise.all((finding.packages?.apt ?? []).map(knows));
    if (known.every(Boolean)) kept.push(finding);
  }
  return kept;
}

/** Names of the packages that cure these findings, each once, in order. */
export function packagesFor(findings: readonly Finding[], manager: Manager): string[] {
  const names = findings.flatMap(({ packages }) => (manager === 'apt' ? packages?.apt : packages?.dnf) ?? []);
  return [...new Set(names)].sort();
}

/**
 * The exact commands, each an argument array; none when nothing can be installed.
 * @param root whether this process is root (otherwise sudo stands before each)
 */
export function installCommands(findings: readonly Finding[], manager: Manager, root: boolean = process.getuid?.() === 0): [string, ...string[]][] {
  const names = packagesFor(findings, manager);
  if (names.length === 0) return [];
  const program = PROGRAM[manager];
  const commands: [string, ...string[]][] =
    manager === 'apt'
      ? [
          [program, 'update'],
          // Without it debconf may ask. sudo drops the environment, so the variable goes through env(1).
          ['env', 'DEBIAN_FRONTEND=noninteractive', program, 'install', '--yes', '--no-install-recommends', ...names],
        ]
      : [[program, 'install', '-y', ...names]];
  return root ? commands : commands.map((argv) => ['sudo', ...argv]);
}

/** One line to copy, or the names of the programs when the package manager is unknown; undefined when all is there. */
export function installCommand(findings: readonly Finding[], manager: Manager | undefined, root?: boolean): string | undefined {
  const curable = findings.filter(({ packages }) => packages !== undefined);
  if (curable.length === 0) return undefined;
  if (manager === undefined) return `install these with your package manager: ${curable.map(({ id }) => id).join(', ')}`;
  return installCommands(curable, manager, root).map(shellQuote).join(' && ');
}

export interface InstallOptions {
  /** Do not ask. */
  yes: boolean;
  /** Both ends of the conversation are a terminal. */
  terminal: boolean;
  /** Receives the package manager's lines when there is no terminal. */
  say: (line: string) => void;
  /** Asks a question that is answered with yes or no; given by tests. */
  ask?: (question: string) => Promise<string>;
}

async function askTerminal(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

/**
 * Runs the commands after a yes.
 * @returns false when the user said no
 * @throws ExpectedError environment: unknown package manager, no terminal to ask on, or the manager failed
 */
export async function install(findings: readonly Finding[], manager: Manager | undefined, options: InstallOptions): Promise<boolean> {
  const text = installCommand(findings, manager);
  if (text === undefined) return true;
  if (manager === undefined) throw new ExpectedError({ code: 'environment', what: 'This machine has neither apt, dnf nor yum.', why: text });
  if (!options.yes) {
    if (!options.terminal) {
      throw new ExpectedError({ code: 'environment', what: 'Nothing was installed: there is no terminal to ask on.', why: `command: ${text}`, fix: 'Add --yes, or run the command yourself.' });
    }
    const answer = await (options.ask ?? askTerminal)(`${text}\nRun this? [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) return false;
  }
  const fail = { code: 'environment' as const, what: 'Installing the packages failed.', fix: 'Run the command by hand and see what it says.' };
  for (const argv of installCommands(findings, manager)) {
    // With a terminal the manager owns it, so that sudo can ask for a password.
    await run(argv, options.terminal ? { terminal: true, fail } : { onLine: options.say, fail });
  }
  return true;
}
