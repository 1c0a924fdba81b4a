import { mkdir, readdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { artifactFile, verifyArtifact, type Manifest } from '../../lib/manifest.js';
import { systemFromDistribution, type DistroInput } from './distro.js';
import { isOldKernel } from '../../lib/kernel-release.js';
import type { GuestSystem } from './system.js';

/** A guest system from an artifact folder: its kernel and modules, and its static tools. */

/** The flavour's own name: a manifest carries the build's, with its add-ons (dsnat-220+chroute). */
export function flavourOf(manifest: Manifest): string {
  return manifest.flavour.split('+')[0] ?? manifest.flavour;
}

/** Replacement modules boot with the kernel they are for: the distribution's. */
async function systemFromModules(folder: string, manifest: Manifest, modules: string, into: string, input: DistroInput): Promise<GuestSystem> {
  const tools = artifactFile(folder, manifest, 'tools-tar', 'static');
  const system = await systemFromDistribution(into, { ...input, release: manifest.release, overlays: [modules] });
  if (tools !== undefined) await run(['tar', '-xzf', tools, '-C', system.root, '--no-same-owner'], { log: input.log });
  return { ...system, subject: manifest.flavour, source: folder };
}

/**
 * Unpacks an artifact for guests, after its files were hashed again.
 * @param into scratch folder
 * @throws ExpectedError package: not whole, or without static tools
 */
export async function systemFromArtifact(dir: string, into: string, input: DistroInput): Promise<{ system: GuestSystem; manifest: Manifest }> {
  const folder = resolve(dir);
  const { log } = input;
  const manifest = await verifyArtifact(folder);
  const modules = artifactFile(folder, manifest, 'modules-tar');
  if (modules !== undefined) return { manifest, system: await systemFromModules(folder, manifest, modules, into, input) };
  const kernel = artifactFile(folder, manifest, 'kernel-tar');
  if (kernel === undefined) throw new ExpectedError({ code: 'package', what: `${folder} holds no kernel.`, fix: 'Build it again.' });
  const unpacked = join(into, 'kernel');
  const root = join(into, 'tools');
  await mkdir(unpacked, { recursive: true });
  await mkdir(root, { recursive: true });
  await run(['tar', '-xzf', kernel, '-C', unpacked, '--no-same-owner'], { log });
  const tools = artifactFile(folder, manifest, 'tools-tar', 'static');
  if (tools !== undefined) await run(['tar', '-xzf', tools, '-C', root, '--no-same-owner'], { log });
  else if (manifest.tools.length > 0) {
    throw new ExpectedError({
      code: 'package',
      what: `${folder} holds no static tools, which a guest needs.`,
      fix: `Build it with them: build-kernel ${flavourOf(manifest)} --tools both`,
    });
  }
  const { release } = manifest;
  const images = (await readdir(join(unpacked, 'boot'))).filter((name) => name.startsWith('vmlinuz'));
  const image = images[0];
  if (image === undefined) throw new ExpectedError({ code: 'package', what: `${kernel} holds no boot/vmlinuz.`, fix: 'Build it again.' });
  const old = isOldKernel(release);
  return {
    manifest,
    system: {
      subject: manifest.flavour,
      source: folder,
      release,
      kernel: join(unpacked, 'boot', image),
      root,
      modules: join(unpacked, 'lib/modules', release),
      cpu: old ? { tcg: 'qemu64', kvm: 'qemu64' } : { tcg: 'max', kvm: 'host' },
      memory: old ? 256 : 512,
      // The timer check of 2.6.32 counts on real time, which an emulated machine on a busy host does not keep.
      append: old ? 'no_timer_check' : 'mitigations=off nokaslr',
    },
  };
}
