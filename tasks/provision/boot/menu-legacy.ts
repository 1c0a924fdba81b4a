import { posix } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';

/**
 * GRUB 0.97's menu.lst or grub.conf as text. Ours is always the last entry: the numbers of the others stay.
 * Sources: GRUB 0.97's manual, 13 (default, fallback, savedefault), and its sources for what the manual leaves out.
 */

const BEGIN = '# BEGIN build-kernel ';
const END = '# END build-kernel';

export interface MenuKernel {
  token: string;
  release: string;
  /** Base names in the folder of the stock kernel. */
  image: string;
  initramfs?: string;
  /** Added to the stock entry's arguments. */
  append: string;
  /** Added while it is tried only. */
  trialAppend: string;
}

interface Menu {
  head: string[];
  entries: string[][];
}

function parse(text: string): Menu {
  const menu: Menu = { head: [], entries: [] };
  let entry: string[] | undefined;
  for (const line of text.replace(/\n$/, '').split('\n')) {
    if (/^\s*title(\s|$)/.test(line)) menu.entries.push((entry = []));
    (entry ?? menu.head).push(line);
  }
  return menu;
}

/** Without the entries that an earlier run added, but for the one with this number: it may be what is booted now. */
function withoutOurs(text: string, keep: number): { text: string; found?: { token: string; text: string } } {
  let at = -1;
  let ours: string[] | undefined;
  let found: { token: string; text: string } | undefined;
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith(BEGIN)) ours = [];
    if (/^\s*title(\s|$)/.test(line)) at += 1;
    (ours ?? lines).push(line);
    if (ours && line.startsWith(END)) {
      if (at === keep) {
        lines.push(...ours);
        found = { token: (ours[0] ?? '').slice(BEGIN.length).trim(), text: ours.join('\n') };
      }
      ours = undefined;
    }
  }
  lines.push(...(ours ?? []));
  return { text: lines.join('\n'), found };
}

/** Words after a directive; GRUB takes a blank or = between. */
function directive(head: readonly string[], name: string): string | undefined {
  const pattern = new RegExp(`^\\s*${name}[\\s=]+(.*\\S)\\s*$`);
  return head.map((line) => pattern.exec(line)?.[1]).findLast((value) => value !== undefined);
}

function setDirectives(head: readonly string[], values: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(values);
  const others = head.filter((line) => !names.some((name) => new RegExp(`^\\s*${name}([\\s=]|$)`).test(line)));
  return [...others, ...names.map((name) => `${name}=${values[name] ?? ''}`)];
}

/**
 * Number of the entry that is booted by default.
 * @param saved what `default saved` means on this host
 */
export function stockEntry(text: string, saved: number): number {
  const { head, entries } = parse(text);
  const value = directive(head, 'default') ?? '0';
  const at = value === 'saved' ? saved : Number.parseInt(value, 10);
  return Number.isInteger(at) && at >= 0 && at < entries.length ? at : 0;
}

/** Arguments of a kernel with others added; one of the same name is replaced. */
export function mergeArguments(stock: readonly string[], append: string): string {
  const added = append.split(/\s+/).filter((word) => word !== '');
  const name = (word: string): string => word.split('=', 1)[0] ?? '';
  const replaced = new Set([...added.map(name), 'build_kernel']);
  // Several consoles are usual; the last is the main one.
  replaced.delete('console');
  return [...stock.filter((word) => !replaced.has(name(word)) && !added.includes(word)), ...added].join(' ');
}

/** What is added to the stock arguments. */
export function added(kernel: MenuKernel, trial: boolean): string {
  return `${kernel.append}${trial ? ` ${kernel.trialAppend}` : ''} build_kernel=${kernel.token}`;
}

function ourEntry(entry: readonly string[], kernel: MenuKernel, trial: boolean, savedefault: number | undefined): string[] {
  const lines = entry.map((line) => line.trim());
  const stock = lines.find((line) => /^kernel\s/.test(line));
  if (stock === undefined || lines.some((line) => /^(module|chainloader)\s/.test(line))) {
    throw new ExpectedError({
      code: 'provision',
      what: "The boot menu's default entry is not a plain Linux kernel.",
      why: entry.join('\n'),
      fix: 'Make an entry with a kernel and an initrd line the default.',
    });
  }
  const words = stock.split(/\s+/).slice(1);
  const options = words.filter((word, at) => word.startsWith('--') && words.slice(0, at).every((before) => before.startsWith('--')));
  const [path = '', ...args] = words.slice(options.length);
  const folder = posix.dirname(path);
  const beside = (name: string): string => (folder.endsWith('/') ? `${folder}${name}` : `${folder}/${name}`);
  const root = lines.filter((line) => /^(root|rootnoverify|uuid)\s/.test(line));
  return [
    `${BEGIN}${kernel.token}`,
    `title build-kernel ${kernel.release}`,
    // First, so that whatever goes wrong later goes wrong once.
    ...(savedefault === undefined ? [] : [`\tsavedefault ${String(savedefault)}`]),
    ...root.map((line) => `\t${line}`),
    `\tkernel ${[...options, beside(kernel.image), mergeArguments(args, added(kernel, trial))].join(' ')}`,
    ...(kernel.initramfs === undefined ? [] : [`\tinitrd ${beside(kernel.initramfs)}`]),
    END,
  ];
}

/**
 * The menu with an entry for a kernel.
 * @param text the menu as it is
 * @param method legacy: GRUB 0.97, whose savedefault takes a number; redhat: Red Hat's, whose does not
 * @param saved what `default saved` means on this host
 * @returns the menu while the kernel is tried, the one when it is confirmed, numbers of the entries; the same text
 *   twice when the kernel is the default already
 * @throws ExpectedError provision when the default entry cannot be copied
 */
export function legacyMenu(text: string, kernel: MenuKernel, method: 'legacy' | 'redhat', saved: number): { trial: string; confirmed: string; stock: number; entry: number } {
  const booted = stockEntry(text, saved);
  const { text: cleaned, found } = withoutOurs(text, booted);
  const menu = parse(cleaned.replace(/\n*$/, ''));
  // Ours stand after the others, so only what comes before it counts.
  const stock = found ? menu.entries.length - 1 : booted;
  const copied = menu.entries[stock];
  if (!copied) throw new ExpectedError({ code: 'provision', what: 'The boot menu has no entries.', why: text.trim() });
  if (found?.token === kernel.token && mentions(found.text, kernel)) return { trial: text, confirmed: text, stock: booted, entry: booted };
  const entry = menu.entries.length;
  const timeout: Record<string, string> = directive(menu.head, 'timeout') === undefined ? { timeout: '5' } : {};
  const render = (head: Record<string, string>, trial: boolean, savedefault?: number): string =>
    `${[...setDirectives(menu.head, { ...head, fallback: String(stock), ...timeout }), ...menu.entries.flat(), ...ourEntry(copied, kernel, trial, savedefault)].join('\n')}\n`;
  return {
    trial: method === 'legacy' ? render({ default: 'saved' }, true, stock) : render({ default: directive(menu.head, 'default') ?? '0' }, true),
    confirmed: render({ default: String(entry) }, false),
    stock,
    entry,
  };
}

function mentions(entry: string, kernel: MenuKernel): boolean {
  return entry.includes(kernel.image) && (kernel.initramfs === undefined || entry.includes(kernel.initramfs));
}
