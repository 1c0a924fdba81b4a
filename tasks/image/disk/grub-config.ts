/** grub.cfg of an image: our own short one; the image's update-grub writes the distribution's over it when a kernel is updated. */

export interface BootEntry {
  title: string;
  /** Paths on the root file system. */
  kernel: string;
  initrd?: string;
  append: string;
}

/** Words of a menu: no quote, brace or dollar may end the string early. */
const word = (text: string): string => `'${text.replaceAll(/['\n]/g, ' ')}'`;

/** @param filesystem id of the root file system */
export function grubConfig(entries: readonly BootEntry[], filesystem: string): string {
  return [
    '# Written by build-kernel image.',
    'serial --unit=0 --speed=115200',
    'terminal_input console serial',
    'terminal_output console serial',
    'set default=0',
    'set timeout=2',
    `search --no-floppy --fs-uuid --set=root ${filesystem}`,
    ...entries.flatMap(({ title, kernel, initrd, append }) => [`menuentry ${word(title)} {`, `  linux ${kernel} ${append}`, ...(initrd === undefined ? [] : [`  initrd ${initrd}`]), '}']),
    '',
  ].join('\n');
}
