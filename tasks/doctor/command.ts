import { EXIT_STATUS } from '../lib/errors.js';
import { table, type Io } from '../lib/io.js';
import { doctor, install, installCommand, knownHere, packageManager, parsePurposes, type DoctorReport, type Finding, type Places } from './index.js';

/** `build-kernel doctor`: says what is there and what is missing, and installs it when asked. */

export interface DoctorOptions extends Partial<Places> {
  install: boolean;
  yes: boolean;
  purposes: readonly string[];
}

const MARKS: Record<Finding['state'], string> = { ok: 'ok', missing: 'MISSING', advice: 'advice' };

function rows(findings: readonly Finding[]): string[][] {
  return findings.map(({ id, state, detail, why, fix }) => [`  ${MARKS[state]}`, id, detail, state === 'ok' ? '' : `for: ${why}${fix ? `. ${fix}` : ''}`]);
}

function print(io: Io, { found, missing, optional }: DoctorReport): void {
  io.print(table(rows([...found, ...optional, ...missing])));
  io.print(
    missing.length === 0
      ? '\nNothing is missing.'
      : `\n${String(missing.length)} ${missing.length === 1 ? 'thing is' : 'things are'} missing: ${missing.map(({ id }) => id).join(', ')}.`,
  );
}

/**
 * Ends with exit status 3 when something is still missing.
 * @throws ExpectedError usage (unknown purpose), environment (installing failed, or no terminal to ask on)
 */
export async function doctorCommand(io: Io, options: DoctorOptions): Promise<void> {
  const purposes = parsePurposes(options.purposes);
  const manager = await packageManager();
  let report = await doctor(purposes, options);
  let installed = false;
  // What --install is for is not there yet, so the first report goes to the reader only when there is no second.
  if (options.install && installCommand(report.missing, manager) !== undefined) {
    const terminal = !io.json && process.stdin.isTTY && process.stderr.isTTY;
    installed = await install(report.missing, manager, { yes: options.yes, terminal, say: (line) => io.say(line) });
    if (installed) report = await doctor(purposes, options);
  }
  const command = installCommand(report.missing, manager);
  const better = installCommand(await knownHere(report.optional, manager), manager);
  io.result({ purposes, manager: manager ?? null, ...report, install: command ?? null, installOptional: better ?? null });
  print(io, report);
  if (command !== undefined) io.print(`\nTo install: ${command}`);
  if (better !== undefined) io.print(`${command === undefined ? '\n' : ''}Nice to have: ${better}`);
  if (report.missing.length > 0) process.exitCode = EXIT_STATUS.environment;
}
