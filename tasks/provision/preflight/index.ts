import { ExpectedError } from '../../lib/errors.js';
import { checkAccess } from './access.js';
import { checkDrivers } from './drivers.js';
import { checkOffloads } from './offloads.js';
import { checkSpace } from './space.js';
import { checkSystem } from './system.js';
import type { Finding, PreflightInput } from './types.js';
import { checkWatchdog } from './watchdog.js';

export { checkOffloads } from './offloads.js';
export { armsWatchdog, ifItHangs } from './watchdog.js';
export type { Finding, PreflightInput } from './types.js';

/** What speaks against this plan on this host. Looks at facts only: nothing is asked of the host. */
export function preflight(input: PreflightInput): Finding[] {
  return [...checkSystem(input), ...checkDrivers(input), ...checkOffloads(input), ...checkSpace(input), ...checkAccess(input), ...checkWatchdog(input)];
}

/** @throws ExpectedError preflight with every error and what helps */
export function refuseUnfit(host: string, findings: readonly Finding[]): void {
  const errors = findings.filter(({ level }) => level === 'error');
  if (errors.length === 0) return;
  throw new ExpectedError({
    code: 'preflight',
    what: `${host} cannot become this gateway as it is.`,
    why: errors.map(({ what, fix }) => `- ${what}${fix === undefined ? '' : `\n  ${fix}`}`).join('\n'),
    fix: 'Nothing was changed. Mend what is named, then run the same command again.',
  });
}

/** Warnings as a plan shows them. */
export function warningsOf(findings: readonly Finding[]): string[] {
  return findings.filter(({ level }) => level === 'warning').map(({ what, fix }) => (fix === undefined ? what : `${what} ${fix}`));
}
