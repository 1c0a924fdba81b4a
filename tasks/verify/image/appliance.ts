import { join, resolve } from 'node:path';
import { checkSums, sealedFolder } from '../../lib/supply/sums.js';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { readApplianceManifest } from '../../lib/image-manifest.js';
import type { StageLog } from '../../lib/log.js';
import { isOldKernel } from '../../lib/kernel-release.js';
import type { GuestSystem } from '../guest/system.js';
import type { Subject } from '../scenarios/context.js';
import { OVERLAY_APPEND, overlayInitramfs } from './overlay.js';

/** A finished appliance as the system of all guests: its scenarios run on what is in its file, and nothing else. */

export interface ApplianceSystem {
  system: GuestSystem;
  flavour: string;
  addons: string[];
  programs: Subject['programs'];
}

/**
 * @param folder what `image --kind appliance` wrote
 * @param traffic the agent's program, put on top
 * @throws ExpectedError package: no appliance, or not whole
 */
export async function systemFromAppliance(folder: string, traffic: string, scratch: string, log?: StageLog): Promise<ApplianceSystem> {
  const dir = resolve(folder);
  const manifest = await readApplianceManifest(dir);
  const problems = (await checkSums(sealedFolder(dir))) ?? ['it has no SHA256SUMS'];
  if (problems.length > 0) throw new ExpectedError({ code: 'package', what: `The appliance ${folder} is not what its SHA256SUMS says.`, why: problems.join('\n'), fix: 'Copy it again, or make it again.' });
  const initramfs = join(dir, 'initramfs.img');
  const { stdout } = await run(['sh', '-c', 'gzip -dc "$1" | cpio -t --quiet', 'sh', initramfs], { log });
  const names = new Set(stdout.split('\n'));
  const [flavour = '', ...addons] = manifest.flavour.split('+');
  const old = isOldKernel(manifest.release);
  return {
    flavour,
    addons,
    programs: (['keepalived', 'iptables'] as const).filter((program) => ['sbin', 'usr/sbin', 'usr/local/sbin'].some((place) => names.has(`${place}/${program}`))),
    system: {
      subject: `${manifest.flavour} (appliance)`,
      source: dir,
      release: manifest.release,
      kernel: join(dir, 'vmlinuz'),
      root: '',
      modules: '',
      cpu: old ? { tcg: 'qemu64', kvm: 'qemu64' } : { tcg: 'max', kvm: 'host' },
      memory: old ? 256 : 512,
      append: `${old ? 'no_timer_check' : 'mitigations=off nokaslr'} ${OVERLAY_APPEND}`,
      initramfs: await overlayInitramfs(initramfs, traffic, scratch, log),
    },
  };
}
