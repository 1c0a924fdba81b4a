import type { Layout, Member, Struct } from './layout.js';
import type { ToolSet } from './schema.js';

/** One disagreement. */
export interface Difference {
  /** The struct's or constant's name in the kernel's header. */
  where: string;
  member?: string;
  /** In bytes; for a constant its value. */
  kernel?: { offset?: number; size?: number; value?: number };
  tools?: { offset?: number; size?: number; value?: number };
  cause: string;
}

function place(side: Difference['kernel']): string {
  if (!side) return 'absent';
  if (side.value !== undefined) return String(side.value);
  return side.offset === undefined ? `${String(side.size)} bytes` : `offset ${String(side.offset)}, ${String(side.size)} bytes`;
}

/** A difference as one line. */
export function describe({ where, member, kernel, tools, cause }: Difference): string {
  return `${where}${member === undefined ? '' : `.${member}`}: kernel ${place(kernel)}, tools ${place(tools)} (${cause})`;
}

/**
 * Name of a kernel struct in the tools' header. ipvsadm 1.26 keeps the kernel's shape under NAME_kern and uses NAME
 * itself for a wider struct of its own (with IPv6), which never reaches the kernel.
 */
function toolsName(name: string, tools: ReadonlyMap<string, Struct>): string | undefined {
  return [`${name.replace(/_user$/, '')}_kern`, name].find((candidate) => tools.has(candidate));
}

/** `__addr_v4` of the tools is the kernel's `addr`. */
function plain(member: string): string {
  return member.replace(/^__/, '').replace(/_v4$/, '');
}

function compareStruct(name: string, kernel: Struct, tools: Struct): { differences: Difference[]; renamed: string[] } {
  const differences: Difference[] = [];
  const renamed: string[] = [];
  const left = new Set<Member>(tools.members);
  let shifted = false;
  for (const member of kernel.members) {
    const namesake = tools.members.find((other) => plain(other.name) === plain(member.name));
    const there = namesake ?? tools.members.find((other) => other.offset === member.offset && other.size === member.size && !kernel.members.some(({ name: known }) => plain(known) === plain(other.name)));
    if (!there) {
      differences.push({ where: name, member: member.name, kernel: member, cause: 'only the kernel has it: the tools are of another flavour, or older than the kernel patch' });
      shifted = true;
      continue;
    }
    left.delete(there);
    if (!namesake) renamed.push(`${name}.${member.name} is called ${there.name} by the tools`);
    if (there.size !== member.size) {
      differences.push({ where: name, member: member.name, kernel: member, tools: there, cause: 'its type has another width' });
      shifted = true;
    } else if (there.offset !== member.offset) {
      differences.push({ where: name, member: member.name, kernel: member, tools: there, cause: shifted ? 'moved by the difference before it' : 'the order of the members differs' });
    }
  }
  for (const extra of left) {
    differences.push({ where: name, member: extra.name, tools: extra, cause: 'only the tools have it: the kernel lacks the patch that adds it, or is older than the tools' });
  }
  if (kernel.size !== tools.size) {
    differences.push({ where: name, kernel: { size: kernel.size }, tools: { size: tools.size }, cause: differences.length > 0 ? 'the sum of the above' : 'padding or alignment' });
  }
  return { differences, renamed };
}

/** Groups of numbers in which each number has one meaning. */
const GROUPS = [/^IP_VS_SO_SET_/, /^IP_VS_SO_GET_/, /^IPVS_(?!CMD_ATTR_)CMD_/, /^IPVS_[A-Z]+(?:_[A-Z]+)*_ATTR_/, /^IP_VS_CONN_F_/, /^IP_VS_SVC_F_/] as const;

/** Sentinels and names for "the first number": they say how many there are, not what one means. */
function isSentinel(name: string): boolean {
  return /_MAX$/.test(name) || name === 'IP_VS_BASE_CTL';
}

function isNetlink(name: string): boolean {
  return /^_*IPVS_/.test(name);
}

