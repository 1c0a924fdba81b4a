import { ExpectedError } from '../../lib/errors.js';

/** How a value of the spec gets into a file that a program on the host reads: one way per kind of file, all of them here. */

function refuse(value: string, why: string): never {
  throw new ExpectedError({
    code: 'usage',
    what: `A value cannot be written to the host: ${JSON.stringify(value.length > 80 ? `${value.slice(0, 80)}…` : value)}`,
    why,
    fix: 'Change it in gateway.yaml.',
  });
}

/** Characters that end a line, or that a terminal would act on. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** A value as one word of a POSIX shell script: whatever it holds, the shell sees only itself. @throws ExpectedError usage */
export function quote(value: string): string {
  if (CONTROL.test(value)) refuse(value, 'It holds a control character or a line break.');
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}

/** A command line of quoted words. */
export const command = (words: readonly string[]): string => words.map(quote).join(' ');

/** A value as one word of a line that a script reads with `read -r`: no white space, not empty. @throws ExpectedError usage */
export function word(value: string): string {
  if (value === '' || CONTROL.test(value) || /\s/.test(value)) refuse(value, 'It is empty, or holds white space or a control character.');
  return value;
}

/** The rest of such a line: may hold single spaces. @throws ExpectedError usage */
export function rest(value: string): string {
  if (value.trim() === '' || CONTROL.test(value.replaceAll('\t', ' '))) refuse(value, 'It is empty, or holds a control character or a line break.');
  return value.trim().split(/\s+/).join(' ');
}

/** Lines of words, each ended. An empty list is an empty file. */
export const lines = (list: readonly (readonly string[])[]): string => list.map((words) => `${words.map(word).join(' ')}\n`).join('');

/** A kernel setting's name as its path below /proc/sys. sysctl's own way: where a slash comes before any dot, or a device's name has a dot, they are exchanged. */
export function settingPath(name: string): string {
  const path = name.includes('/') && name.indexOf('/') < (name.indexOf('.') + 1 || Infinity) ? name : name.replaceAll(/[./]/g, (sign) => (sign === '.' ? '/' : '.'));
  if (!/^[A-Za-z0-9_@:./-]+$/.test(path) || path.split('/').some((part) => part === '' || part === '.' || part === '..')) refuse(name, 'It is no name of a kernel setting.');
  return path;
}
