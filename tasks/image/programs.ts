import { sha256File } from '../lib/digest.js';
import { run } from '../lib/exec.js';
import type { ImageContents } from '../lib/supply/sbom.js';

/** What an image holds beside artifact and packages, for its bill of materials. */

type Program = NonNullable<ImageContents['programs']>[number];

const version = (text: string): string => /\bv?(\d[\w.+~-]*)/.exec(text.split('\n')[0] ?? '')?.[1] ?? 'unknown';

/** @param path of the program that an appliance has */
export async function busyboxProgram(path: string): Promise<Program> {
  // Without an applet's name it says "BusyBox v1.35.0 (…)".
  const { stdout } = await run([path]);
  return { name: 'busybox', version: version(stdout), sha256: await sha256File(path) };
}

/** GRUB of this machine, of which boot loaders of disks are made. */
export async function grubProgram(): Promise<Program> {
  const { stdout } = await run(['grub-mkimage', '--version']);
  return { name: 'grub', version: version(stdout.replace(/^.*\)/, '')) };
}
