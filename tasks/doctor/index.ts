import { ExpectedError } from '../lib/errors.js';
import { defaultCacheDir } from '../lib/paths.js';
import { suggest } from '../lib/suggest.js';
import type { Finding } from './findings.js';
import { checkMachine, type Places } from './machine.js';
import { check } from './probes.js';
import { PURPOSES, REQUIREMENTS, type Purpose, type Requirement } from './requirements.js';

export type { Finding } from './findings.js';
export type { Places } from './machine.js';
export { install, installCommand, installCommands, knownHere, packageManager, packagesFor, type Manager } from './install.js';
export { PURPOSES, REQUIREMENTS, type Purpose } from './requirements.js';

/** What this machine has and lacks for some purposes. */
export interface DoctorReport {
  found: Finding[];
  /** Something stops without these. */
  missing: Finding[];
  /** Nothing stops without these. */
  optional: Finding[];
}

/** @throws ExpectedError usage: a purpose that does not exist */
export function parsePurposes(names: readonly string[]): Purpose[] {
  return names.map((name) => {
    const purpose = PURPOSES.find((one) => one === name);
    if (purpose) return purpose;
    const near = suggest(name, PURPOSES);
    throw new ExpectedError({ code: 'usage', what: `There is no purpose ${name}.`, fix: `${near ? `Did you mean ${near}? ` : ''}There are: ${PURPOSES.join(', ')}.` });
  });
}

/** Runs all probes side by side. @param places folders of a build (default: those of a build here) */
export async function doctor(
  purposes: readonly Purpose[] = ['kernel', 'tools', 'package'],
  places: Partial<Places> = {},
  requirements: readonly Requirement[] = REQUIREMENTS,
): Promise<DoctorReport> {
  const wanted = (of: readonly Purpose[]): boolean => of.some((purpose) => purposes.includes(purpose));
  const all = await Promise.all([
    checkMachine({ work: places.work ?? 'build', out: places.out ?? 'artifacts', cache: places.cache ?? defaultCacheDir() }),
    Promise.all(requirements.filter((requirement) => wanted(requirement.purposes)).map(check)),
  ]);
  const findings = all.flat().filter((finding) => wanted(finding.purposes));
  const of = (state: Finding['state']): Finding[] => findings.filter((finding) => finding.state === state);
  return { found: of('ok'), missing: of('missing'), optional: of('advice') };
}
