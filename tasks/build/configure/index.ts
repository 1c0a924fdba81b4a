import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError, errno } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists, writeAtomic } from '../../lib/files.js';
import { sha256 } from '../../lib/digest.js';
import type { StageLog } from '../../lib/log.js';
import type { MakeEnvironment } from '../compile/make.js';
import type { ConfigureOutput } from '../types.js';
import { explain, readKconfig } from './kconfig.js';
import { mergeSymbols, parseConfig, renderConfig, untaken, type Symbols } from './symbols.js';

export interface ConfigureInput {
  /** The patched kernel tree. */
  kernel: string;
  obj: string;
  /** What is laid under the fragments: nothing (gateway: everything not asked for is off) or a whole config. */
  under: { profile: 'gateway' } | { profile: 'distro' | 'file'; path: string };
  /** Fragments in order, each with the name that messages use. */
  fragments: { name: string; text: string }[];
  /** --set CONFIG_X=y */
  set: string[];
  /** Kernel release wanted, see BuildContext; what is more than the version becomes CONFIG_LOCALVERSION. */
  release: { base?: string; suffix: string };
  menuconfig: boolean;
  make: MakeEnvironment;
  log: StageLog;
}

/** Answers for every question that oldconfig may ask: the default. Old kernels have no olddefconfig. */
const DEFAULT_ANSWERS = '\n'.repeat(50_000);

/**
 * Reads `--set` values.
 * @throws ExpectedError usage
 */
export function parseSet(values: readonly string[]): Symbols {
  return mergeSymbols(
    values.map((value) => {
      if (!/^(CONFIG_)?\w+=.+$/.test(value)) {
        throw new ExpectedError({ code: 'usage', what: `--set ${value} is no symbol with a value.`, fix: 'Write --set CONFIG_IP_VS_DEBUG=y (n switches off).' });
      }
      return parseConfig(value.startsWith('CONFIG_') ? value : `CONFIG_${value}`, '--set');
    }),
  );
}

async function kernelVersion(input: ConfigureInput): Promise<string> {
  const { stdout } = await run(['make', ...input.make.args, '-s', 'kernelversion'], { cwd: input.kernel, env: input.make.env, log: input.log });
  return stdout.trim().split('\n').at(-1) ?? '';
}

/** The release, and the symbols that make the kernel call itself so. */
async function wantedRelease(input: ConfigureInput): Promise<{ release: string; symbols: Symbols }> {
  const version = await kernelVersion(input);
  const release = (input.release.base ?? version) + input.release.suffix;
  if (!release.startsWith(version)) {
    throw new ExpectedError({
      code: 'configure',
      what: `The tree says it is ${version}, the base's release is ${release}.`,
      fix: "Correct `release` in the base's data file.",
    });
  }
  const symbols: Symbols = new Map([
    ['CONFIG_LOCALVERSION', `"${release.slice(version.length)}"`],
    // The tree may lie inside somebody's git checkout; its state is no part of the release.
    ['CONFIG_LOCALVERSION_AUTO', 'n'],
  ]);
  return { release, symbols };
}

/** Newer kernels take defaults without asking; 2.6.32 has to be answered. */
async function takeDefaults(input: ConfigureInput): Promise<void> {
  const makefile = await readFile(join(input.kernel, 'scripts', 'kconfig', 'Makefile'), 'utf8');
  const target = /^olddefconfig|[^\w]olddefconfig/m.test(makefile) ? 'olddefconfig' : 'oldconfig';
  await run(['make', ...input.make.args, target], {
    cwd: input.kernel,
    env: input.make.env,
    input: DEFAULT_ANSWERS,
    discard: true,
    log: input.log,
    fail: { code: 'configure', what: `make ${target} failed.` },
  });
}

async function failUntaken(input: ConfigureInput, asked: Symbols, result: Symbols): Promise<void> {
  const wrong = untaken(asked, result);
  if (wrong.length === 0) return;
  const tree = await readKconfig(input.kernel);
  throw new ExpectedError({
    code: 'configure',
    what: `${String(wrong.length)} of ${String(asked.size)} configuration symbols did not take.`,
    why: wrong
      .slice(0, 30)
      .map(({ symbol, asked: value, got }) => `${symbol}=${value} came out as ${got}: ${explain(symbol, value, result, tree)}`)
      .join('\n'),
    fix: 'Set what is missing with --set CONFIG_X=y or in a fragment, or do not ask for the symbol.',
    log: input.log.path,
  });
}

/**
 * The configure stage: fragments over an empty or a whole config, without a question, then every symbol that was
 * asked for is compared with the result. The .config is rewritten only when it changed, so make rebuilds no more
 * than needed.
 * @throws ExpectedError configure, usage
 */
export async function configure(input: ConfigureInput): Promise<ConfigureOutput> {
  const { obj, kernel, log } = input;
  await mkdir(obj, { recursive: true });
  const { release, symbols } = await wantedRelease(input);
  const asked = mergeSymbols([
    ...input.fragments.map(({ name, text }) => parseConfig(text, name)),
    parseSet(input.set),
    symbols,
  ]);
  const config = join(obj, '.config');
  const before = await readFile(config, 'utf8').catch((error: unknown) => {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  });
  // A second folder keeps the old .config's time when nothing changed.
  const scratch = `${obj}.configure`;
  await mkdir(scratch, { recursive: true });
  const inScratch: ConfigureInput = { ...input, obj: scratch, make: input.make.withObj(scratch) };
  if (input.under.profile === 'gateway') {
    const fragment = join(scratch, 'asked.config');
    await writeAtomic(fragment, renderConfig(asked));
    await run(['make', ...inScratch.make.args, 'allnoconfig'], {
      cwd: kernel,
      env: { ...input.make.env, KCONFIG_ALLCONFIG: fragment },
      discard: true,
      log,
      fail: { code: 'configure', what: 'make allnoconfig failed.' },
    });
  } else {
    const under = parseConfig(await readFile(input.under.path, 'utf8'), input.under.path);
    await writeAtomic(join(scratch, '.config'), renderConfig(mergeSymbols([under, asked])));
    await takeDefaults(inScratch);
  }
  if (input.menuconfig) {
    await run(['make', ...inScratch.make.args, 'menuconfig'], { cwd: kernel, env: input.make.env, terminal: true, fail: { code: 'configure', what: 'make menuconfig failed.' } });
  }
  const after = await readFile(join(scratch, '.config'), 'utf8');
  const result = parseConfig(after, '.config');
  // What the person changed in menuconfig is their decision; the rest must be as asked.
  if (!input.menuconfig) await failUntaken(input, asked, result);
  const comparable = (text: string): string => text.replace(/^# (Linux kernel version|\w{3} \w{3} ).*$/gm, '');
  if (before === undefined || comparable(before) !== comparable(after)) await writeAtomic(config, after);
  if (!(await exists(config))) throw new ExpectedError({ code: 'configure', what: 'Kconfig wrote no .config.', log: log.path });
  return { obj, config, configSha256: sha256(comparable(after)), release };
}
