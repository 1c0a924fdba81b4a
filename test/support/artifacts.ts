import { inject } from 'vitest';
import { defaultCacheDir } from '../../tasks/lib/paths.js';
import { cli } from './cli.js';
import './slow-setup.js';

/** Artifacts of the distribution's kernel, built by the product as a user would, once for all the test files of a run. */

/** The cache of the machine: the kernel's source package is 140 MB. */
export const machineCache: Readonly<Record<string, string>> = { BUILD_KERNEL_CACHE: process.env['BUILD_KERNEL_CACHE'] ?? defaultCacheDir() };

/**
 * @param flavour nat-snat: half a minute; nat-snat-full: several
 * @returns folder of the artifact
 */
export async function builtArtifact(flavour: string): Promise<string> {
  const built = await cli([flavour, '--json'], { cwd: inject('artifactWork'), env: machineCache });
  if (built.status !== 0) throw new Error(`${flavour} was not built: ${built.stdout}${built.stderr}`);
  return (built.json as { artifact: string }).artifact;
}
