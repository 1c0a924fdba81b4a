import { ExpectedError } from './errors.js';

/** Folders in which make and rpmbuild work. */

/**
 * kbuild before 2019 and old makefiles split paths at blanks and take a colon for a rule, rpmbuild reads a percent sign
 * as a macro, and quotes end early in all of them.
 * @returns the first character of a path that they stumble over
 */
export function oddCharacter(path: string): string | undefined {
  return /[\s:%'"$\\#]/.exec(path)?.[0];
}

/**
 * Refuses a folder before anything is downloaded for it.
 * @param option by which the user names another one
 * @throws ExpectedError usage
 */
export function requirePlainPath(path: string, option: '--work' | '--cache'): void {
  const odd = oddCharacter(path);
  if (odd === undefined) return;
  throw new ExpectedError({
    code: 'usage',
    what: `Nothing can be built below ${path}: make and rpmbuild stumble over the ${odd === ' ' ? 'blank' : JSON.stringify(odd)} in it.`,
    fix: `Name a folder with a plain path with ${option}.`,
  });
}
