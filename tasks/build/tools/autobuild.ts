import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';
import type { BuildSteps, Variant } from './schema.js';
import { fill, fillAll, type Values } from './template.js';

/** Runs a recipe's configure and make. */

export interface Toolchain {
  variant: Variant;
  cc: string;
  /** Preprocessor and linker flags: where headers and libraries are. */
  cppflags: string[];
  ldflags: string[];
  env: Record<string, string>;
  /** Folder with the compat headers that recipes name by file. */
  compat: string;
}

export interface BuildRun {
  jobs: number;
  log?: StageLog;
  values: Values;
}

/** Variables of a user's shell that configure and make would take up silently. */
const NEUTRAL = Object.fromEntries(
  ['CC', 'CFLAGS', 'CPPFLAGS', 'CXXFLAGS', 'LDFLAGS', 'LIBS', 'CPATH', 'C_INCLUDE_PATH', 'LIBRARY_PATH', 'CONFIG_SITE', 'POSIXLY_CORRECT', 'DESTDIR', 'LD_RUN_PATH', 'RPM_BUILD_ROOT', 'V'].map(
    (name) => [name, undefined],
  ),
);

function squeeze(line: string): string {
  return line.trim().replace(/\s+/g, ' ');
}

/**
 * Configures and compiles a prepared tree.
 * @throws ExpectedError tools: a step failed, or configure left out what the recipe requires
 */
export async function buildTree(steps: BuildSteps, tree: string, chain: Toolchain, { jobs, log, values }: BuildRun): Promise<void> {
  const where = `the recipe of ${steps.name}`;
  const cflags = [
    '-O2',
    ...fillAll(steps.cflags, values, where),
    ...steps.include.flatMap((file) => ['-include', join(chain.compat, file)]),
    // Assertions and debug data hold the folder's name otherwise.
    `-ffile-prefix-map=${tree}=.`,
  ].join(' ');
  const all: Values = { ...values, cc: chain.cc, cflags, cppflags: chain.cppflags.join(' '), ldflags: chain.ldflags.join(' ') };
  const options = { cwd: tree, log, discard: true, env: { ...NEUTRAL, ...chain.env } };
  const failed = (step: string): { code: 'tools'; what: string; fix: string } => ({
    code: 'tools',
    what: `${step} of ${steps.name} (${chain.variant}) failed.`,
    fix: 'The log has the first error; build-kernel doctor says whether a library or tool is missing.',
  });
  if (steps.autoreconf) {
    // Its aclocal takes a missing m4 folder for an error.
    await run(['mkdir', '-p', 'm4'], options);
    await run(['autoreconf', '-fi'], { ...options, fail: failed('autoreconf') });
  }
  if (steps.configure) {
    const { configure } = steps;
    const printed: string[] = [];
    const [program = 'sh', ...rest] = fillAll([...configure.run, ...configure.args, ...configure[chain.variant]], all, where);
    await run([program, ...rest], {
      ...options,
      fail: failed('configure'),
      onLine: (line) => {
        printed.push(squeeze(line));
      },
    });
    for (const line of configure.require) {
      const wanted = squeeze(fill(line, all, where));
      if (printed.includes(wanted)) continue;
      const label = wanted.split(' : ')[0] ?? wanted;
      throw new ExpectedError({
        code: 'tools',
        what: `configure of ${steps.name} left out what the gateway needs: it did not print "${wanted}".`,
        why: printed.filter((text) => text.startsWith(label) || /warning|without/i.test(text)).join('\n') || 'configure printed no summary',
        fix: 'See config.log beside configure for the test that failed.',
        log: log?.path,
      });
    }
  }
  for (const args of steps.make) {
    const extra = chain.variant === 'static' ? steps.makeStatic : steps.makeHost;
    const filled = fillAll([...args, ...extra], all, where);
    await run(['make', `-j${String(jobs)}`, ...filled], { ...options, fail: failed(`make ${filled.filter((arg) => !arg.includes('=')).join(' ')}`.trim()) });
  }
}
