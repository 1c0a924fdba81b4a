import type { DistroInput } from '../../../../tasks/verify/guest/distro.js';
import { ensureUserland, type Userland } from '../../../../tasks/verify/guest/userland.js';
import { chooseAccelerator, findQemu, type Qemu } from '../../../../tasks/verify/vm/qemu.js';
import { hostsContext } from '../../../support/hosts/context.js';

/** What every guest of a test needs, from the user's cache. */
export interface GuestParts {
  distro: DistroInput;
  userland: Userland;
  qemu: Qemu;
}

/** @param cpu model for which the accelerator is tried */
export async function guestParts(folder: string, cpu = 'qemu64'): Promise<GuestParts> {
  const context = hostsContext(folder);
  const progress = (): void => undefined;
  const { cacheDir, fetch, log, jobs } = context;
  return {
    distro: { cacheDir, fetch, log, progress },
    userland: await ensureUserland({ cacheDir, fetch, log, jobs, progress }),
    qemu: await chooseAccelerator(await findQemu('netns'), cpu, 'tcg'),
  };
}