/** One thing under two names: ipvsadm calls "timeout" what the kernel calls "config". */
const ALIASES: Readonly<Record<string, string>> = { IPVS_CMD_SET_TIMEOUT: 'IPVS_CMD_SET_CONFIG', IPVS_CMD_GET_TIMEOUT: 'IPVS_CMD_GET_CONFIG' };

function toolsAlias(kernelName: string): string {
  return Object.entries(ALIASES).find(([, kernel]) => kernel === kernelName)?.[0] ?? kernelName;
}

/** The part of a constant's name that all of its group share. */
function groupOf(name: string): string | undefined {
  for (const group of GROUPS) {
    const match = group.exec(name);
    if (match) return match[0];
  }
  return undefined;
}

function compareConstants(kernel: ReadonlyMap<string, number>, tools: ReadonlyMap<string, number>): { both: number; differences: Difference[]; onlyTools: string[] } {
  const differences: Difference[] = [];
  let both = 0;
  for (const [name, value] of kernel) {
    const other = tools.get(name) ?? tools.get(toolsAlias(name));
    if (other === undefined || isSentinel(name)) continue;
    both += 1;
    if (other !== value) differences.push({ where: name, kernel: { value }, tools: { value: other }, cause: 'the same name means another number: the enumerations of the two headers have grown apart' });
  }
  // The same number under two names: an option of one flavour would be taken for another's.
  const same = (name: string): string => ALIASES[name] ?? name;
  const onlyTools = [...tools.keys()].filter((name) => !kernel.has(same(name)) && !isSentinel(name) && groupOf(name) !== undefined);
  for (const name of onlyTools) {
    const group = groupOf(name);
    const value = tools.get(name);
    const taken = [...kernel].find(([other, number]) => number === value && !tools.has(other) && !isSentinel(other) && groupOf(other) === group);
    if (taken && value !== undefined) differences.push({ where: name, kernel: { value }, tools: { value }, cause: `the kernel takes this number for ${taken[0]}: the tools are of another flavour` });
  }
  return { both, differences, onlyTools };
}

/** Compares two headers' layouts for one tool set. */
export function compareLayouts(
  kernel: Layout,
  tools: Layout,
  toolset: Pick<ToolSet, 'netlink' | 'abi'>,
): { structs: number; constants: number; differences: Difference[]; notes: string[] } {
  const differences: Difference[] = [];
  const notes: string[] = [];
  let structs = 0;
  const accept = (found: readonly Difference[]): void => {
    for (const difference of found) {
      const known = toolset.abi.find(({ struct }) => struct === difference.where);
      if (known) notes.push(`${describe(difference)}; known: ${known.why}`);
      else differences.push(difference);
    }
  };
  const paired = new Set<string>();
  for (const [name, struct] of kernel.structs) {
    if (!name.startsWith('ip_vs_')) continue;
    const other = toolsName(name, tools.structs);
    const there = other === undefined ? undefined : tools.structs.get(other);
    if (!there || other === undefined) {
      notes.push(`struct ${name} is known to the kernel only`);
      continue;
    }
    paired.add(other);
    structs += 1;
    const { differences: found, renamed } = compareStruct(name, struct, there);
    accept(found);
    notes.push(...renamed);
  }
  for (const name of tools.structs.keys()) {
    if (!name.startsWith('ip_vs_') || paired.has(name)) continue;
    // The tools' own wide form of a struct that was compared.
    const base = name.replace(/_(?:kern|user)$/, '');
    if (paired.has(`${base}_kern`)) continue;
    notes.push(`struct ${name} is known to the tools only`);
  }
  const constants = compareConstants(kernel.constants, tools.constants);
  const harmless = constants.differences.filter(({ where }) => isNetlink(where) && !toolset.netlink);
  accept(constants.differences.filter((difference) => !harmless.includes(difference)));
  notes.push(...harmless.map((difference) => `${describe(difference)}; these tools use socket options, not netlink`));
  if (constants.onlyTools.length > 0) notes.push(`known to the tools only: ${constants.onlyTools.join(', ')}`);
  return { structs, constants: constants.both, differences, notes };
}
