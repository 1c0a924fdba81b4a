import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Root of the installed package (the folder with package.json): the parent of tasks/ in a checkout and of dist/ when built. */
export const packageRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Flavours, bases, tool sets, patches and Kconfig fragments. */
export const patchesDir = join(packageRoot, 'patches');

/** Default cache folder: $BUILD_KERNEL_CACHE, else the XDG cache folder. */
export function defaultCacheDir(): string {
  return process.env['BUILD_KERNEL_CACHE'] ?? join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'build-kernel');
}
