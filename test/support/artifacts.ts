import { join } from 'node:path';
import { inject } from 'vitest';
import { withLock } from '../../tasks/lib/lock.js';
import { defaultCacheDir } from '../../tasks/lib/paths.js';
import { cli } from './cli.js';
import './slow-setup.js';

/** Artifacts of the distribution's kernel, built by the product as a user would, once for all the test files of a run. */

/** The cache of the machine: the kernel's source package is 140 MB. */
export const machineCache: Readonly<Record<string, string>> = { BUILD_KERNEL_CACHE: process.env['BUILD_KERNEL_CACHE'] ?? defaultCacheDir() };

/** The folder they are built in, for one at a time: test files run side by side. */
export function inArtifactWork<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = inject('artifactWork');
  return withLock(join(folder, 'tests.lock'), 'The artifacts of the tests', () => work(folder), 3_600_000);
}

/** As builtArtifact, inside inArtifactWork. */
export async function buildArtifact(flavour: string, folder: string): Promise<string> {
  const built = await cli([flavour, '--json'], { cwd: folder, env: machineCache });
  if (built.status !== 0) throw new Error(`${flavour} was not built: ${built.stdout}${built.stderr}`);
  return (built.json as { artifact: string }).artifact;
}

/**
 * @param flavour nat-snat: half a minute; nat-snat-full: several
 * @returns folder of the artifact
 */
export const builtArtifact = (flavour: string): Promise<string> => inArtifactWork((folder) => buildArtifact(flavour, folder));
