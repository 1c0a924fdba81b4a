import { posix } from 'node:path';
import { sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { isStacked, rootModules } from '../preflight/drivers.js';
import { MENU_PART } from '../run/operations.js';
import type { DesiredKernel, FileResource, HostFacts } from '../types.js';
import type { InitramfsInput } from './initramfs.js';
import { grub2Menu } from './menu-grub2.js';
import { legacyMenu } from './menu-legacy.js';
import type { BootPlan } from './types.js';

export { hookResources } from './hook.js';
export { initramfsHere } from './here.js';
export { makeInitramfs } from './initramfs.js';
export type { BootMethod, BootPlan } from './types.js';

/** What planBoot reads of a host. */
export interface BootHost {
  facts: HostFacts;
  /** A file's bytes; undefined when it is not there. */
  read(path: string): Promise<Buffer | undefined>;
  /** Makes an initial file system for a host that has no program for it (makeInitramfs). */
  makeHere?(need: Pick<InitramfsInput, 'path' | 'drivers' | 'fstype'>): Promise<FileResource>;
}

/** Red Hat's GRUB 0.97 has another savedefault than GNU's: its help text takes no number. */
function legacyMethod(stage2: Buffer | undefined): 'legacy' | 'redhat' {
  if (!stage2) {
    throw new ExpectedError({
      code: 'provision',
      what: 'The boot loader cannot be told to boot a kernel once.',
      why: 'There is no stage2 beside its menu: GRUB 0.97 for UEFI is not supported.',
    });
  }
  return stage2.includes('savedefault [NUM') ? 'legacy' : 'redhat';
}

/** Offset of the saved entry in stage2: its second sector, 12 bytes in. */
const SAVED_ENTRY = 512 + 12;

/** What `default saved` means: a number in a file for GNU's GRUB, a byte of stage2 for Red Hat's. */
function savedEntry(method: 'legacy' | 'redhat', stage2: Buffer, file: Buffer | undefined): number {
  if (method === 'redhat') return stage2[SAVED_ENTRY] ?? 0;
  const at = Number.parseInt(file?.toString('latin1') ?? '', 10);
  return Number.isInteger(at) ? at : 0;
}

const INITRAMFS_NAME: Readonly<Record<NonNullable<HostFacts['initramfsTool']>, (release: string) => string>> = {
  dracut: (release) => `initramfs-${release}.img`,
  mkinitrd: (release) => `initrd-${release}.img`,
  'update-initramfs': (release) => `initrd.img-${release}`,
};

interface ChosenInitramfs {
  /** Base name, beside the kernel. */
  name: string;
  /** Made on the host by its own program. */
  onHost?: BootPlan['initramfs'];
  /** Made here. */
  resource?: FileResource;
}

/** How the kernel comes by what it needs to mount the root file system; undefined: it has all built in. */
async function planInitramfs(host: BootHost, kernel: DesiredKernel): Promise<ChosenInitramfs | undefined> {
  const { facts, read, makeHere } = host;
  const { initramfsTool: tool } = facts;
  if (tool && !facts.offline) {
    const name = INITRAMFS_NAME[tool](kernel.release);
    const path = `/boot/${name}`;
    const there = await read(path);
    return { name, onHost: { tool, path, release: kernel.release, before: there ? sha256(there) : 'absent' } };
  }
  const missing = rootModules(facts, kernel);
  // Without an initial file system the kernel itself looks for root=, and knows no UUID= or LABEL=.
  const named = /(?:^|\s)root=(UUID|LABEL)=/.exec(facts.cmdline)?.[1];
  if (missing.length === 0 && named === undefined) return undefined;
  if (makeHere && !facts.offline && !isStacked(facts.root) && facts.root.fstype !== '') {
    const name = `initramfs-${kernel.release}.img`;
    return { name, resource: await makeHere({ path: `/boot/${name}`, drivers: missing, fstype: facts.root.fstype }) };
  }
  throw new ExpectedError({
    code: 'provision',
    what: `The kernel ${kernel.release} cannot mount this host's root file system by itself.`,
    why: missing.length > 0 ? `Modules, not built in: ${missing.join(', ')}.` : `The host boots with root=${named ?? ''}=…, which only an initial file system understands.`,
    fix: facts.offline
      ? 'Install dracut or initramfs-tools in the image and make the initial file system there, or build these into the kernel.'
      : 'Install dracut (EL) or initramfs-tools (Debian) on the host, or build these into the kernel (build --config).',
  });
}

/** An installed kernel of the same name cannot be replaced: the entry to go back to would boot the new one. */
async function checkSameName({ facts, read }: BootHost, kernel: DesiredKernel, imageSha256: string): Promise<void> {
  const image = kernel.image ?? '';
  const there = await read(image);
  if (!there || sha256(there) === imageSha256) return;
  if (facts.release !== kernel.release && !facts.kernels.includes(kernel.release)) return;
  throw new ExpectedError({
    code: 'provision',
    what: `There is another kernel ${kernel.release} on the host already.`,
    why: `${image} and its modules would be replaced, and with them the way back: both boot entries would start the new kernel.`,
    fix: 'Give the new one another name: set CONFIG_LOCALVERSION in a --config fragment and build it again.',
  });
}

/** A kernel that is tried ends in a panic, thus in a reboot, when it hangs. Arguments it knows, by its configuration. */
function lockupArguments({ config }: DesiredKernel): string {
  const has = (name: string): boolean => config[`CONFIG_${name}`] === 'y';
  const words = ['oops=panic'];
  if (has('LOCKUP_DETECTOR') || has('DETECT_SOFTLOCKUP') || has('SOFTLOCKUP_DETECTOR')) words.push('softlockup_panic=1');
  if (has('HARDLOCKUP_DETECTOR') || has('LOCKUP_DETECTOR')) words.push('nmi_watchdog=panic');
  if (has('DETECT_HUNG_TASK')) words.push('hung_task_panic=1');
  return words.join(' ');
}

/**
 * What a kernel needs of a host's boot loader: its menu, its token, its initial file system.
 * @param imageSha256 digest of the kernel's image
 * @returns undefined for modules of the distribution's kernel
 * @throws ExpectedError provision when the host cannot boot it once, or could not come back
 */
export async function planBoot(host: BootHost, kernel: DesiredKernel, imageSha256: string): Promise<BootPlan | undefined> {
  if (kernel.kind !== 'kernel' || kernel.image === undefined) return undefined;
  const { facts, read } = host;
  const { kind, config: path } = facts.bootloader;
  await checkSameName(host, kernel, imageSha256);
  const token = sha256(`${imageSha256} ${kernel.append}`).slice(0, 12);
  const initramfs = await planInitramfs(host, kernel);
  const files = initramfs?.resource ? [initramfs.resource] : [];
  const onHost = initramfs?.onHost && { initramfs: initramfs.onHost };
  const names = { token, release: kernel.release, image: posix.basename(kernel.image), initramfs: initramfs?.name, append: `${kernel.append} panic=10`.trim(), trialAppend: lockupArguments(kernel) };
  const text = path === undefined ? undefined : (await read(path))?.toString('utf8');
  if (kind === 'none' || path === undefined || text === undefined) {
    throw new ExpectedError({
      code: 'provision',
      what: 'No boot loader was found that the new kernel could be booted with.',
      why: `GRUB 0.97 (menu.lst, grub.conf) and GRUB 2 (grub.cfg) are known; ${path ?? 'none of their menus'} ${path === undefined ? 'is there' : 'cannot be read'}.`,
    });
  }
  const folder = posix.dirname(path);
  const resource = (at: string, menu: { trial: string; confirmed: string }, mode: number): FileResource[] => [
    { kind: 'file', path: at, content: menu.confirmed, mode, part: MENU_PART, why: 'boots the kernel', ...(menu.trial === menu.confirmed || facts.offline ? {} : { trial: menu.trial }) },
  ];
  if (kind === 'grub2') {
    const custom = `${folder}/custom.cfg`;
    const menu = grub2Menu(text, (await read(custom))?.toString('utf8'), names);
    return { token, ...onHost, resources: [...files, ...resource(custom, menu, 0o600)], entry: { method: 'grub2', environment: `${folder}/grubenv`, trial: menu.id, stock: 0 } };
  }
  const stage2 = await read(`${folder}/stage2`);
  const method = legacyMethod(stage2);
  const environment = `${folder}/${method === 'legacy' ? 'default' : 'stage2'}`;
  const menu = legacyMenu(text, names, method, savedEntry(method, stage2 ?? Buffer.alloc(0), method === 'legacy' ? await read(environment) : undefined));
  if (menu.entry > 255) throw new ExpectedError({ code: 'provision', what: 'The boot menu has too many entries.', fix: 'Remove old kernels.' });
  return { token, ...onHost, resources: [...files, ...resource(path, menu, 0o600)], entry: { method, environment, trial: String(menu.entry), stock: menu.stock } };
}
