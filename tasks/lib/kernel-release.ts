/** What a kernel's release (uname -r) says of its age. */

/** True for the 2.6.32 kernels: other CPU models, namespaces, tools and file systems. */
export function isOldKernel(release: string): boolean {
  return release.startsWith('2.6.');
}
