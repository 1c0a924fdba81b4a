/** What each purpose needs from the machine: one table, read by the probes, the installer and the documentation. */

export const PURPOSES = ['kernel', 'tools', 'package', 'verify', 'image', 'test'] as const;
export type Purpose = (typeof PURPOSES)[number];

/** How to find out whether it is there. */
export type Probe =
  /** One of these programs is on the PATH (or in an sbin folder). */
  | { kind: 'program'; any: string[] }
  /** A program with this header and these libraries compiles and links. `pkg`: pkg-config knows the flags. */
  | { kind: 'library'; header: string; libs?: string[]; pkg?: string }
  /** One of these paths exists. */
  | { kind: 'path'; any: string[] };

/** Package names by the manager that installs them; yum takes dnf's. */
export interface Packages {
  apt: string[];
  dnf: string[];
}

export interface Requirement {
  /** Name for people; also the JSON key. */
  id: string;
  purposes: Purpose[];
  /** What stops without it. */
  why: string;
  probe: Probe;
  packages: Packages;
  /** Nice to have: nothing stops without it. */
  optional?: boolean;
}

const program = (
  id: string,
  purposes: Purpose[],
  why: string,
  packages: string | Packages,
  any: string[] = [id],
  optional = false,
): Requirement => ({
  id,
  purposes,
  why,
  probe: { kind: 'program', any },
  packages: typeof packages === 'string' ? { apt: [packages], dnf: [packages] } : packages,
  ...(optional ? { optional } : {}),
});

const library = (id: string, purposes: Purpose[], why: string, apt: string, dnf: string, probe: Omit<Extract<Probe, { kind: 'library' }>, 'kind'>): Requirement => ({
  id,
  purposes,
  why,
  probe: { kind: 'library', ...probe },
  packages: { apt: [apt], dnf: [dnf] },
});

const names = (apt: string, dnf: string): Packages => ({ apt: [apt], dnf: [dnf] });

