import { errno } from '../lib/errors.js';
import { run, type ExecOptions, type ExecResult } from '../lib/exec.js';
import { remove } from '../lib/files.js';

/**
 * Owners of an image's files are root and the distribution's users. Root can make such files; other users can in a user
 * namespace, where they are root and their subordinate ids (/etc/subuid) the rest. No mount, no loop device either way.
 */

/** True when ids have to be mapped. */
export const needsNamespace = (): boolean => process.getuid?.() !== 0;

/**
 * Runs a program as root of the image.
 * @throws ExpectedError environment: no user namespaces or subordinate ids for this user
 */
export async function runAsImageRoot(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<ExecResult> {
  if (!needsNamespace()) return run(argv, options);
  return run(['unshare', '--map-auto', '--map-root-user', '--', ...argv], {
    ...options,
    fail: options.fail ?? {
      code: 'environment',
      what: `${argv[0]} failed in a user namespace.`,
      fix: 'Without root an image needs user namespaces and subordinate ids: install uidmap, and add this user to /etc/subuid and /etc/subgid; or run it as root.',
    },
  });
}

/** Removes a folder in which files may belong to users of an image, also when this run was asked to stop. */
export async function removeImageTree(folder: string): Promise<void> {
  await remove(folder).catch(async (error: unknown) => {
    if (!needsNamespace() || (errno(error) !== 'EACCES' && errno(error) !== 'EPERM')) throw error;
    await runAsImageRoot(['rm', '-rf', folder], { tidying: true });
  });
}
