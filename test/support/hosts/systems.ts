import { join } from 'node:path';
import { systemFromArtifact } from '../../../tasks/verify/guest/artifact.js';
import { systemFromDistribution } from '../../../tasks/verify/guest/distro.js';
import type { GuestSystem } from '../../../tasks/verify/guest/system.js';
import type { HostsContext } from './context.js';

/** Kernels that hosts and the guests around them run. */

const input = (context: HostsContext): { fetch: HostsContext['fetch']; cacheDir: string; log: HostsContext['log']; progress: HostsContext['say'] } => ({
  fetch: context.fetch,
  cacheDir: context.cacheDir,
  log: context.log,
  progress: context.say,
});

/** The distribution's kernel. @param folder scratch @param release another than its current one */
export async function distributionSystem(context: HostsContext, folder: string, release?: string): Promise<GuestSystem> {
  return systemFromDistribution(join(folder, `distro-system${release === undefined ? '' : `-${release}`}`), { ...input(context), ...(release === undefined ? {} : { release }) });
}

/** An artifact's kernel. @param folder scratch */
export async function artifactSystem(context: HostsContext, artifact: string, folder: string): Promise<GuestSystem> {
  return (await systemFromArtifact(artifact, join(folder, 'artifact-system'), input(context))).system;
}
