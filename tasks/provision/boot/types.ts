import type { FileResource } from '../types.js';

/** How a boot loader boots an entry once (templates/provision/engine/60-boot-once.sh). */
export type BootMethod = 'legacy' | 'redhat' | 'grub2';

/** What a kernel of its own needs of the host's boot loader. */
export interface BootPlan {
  /** On the kernel's command line as build_kernel=TOKEN: says which kernel runs. Digest of the image and its arguments. */
  token: string;
  entry?: {
    method: BootMethod;
    /** File that says what is booted next: default, stage2 or grubenv. */
    environment: string;
    /** Number (GRUB legacy) or id (GRUB 2) of the entry that is tried. */
    trial: string;
    /** Number of the entry that is booted otherwise. */
    stock: number;
  };
  /** Armed before the trial's reboot: the BMC's outlives it. */
  watchdog?: 'bmc';
  /** The menu, as it is while the kernel is tried and when it is confirmed; the initial file system when it is made here. */
  resources: readonly FileResource[];
  /** Made on the host by its own program, when the files of the kernel are there. */
  initramfs?: { tool: string; path: string; release: string; before: string };
}
