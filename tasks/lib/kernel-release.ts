/** What a kernel's release (uname -r) says of its age. */

/** True for the 2.6.32 kernels: other CPU models, namespaces, tools and file systems. */
export function isOldKernel(release: string): boolean {
  return release.startsWith('2.6.');
}

/** Compares kernel releases by their numbers, for sorting: 6.1.0-9 before 6.1.0-56. */
export function compareReleases(one: string, other: string): number {
  const numbers = (text: string): number[] => text.split(/[^0-9]+/).filter((part) => part !== '').map(Number);
  const [a, b] = [numbers(one), numbers(other)];
  for (let index = 0; index < Math.max(a.length, b.length); index += 1) {
    const difference = (a[index] ?? -1) - (b[index] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