export const REQUIREMENTS: readonly Requirement[] = [
  // Sources
  program('git', ['kernel', 'tools'], 'patches and trees are published in git', 'git'),
  program('tar', ['kernel', 'verify', 'image'], 'unpacks the sources', 'tar'),
  program('bzip2', ['kernel', 'verify'], 'SRPMs of 2012 hold a .tar.bz2', 'bzip2'),
  program('gzip', ['kernel', 'image'], 'unpacks the sources', 'gzip'),
  program('xz', ['kernel'], 'unpacks the sources', names('xz-utils', 'xz')),
  program('rpm2cpio', ['kernel'], 'reads SRPMs', names('rpm2cpio', 'rpm')),
  program('rpmkeys', ['kernel'], 'checks the signatures of SRPMs', 'rpm'),
  program('cpio', ['kernel', 'verify', 'image'], 'reads SRPMs, makes initial file systems', 'cpio'),
  program('file', ['tools'], 'libtool looks at files with it', 'file'),
  // Patches
  program('patch', ['kernel', 'tools'], 'applies the series', 'patch'),
  program('diff', ['kernel'], 'shows what was edited', 'diffutils'),
  // Compiling
  program('gcc', ['kernel', 'tools', 'verify', 'test'], 'compiles the kernel', 'gcc'),
  program('make', ['kernel', 'tools', 'verify'], 'drives every build', 'make'),
  program('ld', ['kernel', 'tools'], 'links', 'binutils'),
  program('bc', ['kernel'], 'computes timer constants', 'bc'),
  program('perl', ['kernel'], 'several scripts of the kernel', 'perl'),
  program('flex', ['kernel'], 'Kconfig', 'flex'),
  program('bison', ['kernel'], 'Kconfig', 'bison'),
  program('depmod', ['kernel', 'package', 'verify'], 'writes modules.dep', 'kmod'),
  library('C library headers', ['kernel', 'tools', 'verify'], 'the programs that a kernel build runs', 'libc6-dev', 'glibc-devel', { header: 'stdio.h' }),
  library('libelf', ['kernel'], 'kernels since 4.14 (objtool)', 'libelf-dev', 'elfutils-libelf-devel', { header: 'libelf.h', libs: ['elf'] }),
  library('libcrypto', ['kernel', 'tools'], 'keepalived; module signing in kernels since 4.3', 'libssl-dev', 'openssl-devel', { header: 'openssl/evp.h', libs: ['crypto'] }),
  // Tools
  library('popt', ['tools'], 'ipvsadm', 'libpopt-dev', 'popt-devel', { header: 'popt.h', libs: ['popt'] }),
  library('libnl', ['tools'], 'ipvsadm and keepalived of the trees that speak netlink', 'libnl-3-dev', 'libnl3-devel', { header: 'netlink/netlink.h', pkg: 'libnl-3.0' }),
  library('libnl-genl', ['tools'], 'ipvsadm and keepalived of the trees that speak netlink', 'libnl-genl-3-dev', 'libnl3-devel', { header: 'netlink/genl/genl.h', pkg: 'libnl-genl-3.0' }),
  program('pkg-config', ['tools'], 'finds libraries', names('pkg-config', 'pkgconf-pkg-config')),
  program('autoconf', ['tools'], 'makes configure of iptables', 'autoconf'),
  program('automake', ['tools'], 'makes configure of iptables', 'automake'),
  program('libtoolize', ['tools'], 'makes configure of iptables', 'libtool'),
  program('musl-gcc', ['tools', 'verify', 'image'], 'static tools that run on any host, and what guests run', names('musl-tools', 'musl-gcc')),
  // Packages
  program('rpmbuild', ['package'], 'makes the RPMs', names('rpm', 'rpm-build')),
  program('dpkg-deb', ['package'], 'makes the debs', 'dpkg'),
  // Guests
  program('qemu-system-x86_64', ['verify', 'image'], 'boots what was built', names('qemu-system-x86', 'qemu-system-x86-core')),
  program('ipvsadm', ['verify'], "--distro: configures the distribution's own kernel", 'ipvsadm'),
  program('iptables-legacy', ['verify'], "--distro: configures the distribution's own kernel", names('iptables', 'iptables-legacy')),
  program('nft', ['verify'], "--distro: configures the distribution's own kernel", 'nftables'),
  // Images
  program('grub-mkimage', ['image'], 'the boot loader of disk images', names('grub-common', 'grub2-tools')),
  program('sfdisk', ['image'], 'partition tables of disk images', names('fdisk', 'util-linux')),
  program('debugfs', ['image'], 'times in a root file system; the agent in a copy of an image that is checked', 'e2fsprogs'),
  program('mkfs.vfat', ['image'], 'the UEFI partition of disk images', 'dosfstools'),
  program('mcopy', ['image'], 'the UEFI partition of disk images', 'mtools'),
  { id: 'GRUB for BIOS', purposes: ['image'], why: 'disk images boot by BIOS', probe: { kind: 'path', any: ['/usr/lib/grub/i386-pc/boot.img'] }, packages: names('grub-pc-bin', 'grub2-pc-modules') },
  { id: 'GRUB for UEFI', purposes: ['image'], why: 'disk images boot by UEFI', probe: { kind: 'path', any: ['/usr/lib/grub/x86_64-efi/kernel.img', '/usr/lib/grub/x86_64-efi/modinfo.sh'] }, packages: names('grub-efi-amd64-bin', 'grub2-efi-x64-modules') },
  { id: 'UEFI firmware', purposes: ['image'], why: 'disk images are checked under UEFI too', probe: { kind: 'path', any: ['/usr/share/ovmf/OVMF.fd'] }, packages: names('ovmf', 'edk2-ovmf') },
  // The project's own tests
  program('script', ['test'], 'gives a test a terminal', names('bsdutils', 'util-linux')),
  program('ssh-keygen', ['test'], 'signs and checks SHA256SUMS', names('openssh-client', 'openssh')),
  program('gpg', ['test'], 'makes test keys', names('gnupg', 'gnupg2')),
  program('vsftpd', ['test'], 'an FTP server to fetch from', 'vsftpd'),
  program('gpg1', ['test'], 'makes signatures as old as those of EL6', 'gnupg1'),
  program('openssl', ['test'], 'a certificate for an https server to fetch from', 'openssl'),
  program('ps', ['test'], 'looks for processes that were left', names('procps', 'procps-ng')),
  program('zsh', ['test'], 'tries its completion', 'zsh'),
  program('fish', ['test'], 'tries its completion', 'fish'),
  program('busybox', ['test'], 'a shell as small hosts have it', 'busybox'),
  program('dash', ['test'], 'a shell as Debian has it', 'dash'),
  program('ansible-playbook', ['test'], 'runs the playbooks that provision --ansible writes', 'ansible-core'),
  program('qemu-img', ['image', 'test'], 'disk images, and disks of the hosts that are provisioned in tests', names('qemu-utils', 'qemu-img')),
  program('mke2fs', ['image', 'test'], 'root file systems of disks', 'e2fsprogs'),
  program('mmdebstrap', ['image', 'test'], 'a Debian root for images, and for a host to provision', 'mmdebstrap'),
  program('ssh', ['test'], 'how test hosts are reached', names('openssh-client', 'openssh-clients')),
  program('sshd', ['test'], 'a host to reach over ssh', 'openssh-server'),
  program('shellcheck', ['test'], 'reads the scripts that hosts get', names('shellcheck', 'ShellCheck')),
  program('keepalived', ['test'], 'reads the configuration that hosts get', 'keepalived'),
  program('systemd-analyze', ['test'], 'reads the units that hosts get', 'systemd'),
  program('unshare', ['test'], 'network namespaces to try a gateway in', 'util-linux'),
  program('ip', ['test'], 'addresses and routes in those', names('iproute2', 'iproute')),
  program('ethtool', ['test'], 'offloads of those', 'ethtool'),
  // Optional
  program('lbzip2', ['kernel'], 'unpacks a .tar.bz2 on all cores: 2 to 4 times faster', 'lbzip2', ['lbzip2'], true),
  program('ccache', ['kernel'], 'a second build in a third of the time', 'ccache', ['ccache'], true),
  { ...library('ncurses', ['kernel'], '--menuconfig', 'libncurses-dev', 'ncurses-devel', { header: 'ncurses.h', libs: ['ncurses'] }), optional: true },
  {
    id: 'distribution-gpg-keys',
    purposes: ['kernel'],
    why: 'keys of Red Hat and CentOS; without it give --keyring',
    probe: { kind: 'path', any: ['/usr/share/distribution-gpg-keys', '/etc/pki/rpm-gpg', '/usr/share/rpm-gpg'] },
    packages: { apt: ['distribution-gpg-keys'], dnf: ['distribution-gpg-keys'] },
    optional: true,
  },
];
