import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { compareLayouts, describe, type Difference } from './abi-compare.js';
import { readLayout } from './layout.js';
import type { ToolSet } from './schema.js';

/**
 * What a patched kernel and its tools tell each other must have one shape on both sides. When it has not, users see
 * "Invalid operation. Possibly wrong module version", counters that stay 0, or rules that are not the ones they gave.
 */

export interface AbiInput {
  /** include/ of the patched kernel. */
  kernelInclude: string;
  /** The tools' own ip_vs.h. */
  toolsHeader: string;
  cc: string;
  /** Whose tools: decides how they speak to IPVS, and names published differences that do no harm. */
  toolset: Pick<ToolSet, 'name' | 'netlink' | 'abi'>;
  /** Scratch folder. */
  workDir: string;
  log?: StageLog;
}

export interface AbiReport {
  /** Structs that both sides know and that were compared. */
  structs: number;
  /** Constants (socket options, netlink commands and attributes, flags) that both sides know. */
  constants: number;
  differences: Difference[];
  notes: string[];
}

/** Where user-space structs stand: 2.6.32, current kernels, very old ones. */
const KERNEL_HEADERS = ['linux/ip_vs.h', 'uapi/linux/ip_vs.h', 'net/ip_vs.h'];
const MACROS = /^IP_VS_(?:BASE_CTL$|SO_|CONN_F_|SVC_F_|STATE_|\w+_MAXLEN$)/;

async function kernelHeader(include: string): Promise<string> {
  for (const name of KERNEL_HEADERS) if (await exists(join(include, name))) return join(include, name);
  throw new ExpectedError({
    code: 'abi',
    what: `There is no ip_vs.h below ${include}.`,
    why: `looked for ${KERNEL_HEADERS.join(', ')}`,
    fix: 'Name the include folder of a kernel tree with IPVS.',
  });
}

/** Compares the two headers; never throws for a difference. */
export async function readAbi(input: AbiInput): Promise<AbiReport> {
  const { cc, workDir, log, toolset } = input;
  const kernel = await readLayout({
    header: await kernelHeader(input.kernelInclude),
    before: ['sys/types.h', 'linux/types.h', 'linux/in.h', 'linux/in6.h', 'linux/netfilter.h'],
    macros: MACROS,
    cc,
    workDir,
    name: 'kernel',
    log,
  });
  const tools = await readLayout({ header: input.toolsHeader, before: ['sys/types.h'], macros: MACROS, cc, workDir, name: 'tools', log });
  return compareLayouts(kernel, tools, toolset);
}

/**
 * Compares the structs and numbers that kernel and tools share.
 * @returns how much was compared, and what a reader may want to know
 * @throws ExpectedError abi, with every difference
 */
export async function compareAbi(input: AbiInput): Promise<AbiReport> {
  const report = await readAbi(input);
  for (const note of report.notes) input.log?.line(`abi: ${note}`);
  if (report.structs === 0) {
    throw new ExpectedError({
      code: 'abi',
      what: `Kernel and tools (${input.toolset.name}) have no struct in common.`,
      why: `${input.kernelInclude}\n${input.toolsHeader}`,
      fix: 'One of them is not the ip_vs.h of IPVS.',
    });
  }
  if (report.differences.length > 0) {
    throw new ExpectedError({
      code: 'abi',
      what: `Kernel and tools (${input.toolset.name}) disagree about what they share: ${[...new Set(report.differences.map(({ where }) => where))].join(', ')}.`,
      why: report.differences.map(describe).join('\n'),
      fix: 'Build the tools of this flavour (build-kernel show FLAVOUR names its tool set), from the same edition as the kernel patch.',
      log: input.log?.path,
    });
  }
  return report;
}
