import { posix } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { added, mergeArguments, type MenuKernel } from './menu-legacy.js';

/**
 * GRUB 2: an entry in custom.cfg, which grub.cfg reads when it is there (41_custom). grub.cfg itself is not touched, so
 * that update-grub takes nothing of it away and there is nothing to make again on the way back.
 */

const BEGIN = '# BEGIN build-kernel';
const END = '# END build-kernel';

/** The first entry of grub.cfg that boots Linux: its lines between the braces. */
function stockBody(config: string): string[] {
  let body: string[] | undefined;
  for (const line of config.split('\n')) {
    if (/^\s*menuentry\s.*\{\s*$/.test(line)) body = [];
    else if (body && /^\s*\}\s*$/.test(line)) {
      if (body.some((inner) => LINUX.test(inner))) return body;
      body = undefined;
    } else body?.push(line);
  }
  throw new ExpectedError({
    code: 'provision',
    what: 'There is no entry to copy in grub.cfg.',
    why: config.includes('blscfg') ? 'Its entries are in /boot/loader/entries, which is not supported.' : 'It has no menuentry with a linux line.',
    fix: 'On Debian: update-grub.',
  });
}

const LINUX = /^\s*linux(16|efi)?\s/;
const INITRD = /^(\s*)initrd(16|efi)?\s/;

function block(text: string, ours: string): string {
  const pattern = new RegExp(`^${BEGIN}\\n[^]*?^${END}\\n?`, 'm');
  const without = text.replace(pattern, '');
  return `${without}${without === '' || without.endsWith('\n') ? '' : '\n'}${BEGIN}\n${ours}${END}\n`;
}

/**
 * custom.cfg with an entry for a kernel.
 * @param config grub.cfg
 * @param custom custom.cfg as it is; undefined when there is none
 * @returns its text while the kernel is tried and when it is confirmed, and the entry's id; the same text twice when
 *   the kernel is the default already
 * @throws ExpectedError provision when grub.cfg does not read custom.cfg, knows no next_entry or has no entry to copy
 */
export function grub2Menu(config: string, custom: string | undefined, kernel: MenuKernel): { trial: string; confirmed: string; id: string } {
  for (const [needed, why] of [
    ['custom.cfg', 'It does not read custom.cfg (/etc/grub.d/41_custom is missing or not executable).'],
    ['next_entry', 'It does not obey grub-reboot (made by an old grub-mkconfig).'],
  ] as const) {
    if (!config.includes(needed)) {
      throw new ExpectedError({ code: 'provision', what: 'grub.cfg cannot boot a kernel for one boot only.', why, fix: 'Restore /etc/grub.d and run update-grub (grub2-mkconfig -o …).' });
    }
  }
  const body = stockBody(config);
  const line = body.find((inner) => LINUX.test(inner)) ?? '';
  const [command = 'linux', path = '', ...args] = line.trim().split(/\s+/);
  const beside = (name: string): string => posix.join(posix.dirname(path), name);
  const id = `build-kernel-${kernel.token}`;
  const initrd = body.find((each) => INITRD.test(each))?.trim().split(/\s+/)[0] ?? command.replace('linux', 'initrd');
  const entry = (trial: boolean): string => {
    const inner = body
      .filter((each) => !INITRD.test(each) && !/^\s*echo\s/.test(each))
      .map((each) => (LINUX.test(each) ? `\t${command} ${beside(kernel.image)} ${mergeArguments(args, added(kernel, trial))}` : each));
    if (kernel.initramfs !== undefined) inner.push(`\t${initrd} ${beside(kernel.initramfs)}`);
    return `menuentry 'build-kernel ${kernel.release}' --unrestricted --id ${id} {\n${inner.join('\n')}\n}\n`;
  };
  // boot_once: grub-reboot asked for an entry, which is then to be booted.
  const chosen = `if [ -z "\${boot_once}" ]; then\n\tset default=${id}\nfi\nset fallback=0\n`;
  const confirmed = block(custom ?? '', `${entry(false)}${chosen}`);
  if (custom === confirmed) return { trial: confirmed, confirmed, id };
  // While a new one is tried, the one that was confirmed before stays the default, under its own id.
  const earlier = new RegExp(`^${BEGIN}\\n([^]*?)^${END}$`, 'm').exec(custom ?? '')?.[1] ?? '';
  return { trial: block(custom ?? '', `${earlier}${entry(true)}`), confirmed, id };
}
