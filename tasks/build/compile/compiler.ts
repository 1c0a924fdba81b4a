import semver from 'semver';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import type { Compat } from '../../lib/flavours/schema.js';

/** The compiler and what a tree older than it needs. */

export interface Compiler {
  /** As given: gcc, gcc-11, /opt/…/gcc. */
  command: string;
  /** 12.2.0 */
  version: string;
  /** First line of --version. */
  banner: string;
}

/**
 * @throws ExpectedError environment when it is not installed, usage when it is no gcc
 */
export async function probeCompiler(command: string): Promise<Compiler> {
  const { stdout } = await run([command, '--version'], {
    fail: { code: 'environment', what: `${command} does not run.`, fix: 'Name a compiler that is installed with --cc, or install gcc (build-kernel doctor --install).' },
  });
  const banner = stdout.split('\n')[0] ?? '';
  // gcc < 7 knows only -dumpversion, newer ones print just the major number there.
  const { stdout: full } = await run([command, '-dumpfullversion', '-dumpversion'], { ok: [0, 1] });
  const version = semver.coerce(full.split('\n')[0])?.version;
  if (!version || !/Free Software Foundation/.test(stdout)) {
    throw new ExpectedError({ code: 'usage', what: `${command} is no gcc: ${banner}`, fix: 'The kernels here are built with gcc; name one with --cc.' });
  }
  return { command, version, banner };
}

export interface CompatChoice {
  cc: string[];
  ld: string[];
  patches: { file: string; strip: number; sha256: string; why?: string }[];
}

/** Flags and patches that a compat series prescribes for this compiler, base and flavour. */
export function chooseCompat(compat: Compat | undefined, compiler: Compiler, base: string, flavour: string): CompatChoice {
  const choice: CompatChoice = { cc: [], ld: [], patches: [] };
  for (const step of compat?.steps ?? []) {
    if (step.gcc !== undefined && !semver.satisfies(compiler.version, step.gcc)) continue;
    choice.cc.push(...step.cc);
    choice.ld.push(...step.ld);
    for (const patch of step.patches) {
      if (patch.bases && !patch.bases.includes(base)) continue;
      if (patch.notFor?.includes(flavour)) continue;
      choice.patches.push({ file: patch.file, strip: patch.strip, sha256: patch.sha256, ...(patch.why ? { why: patch.why } : {}) });
    }
  }
  return choice;
}
