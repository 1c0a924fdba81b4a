import { ExpectedError } from '../../lib/errors.js';

/** What the packages are called and which version they carry. */

export interface PackageName {
  name: string;
  version: string;
  /** RPM's release and Debian's revision. */
  release: string;
}

/** Text that may stand in a spec file, a control file and a scriptlet as it is. */
const SAFE = /^[A-Za-z0-9][A-Za-z0-9.+~_-]*$/;

/** @throws ExpectedError package when a name has characters that a package's fields or scripts must not hold */
export function requireSafe(what: string, text: string): string {
  if (SAFE.test(text)) return text;
  throw new ExpectedError({
    code: 'package',
    what: `The ${what} ${JSON.stringify(text)} cannot be part of a package's name.`,
    why: 'letters, digits and . + ~ _ - are allowed',
    fix: 'Choose another CONFIG_LOCALVERSION (--set), or another name of the flavour.',
  });
}

/** `2.6.32-220.23.1.el6.dsnat` → version 2.6.32, release 220.23.1.el6.dsnat; neither may hold a dash. */
function split(release: string): { version: string; release: string } {
  const at = release.search(/[-+]/);
  if (at <= 0) return { version: release.replaceAll('-', '_'), release: '1' };
  return { version: release.slice(0, at), release: release.slice(at + 1).replaceAll('-', '_') || '1' };
}

/** The kernel's RPM. Several releases of one name are installed side by side (it provides installonlypkg(kernel)). */
export function kernelRpmName(flavour: string, release: string): PackageName {
  return { name: `kernel-snat-${requireSafe('flavour', flavour)}`, ...split(requireSafe('kernel release', release)) };
}

/** The kernel's deb: named by release, as Debian's kernels are, so that an upgrade never removes the kernel that runs. */
export function kernelDebName(release: string): PackageName {
  const parts = split(requireSafe('kernel release', release));
  return { name: `linux-image-${release.toLowerCase().replaceAll(/[_~]/g, '-')}`, version: parts.version, release: debianRevision(parts.release) };
}

/** The package of replacement modules: named by flavour and release, versioned as the kernel that they are for (6.1.192-2). */
export function modulesDebName(flavour: string, release: string, kernel: string): PackageName {
  const name = `linux-modules-${requireSafe('flavour', flavour)}-${requireSafe('kernel release', release)}`;
  return { name: name.toLowerCase().replaceAll(/[_~]/g, '-'), ...modulesVersion(kernel) };
}

function modulesVersion(kernel: string): { version: string; release: string } {
  const at = kernel.lastIndexOf('-');
  const plain = requireSafe('kernel version', kernel.replace(/^\d+:/, ''));
  return at < 0 ? { version: plain, release: '1' } : { version: plain.slice(0, plain.lastIndexOf('-')), release: debianRevision(plain.slice(plain.lastIndexOf('-') + 1)) };
}

/** The tools' packages follow the kernel's release: kernel and tools share structs and must match. */
export function toolsName(flavour: string, release: string, format: 'rpm' | 'deb'): PackageName {
  const parts = split(requireSafe('kernel release', release));
  const name = `snat-tools-${requireSafe('flavour', flavour)}`;
  return format === 'rpm' ? { name, ...parts } : { name: name.toLowerCase().replaceAll('_', '-'), version: parts.version, release: debianRevision(parts.release) };
}

/** A Debian revision has no underscore. */
function debianRevision(release: string): string {
  return release.replaceAll('_', '.');
}
