import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf, sha256File } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { deriveSources } from '../../lib/fetch/aptsources.js';
import { exists, remove, writeAtomic } from '../../lib/files.js';
import { withLock } from '../../lib/lock.js';
import type { StageLog } from '../../lib/log.js';
import { needsNamespace } from '../namespace.js';

/** A root of the distribution that this machine runs, made by mmdebstrap from this machine's apt sources. */

/** What a gateway needs, and what a host needs to be reached and kept up to date. */
const PACKAGES = [
  'linux-image-amd64', 'systemd-sysv', 'systemd-resolved', 'udev', 'dbus', 'initramfs-tools', 'kmod', 'zstd',
  'grub-pc-bin', 'grub-efi-amd64-bin', 'grub2-common',
  'openssh-server', 'ca-certificates', 'iproute2', 'iputils-ping', 'ethtool', 'ipvsadm', 'keepalived', 'iptables', 'nftables', 'conntrack', 'irqbalance', 'logrotate', 'less', 'nano',
] as const;

export interface DebianRoot {
  /** A tar of the root: read only, in the cache. */
  tar: string;
  sha256: string;
  /** Packages and versions, for the bill of materials: name, version, architecture. */
  packages: { name: string; version: string }[];
  /** Seconds since 1970: date of the newest index it came from. */
  epoch: number;
}

/** ID and codename of this machine's distribution. */
export async function distribution(): Promise<{ id: string; codename: string }> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), codename: value('VERSION_CODENAME') };
}

/** Identity of the indexes: what apt would install today. */
async function indexState(): Promise<{ lists: string; epoch: number }> {
  const { stdout } = await run(['apt-cache', 'policy', ...PACKAGES]);
  const { stdout: dates } = await run(['sh', '-c', 'sed -n "s/^Date: //p" /var/lib/apt/lists/*Release 2>/dev/null | while read -r d; do date -u -d "$d" +%s; done | sort -n | tail -1']);
  return { lists: stdout.split('\n').filter((line) => line.includes('Candidate:')).join('\n'), epoch: Number(dates.trim()) || 0 };
}

function parsePackages(text: string): DebianRoot['packages'] {
  return text.split('\n').flatMap((line) => {
    const [name, version] = line.split('\t');
    return name === undefined || version === undefined ? [] : [{ name, version }];
  });
}

/**
 * The root from the cache, made first when the distribution's packages are others than when it was made.
 * @param extra further packages
 * @throws ExpectedError environment (no Debian or Ubuntu, no mmdebstrap), network
 */
export async function debianRoot(input: { cacheDir: string; extra: readonly string[]; log?: StageLog; progress: (text: string) => void }): Promise<DebianRoot> {
  const { cacheDir, log, progress } = input;
  const { id, codename } = await distribution();
  if (id !== 'debian' || codename === '') {
    throw new ExpectedError({ code: 'environment', what: 'A root can be made on Debian only.', why: `this machine: ${id || 'unknown'}`, fix: 'Give a root of your own with --root FILE.tar, or make an appliance (--kind appliance).' });
  }
  const sources = await deriveSources('/etc/apt', 'deb');
  const packages = [...PACKAGES, ...input.extra];
  const { lists, epoch } = await indexState();
  const key = digestOf([codename, sources, packages, lists]).slice(0, 24);
  const folder = join(cacheDir, 'image', `debian-${codename}-${key}`);
  const tar = join(folder, 'root.tar');
  const done = async (): Promise<DebianRoot> => ({ tar, sha256: await sha256File(tar), packages: parsePackages(await readFile(join(folder, 'packages'), 'utf8')), epoch });
  if (await exists(folder)) return done();
  return withLock(
    join(cacheDir, 'locks', 'image-root.lock'),
    'the root in the cache',
    async () => {
      if (await exists(folder)) return done();
      const part = `${folder}.part`;
      await remove(part);
      await mkdir(join(part, 'sources'), { recursive: true });
      const files: string[] = [];
      for (const { name, text } of sources) {
        await writeAtomic(join(part, 'sources', name), text);
        files.push(join(part, 'sources', name));
      }
      progress(`installing ${String(packages.length)} packages and what they need (once)`);
      await run(
        [
          'mmdebstrap', needsNamespace() ? '--mode=unshare' : '--mode=root', '--variant=minbase', '--format=tar', `--include=${packages.join(',')}`,
          '--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"', '--dpkgopt=path-exclude=/usr/share/doc/*', '--dpkgopt=path-include=/usr/share/doc/*/copyright',
          '--dpkgopt=path-exclude=/usr/share/locale/*', '--dpkgopt=path-exclude=/usr/share/man/*',
          // Without root the hooks are somebody who cannot write to the cache; "download" is mmdebstrap's own way out.
          `--customize-hook=chroot "$1" dpkg-query -W -f '\${Package}\\t\${Version}\\n' > "$1/packages"`,
          `--customize-hook=download /packages ${JSON.stringify(join(part, 'packages'))}`,
          '--customize-hook=rm "$1/packages"',
          // What differs from run to run and is made anew on a host.
          '--customize-hook=rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id "$1"/var/lib/dbus/machine-id "$1"/var/cache/ldconfig/aux-cache "$1"/var/log/*.log "$1"/var/log/apt/* "$1"/etc/resolv.conf "$1"/etc/hostname; : > "$1"/etc/machine-id',
          codename, join(part, 'root.tar'), ...files,
        ],
        {
          log,
          env: { SOURCE_DATE_EPOCH: String(epoch), TMPDIR: part },
          onLine: (line) => {
            // Its hooks and folders are for the log.
            const step = /^I: (.*?)(\.\.\.)?$/.exec(line)?.[1];
            if (step !== undefined && /^(downloading|extracting|installing|cleaning|creating) /.test(step)) progress(step);
          },
          fail: { code: 'network', what: 'The root could not be made.', fix: 'Run apt-get update, see that this machine reaches its package mirror, then run the same command again.' },
        },
      );
      await remove(join(part, 'sources'));
      await run(['mv', part, folder], { log });
      return done();
    },
    3_600_000,
  );
}
