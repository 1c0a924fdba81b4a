import { cp, mkdir, readdir, realpath, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { digestOf } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { hasProgram, run } from '../../lib/exec.js';
import { exists, remove } from '../../lib/files.js';
import type { Fetch } from '../../lib/fetch/alternatives.js';
import { withLock } from '../../lib/lock.js';
import type { StageLog } from '../../lib/log.js';
import type { Fetched } from '../../lib/sources.js';
import type { GuestSystem } from './system.js';

/** A guest system from the distribution: its own kernel package, and this host's tools with the libraries they need. */

export interface DistroInput {
  fetch: Fetch;
  cacheDir: string;
  log?: StageLog;
  progress: (text: string) => void;
  /** This release instead of the distribution's current one. */
  release?: string;
  /** Archives that are unpacked over the kernel's root: modules that replace its own. */
  overlays?: readonly string[];
}

/** Packages that depend on the current kernel image, by distribution. */
const META = ['linux-image-amd64', 'linux-image-generic'];

/** Names of the packages that hold the distribution's current kernel and its modules. */
async function kernelPackages(release: string | undefined, log?: StageLog): Promise<{ image: string; modules?: string }> {
  if (!(await hasProgram('apt-cache'))) {
    throw new ExpectedError({ code: 'environment', what: 'The distribution\'s kernel can only be had with apt.', fix: 'Verify an artifact instead: build-kernel verify FLAVOUR.' });
  }
  for (const meta of release === undefined ? META : [`linux-image-${release}`]) {
    const { stdout } = await run(['apt-cache', 'depends', meta], { log, ok: [0, 100] });
    const image = release === undefined ? /Depends: (linux-image-\S*\d\S*)/.exec(stdout)?.[1] : stdout === '' ? undefined : meta;
    if (image === undefined) continue;
    const { stdout: needs } = await run(['apt-cache', 'depends', image], { log, ok: [0, 100] });
    const modules = /Depends: (linux-modules-\S+)/.exec(needs)?.[1];
    return { image, ...(modules === undefined ? {} : { modules }) };
  }
  throw new ExpectedError({
    code: 'environment',
    what: release === undefined ? 'apt knows no kernel package of this distribution.' : `apt does not know the kernel ${release}.`,
    why: `asked for ${release === undefined ? META.join(', ') : `linux-image-${release}`}`,
    fix: 'Run apt-get update, then the same command again.',
  });
}

/** Tools of this host that a gateway is configured with. */
const TOOLS = [
  { program: 'ipvsadm', packages: 'ipvsadm' },
  { program: 'iptables-legacy', packages: 'iptables' },
  { program: 'ip6tables-legacy', packages: 'iptables' },
  { program: 'nft', packages: 'nftables' },
  // Where the host has it: as a package it would start a daemon there.
  { program: 'keepalived', packages: undefined },
] as const;

/** Shared libraries of a program, and its loader, as ldd finds them. */
async function librariesOf(program: string): Promise<string[]> {
  const { stdout } = await run(['ldd', program]);
  return [...stdout.matchAll(/(\/\S+) \(0x/g)].map((match) => match[1] ?? '').filter(Boolean);
}

async function copyInto(root: string, path: string): Promise<void> {
  const to = join(root, path);
  await mkdir(dirname(to), { recursive: true });
  await cp(await realpath(path), to, { dereference: true });
}

/** Folders with the extensions of iptables. */
const XTABLES = ['/usr/lib/x86_64-linux-gnu/xtables', '/usr/lib64/xtables', '/usr/lib/xtables'];

async function copyTools(root: string): Promise<void> {
  const missing: string[] = [];
  for (const { program, packages } of TOOLS) {
    const { stdout } = await run(['sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin" command -v "$1"', 'sh', program], { ok: [0, 1, 127] });
    const path = stdout.trim();
    if (path === '') {
      if (packages !== undefined) missing.push(packages);
      continue;
    }
    for (const library of await librariesOf(path)) await copyInto(root, library);
    await mkdir(join(root, 'usr/sbin'), { recursive: true });
    await cp(await realpath(path), join(root, 'usr/sbin', program.replace('-legacy', '')));
  }
  if (missing.length > 0) {
    throw new ExpectedError({
      code: 'environment',
      what: `The tools to configure the distribution's kernel are missing: ${[...new Set(missing)].join(', ')}.`,
      fix: 'build-kernel doctor --install --for verify installs them.',
    });
  }
  for (const folder of XTABLES) {
    if (!(await exists(folder))) continue;
    for (const name of await readdir(folder)) if (/^lib(xt|ipt|ip6t)_/.test(name)) await copyInto(root, join(folder, name));
  }
}

/** The unpacked packages, from the cache: several hundred megabytes behind xz. */
async function unpackedKernel(debs: readonly Fetched[], { cacheDir, log, progress }: DistroInput): Promise<string> {
  const folder = join(cacheDir, 'guest', `kernel-${digestOf(debs.map(({ digest }) => digest)).slice(0, 24)}`);
  if (await exists(folder)) return folder;
  return withLock(
    join(cacheDir, 'locks', 'guest-kernel.lock'),
    "the distribution's kernel in the cache",
    async () => {
      if (await exists(folder)) return folder;
      progress("unpacking the distribution's kernel (once)");
      const part = `${folder}.part`;
      await remove(part);
      await mkdir(part, { recursive: true });
      for (const deb of debs) await run(['dpkg-deb', '-x', deb.path, part], { log });
      await rename(part, folder);
      return folder;
    },
    600_000,
  );
}

/**
 * Fetches and unpacks the distribution's kernel; nothing is installed.
 * @param into scratch folder
 * @throws ExpectedError environment, network, offline
 */
export async function systemFromDistribution(into: string, input: DistroInput): Promise<GuestSystem> {
  const { fetch, log, progress } = input;
  const packages = await kernelPackages(input.release, log);
  const debs: Fetched[] = [];
  for (const name of [packages.image, packages.modules].filter((each) => each !== undefined)) {
    progress(`fetching ${name}`);
    debs.push(await fetch({ kind: 'apt', package: name, source: false }));
  }
  // Links: what is added or written anew here leaves the cache's files alone.
  const unpacked = join(into, 'kernel');
  await mkdir(into, { recursive: true });
  const cached = await unpackedKernel(debs, input);
  const { exitCode } = await run(['cp', '-al', cached, unpacked], { log, ok: [0, 1] });
  // The cache may be on another file system, which links do not reach.
  if (exitCode !== 0) {
    await remove(unpacked);
    await run(['cp', '-a', cached, unpacked], { log });
  }
  const image = (await readdir(join(unpacked, 'boot'))).find((name) => name.startsWith('vmlinuz-'));
  if (image === undefined) throw new ExpectedError({ code: 'package', what: `${packages.image} holds no kernel image.` });
  const release = image.slice('vmlinuz-'.length);
  const modules = join(unpacked, 'lib/modules', release);
  for (const archive of input.overlays ?? []) await run(['tar', '-xzf', archive, '-C', unpacked, '--no-same-owner'], { log });
  // A package has no modules.dep: its installation makes it.
  await run(['depmod', '-b', unpacked, release], { log });
  const root = join(into, 'tools');
  await mkdir(root, { recursive: true });
  await copyTools(root);
  return {
    subject: packages.image,
    source: packages.image,
    release,
    kernel: join(unpacked, 'boot', image),
    root,
    modules,
    cpu: { tcg: 'max', kvm: 'host' },
    memory: 640,
    append: 'mitigations=off nokaslr',
  };
}
