import { mkdir, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { digestOf, sha256File } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { deriveSources } from '../../lib/fetch/aptsources.js';
import { readJson, remove, writeAtomic } from '../../lib/files.js';
import { withLock } from '../../lib/lock.js';
import type { StageLog } from '../../lib/log.js';
import { needsNamespace, removeImageTree } from '../namespace.js';

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
  /** Seconds since 1970: date of the newest index when it was made. */
  epoch: number;
}

/** ID and codename of this machine's distribution. */
export async function distribution(): Promise<{ id: string; codename: string }> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), codename: value('VERSION_CODENAME') };
}

/** What apt would install today, "NAME VERSION" each; "(none)" for a package that it does not know. */
async function candidates(names: readonly string[]): Promise<Map<string, string>> {
  const { stdout } = await run(['apt-cache', 'policy', ...names]);
  const found = new Map<string, string>();
  let name = '';
  for (const line of stdout.split('\n')) {
    name = /^(\S+):$/.exec(line)?.[1] ?? name;
    const version = /^ {2}Candidate: (\S+)/.exec(line)?.[1];
    if (version !== undefined) found.set(name, version);
  }
  return found;
}

/** Date of the newest index of this machine, seconds since 1970. */
async function newestIndex(): Promise<number> {
  const { stdout } = await run(['sh', '-c', 'sed -n "s/^Date: //p" /var/lib/apt/lists/*Release 2>/dev/null | while read -r d; do date -u -d "$d" +%s; done | sort -n | tail -1']);
  return Number(stdout.trim()) || 0;
}

/**
 * Further packages that the user asks for.
 * @param known what apt would install of them and of ours; without any index it says nothing about either
 * @throws ExpectedError usage
 */
export function requireKnown(extra: readonly string[], known: ReadonlyMap<string, string>, codename: string): void {
  const has = (name: string): boolean => ![undefined, '(none)'].includes(known.get(name));
  if (!PACKAGES.some(has)) return;
  const missing = extra.map((each) => each.replace(/[=/].*/, '')).filter((name) => !has(name));
  if (missing.length === 0) return;
  throw new ExpectedError({ code: 'usage', what: `Debian ${codename} has no package ${missing.join(', ')}.`, why: "as far as this machine's apt knows", fix: 'Check the names given with --package (apt-cache search), or run apt-get update.' });
}

/** What a root in the cache was made of. */
const stateSchema = z.object({ epoch: z.number(), candidates: z.string() });

function parsePackages(text: string): DebianRoot['packages'] {
  return text.split('\n').flatMap((line) => {
    const [name, version] = line.split('\t');
    return name === undefined || version === undefined ? [] : [{ name, version }];
  });
}

/** A hook for mmdebstrap: this machine may have a password in the URL of its mirror, which is nobody's business who gets the image. */
export const NO_CREDENTIALS = 'find "$1/etc/apt" -type f \\( -name "*.list" -o -name "*.sources" \\) -exec sed -i -E "s,(://)[^/@[:space:]]*@,\\1," {} +';

/**
 * The root from the cache, made first when the distribution's packages are others than when it was made.
 * @param extra further packages
 * @throws ExpectedError environment (no Debian, no mmdebstrap), usage (a further package that is none), network, offline
 */
export async function debianRoot(input: { cacheDir: string; extra: readonly string[]; offline: boolean; log?: StageLog; progress: (text: string) => void }): Promise<DebianRoot> {
  const { cacheDir, log, progress } = input;
  const { id, codename } = await distribution();
  if (id !== 'debian' || codename === '') {
    throw new ExpectedError({ code: 'environment', what: 'A root can be made on Debian only.', why: `this machine: ${id || 'unknown'}`, fix: 'Give a root of your own with --root FILE.tar, or make an appliance (--kind appliance).' });
  }
  const sources = await deriveSources('/etc/apt', 'deb');
  const packages = [...PACKAGES, ...input.extra];
  requireKnown(input.extra, await candidates([...PACKAGES, ...input.extra.map((each) => each.replace(/[=/].*/, ''))]), codename);
  const folder = join(cacheDir, 'image', `debian-${codename}-${digestOf([codename, sources, packages]).slice(0, 24)}`);
  const installed = async (at: string): Promise<DebianRoot['packages']> => parsePackages(await readFile(join(at, 'packages'), 'utf8'));
  const state = (names: DebianRoot['packages']): Promise<string> => candidates(names.map(({ name }) => name)).then((found) => digestOf([...found].sort()));
  const tar = join(folder, 'root.tar');
  const whole = async (names: DebianRoot['packages'], epoch: number): Promise<DebianRoot> => ({ tar, sha256: await sha256File(tar), packages: names, epoch });
  /** The root that is there; undefined when there is none, or apt would install something else today. */
  const there = async (): Promise<DebianRoot | undefined> => {
    const made = stateSchema.safeParse(await readJson(join(folder, 'root.json')));
    if (!made.success) return undefined;
    const have = await installed(folder);
    if (!input.offline && made.data.candidates !== (await state(have))) return undefined;
    return whole(have, made.data.epoch);
  };
  const known = await there();
  if (known) return known;
  if (input.offline) {
    throw new ExpectedError({ code: 'offline', what: `A root of Debian ${codename} is not in the cache, and --offline forbids the network.`, why: `looked in: ${folder}`, fix: 'Run it once without --offline, bring the cache of a machine where that was done (--cache), or give a root of yours with --root.' });
  }
  return withLock(
    join(cacheDir, 'locks', 'image-root.lock'),
    'the root in the cache',
    async () => {
      const meanwhile = await there();
      if (meanwhile) return meanwhile;
      const part = `${folder}.part`;
      await removeImageTree(part);
      const epoch = await newestIndex();
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
          `--customize-hook=${NO_CREDENTIALS}`,
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
      const names = await installed(part);
      await writeAtomic(join(part, 'root.json'), `${JSON.stringify({ epoch, candidates: await state(names) })}\n`);
      await removeImageTree(folder);
      await rename(part, folder);
      return whole(names, epoch);
    },
    3_600_000,
    (holder) => {
      progress(`waiting for the root that ${holder} makes`);
    },
  );
}
