import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';

/** Proof that a module fits the distribution's kernel before anyone loads it. */

export interface Exported {
  crc: string;
  /** Name of the module that exports it (ip_vs), or vmlinux. */
  module: string;
}

/** Module.symvers: symbol → CRC and module. */
export async function readSymvers(path: string): Promise<Map<string, Exported>> {
  const symbols = new Map<string, Exported>();
  for (const line of (await readFile(path, 'utf8')).split('\n')) {
    const [crc, symbol, module] = line.split('\t');
    if (crc && symbol && module) symbols.set(symbol, { crc, module: module.slice(module.lastIndexOf('/') + 1).replace(/\.ko$/, '') });
  }
  return symbols;
}

/**
 * Compares what our modules export with what the distribution's export: a symbol's CRC covers the types of all that it
 * takes and gives, so equal CRCs mean that the distribution's other modules load on top.
 * @param modules names of ours
 * @returns how many symbols were equal
 * @throws ExpectedError abi, naming every symbol that differs or is gone
 */
export async function checkSymbols(ours: string, theirs: string, modules: readonly string[]): Promise<number> {
  const [made, stock] = [await readSymvers(ours), await readSymvers(theirs)];
  const wrong: string[] = [];
  let equal = 0;
  for (const [symbol, { crc, module }] of stock) {
    if (!modules.includes(module)) continue;
    const now = made.get(symbol);
    if (now === undefined) wrong.push(`${symbol} (${module}): no longer exported`);
    else if (now.crc !== crc) wrong.push(`${symbol} (${module}): ${now.crc}, the distribution's is ${crc}`);
    else equal += 1;
  }
  // A symbol may come from another module of the kernel than it did.
  for (const [symbol, { crc, module }] of made) {
    const was = stock.get(symbol);
    if (was !== undefined && !modules.includes(was.module) && was.crc !== crc) wrong.push(`${symbol} (${module}): ${crc}, the distribution's (${was.module}) is ${was.crc}`);
  }
  if (wrong.length === 0) return equal;
  throw new ExpectedError({
    code: 'abi',
    what: `${String(wrong.length)} exported symbols are not the distribution's: its own modules would not load with these.`,
    why: wrong.sort().join('\n'),
    fix: 'A patch changed a structure or a prototype that other modules see. Leave those as they are, or build a whole kernel (nat-snat-full).',
  });
}

/** What the distribution's modules say that they fit, from the headers' configuration. */
export async function expectedVermagic(headers: string): Promise<string> {
  const release = /UTS_RELEASE "([^"]+)"/.exec(await readFile(join(headers, 'include/generated/utsrelease.h'), 'utf8'))?.[1] ?? '';
  const config = await readFile(join(headers, '.config'), 'utf8');
  const on = (name: string): boolean => new RegExp(`^CONFIG_${name}=y$`, 'm').test(config);
  return [
    release,
    on('SMP') && 'SMP',
    // Since preemption can be chosen at boot, PREEMPT_BUILD says it.
    (on('PREEMPT_BUILD') || on('PREEMPT')) && 'preempt',
    on('PREEMPT_RT') && !on('PREEMPT_BUILD') && 'preempt_rt',
    on('MODULE_UNLOAD') && 'mod_unload',
    on('MODVERSIONS') && 'modversions',
  ]
    .filter((part) => typeof part === 'string' && part !== '')
    .join(' ');
}

async function vermagic(module: string, log?: StageLog): Promise<string> {
  const { stdout } = await run(['modinfo', '-F', 'vermagic', module], { log, fail: { code: 'compile', what: `modinfo cannot read ${module}.` } });
  return stdout.trim();
}

/**
 * Compares a module's vermagic with the distribution's, and with its own module where this host has it installed.
 * @param stock path of the distribution's module below lib/modules/RELEASE
 * @throws ExpectedError abi
 */
export async function checkVermagic(module: string, headers: string, stock: string, log?: StageLog): Promise<void> {
  const is = await vermagic(module, log);
  const wanted = [{ of: 'the headers', text: await expectedVermagic(headers) }];
  if (await exists(stock)) wanted.push({ of: stock, text: await vermagic(stock, log) });
  for (const { of, text } of wanted) {
    if (text === is) continue;
    throw new ExpectedError({
      code: 'abi',
      what: `${module} says that it is for another kernel.`,
      why: `it says: ${is}\n${of}: ${text}`,
      fix: 'Headers and source are not of one kernel: build-kernel clean, apt-get update, then build again.',
    });
  }
}
