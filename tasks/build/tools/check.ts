import { readFile } from 'node:fs/promises';
import { ExpectedError } from '../../lib/errors.js';
import { EM_X86_64, readElf } from './elf.js';
import type { Variant } from './schema.js';

/** 2.6.32, the kernel that static tools must start on. */
const TARGET_KERNEL = [2, 6, 32] as const;

function newerThanTarget(version: readonly [number, number, number]): boolean {
  for (const [index, part] of TARGET_KERNEL.entries()) {
    const other = version[index] ?? 0;
    if (other !== part) return other > part;
  }
  return false;
}

/**
 * Checks what came out of a build: upstream's makefiles build a glibc program without a word when a static one was
 * asked for, and such a program dies on EL6 with "kernel too old".
 * @param path the program
 * @param variant how it must be linked
 * @param foreign folders of this host whose path must not be inside (the build would differ from folder to folder)
 * @returns how it is linked
 * @throws ExpectedError tools, naming program and fault
 */
export async function checkProgram(path: string, variant: Variant, foreign: readonly string[] = [], log?: string): Promise<'dynamic' | 'static'> {
  const refuse = (why: string, fix: string): ExpectedError =>
    new ExpectedError({ code: 'tools', what: `${path} is not the ${variant} program it should be.`, why, fix, log });
  const facts = await readElf(path);
  if (!facts) throw refuse('It is no 64-bit little-endian ELF file.', 'Look in the log for what the build made instead.');
  if (facts.machine !== EM_X86_64) throw refuse(`It is for machine ${String(facts.machine)}, not x86-64.`, 'Build on x86-64.');
  if (facts.runPath) throw refuse('It has a library search path (RPATH) of this host linked in.', 'Unset LD_RUN_PATH and build again.');
  if (variant === 'static') {
    if (facts.interpreter) {
      throw refuse(
        `It needs the dynamic loader ${facts.interpreter}, so it depends on the target's C library.`,
        'The compiler or -static was not passed on; see the link command in the log.',
      );
    }
    if (facts.oldestKernel && newerThanTarget(facts.oldestKernel)) {
      throw refuse(
        `Its C library needs Linux ${facts.oldestKernel.join('.')} or later (glibc); 2.6.32 would stop it with "FATAL: kernel too old".`,
        'It was not linked with musl; see the link command in the log.',
      );
    }
  } else if (!facts.interpreter) {
    throw refuse('It is linked statically, but the host variant uses the host\'s libraries.', 'See the link command in the log.');
  }
  const bytes = await readFile(path);
  for (const folder of foreign) {
    if (bytes.includes(folder)) {
      throw refuse(`It has the path ${folder} inside: builds in other folders would give other bytes.`, 'This is a fault of the recipe: report it.');
    }
  }
  return facts.interpreter ? 'dynamic' : 'static';
}
