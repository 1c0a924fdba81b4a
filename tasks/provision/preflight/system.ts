import { compareReleases } from '../../lib/kernel-release.js';
import type { Finding, PreflightInput } from './types.js';

/** Architecture, boot loader, Secure Boot, other kernels. */

export function checkSystem({ gateway, facts, kernel }: PreflightInput): Finding[] {
  const findings: Finding[] = [];
  if (facts.arch !== 'x86_64') {
    findings.push({ level: 'error', id: 'architecture', what: facts.arch === 'unknown' ? 'No program was found that says which architecture this is: is it the root of a system?' : `The host is ${facts.arch}; artifacts are for x86_64.` });
  }
  if (!kernel) return findings;
  if (facts.secureBoot) {
    findings.push({
      level: 'error',
      id: 'secure boot',
      what: `Secure Boot is on, and the ${kernel.kind === 'modules' ? 'modules are' : 'kernel is'} not signed: the host would refuse ${kernel.kind === 'modules' ? 'them' : 'it'}.`,
      fix:
        kernel.kind === 'modules'
          ? 'Sign the modules with a key of yours that is enrolled on the host (mokutil --import; kmodsign sha512), or switch Secure Boot off in the firmware.'
          : 'Sign the kernel with a key of yours that the firmware knows (sbsign), or switch Secure Boot off in the firmware.',
    });
  }
  if (facts.uefi === true && kernel.kind === 'kernel' && Object.keys(kernel.config).length > 0 && kernel.config['CONFIG_EFI'] === undefined) {
    findings.push({ level: 'error', id: 'UEFI', what: `The host is started by UEFI, and ${kernel.release} was built without CONFIG_EFI: it would find no ACPI tables and panic.`, fix: `Build it with --set CONFIG_EFI=y (build-kernel ${gateway.flavour}), or switch the firmware to BIOS (CSM).` });
  }
  if (gateway.tuning.debugLevel !== undefined && Object.keys(kernel.config).length > 0 && kernel.config['CONFIG_IP_VS_DEBUG'] === undefined) {
    findings.push({ level: 'error', id: 'debug', what: `gateway.yaml sets tuning.debug, and ${kernel.release} was built without IPVS's debug messages.`, fix: 'Build it with --debug-ipvs, or leave tuning.debug out.' });
  }
  if (kernel.kind === 'modules') return [...findings, ...replacedModules(facts.release, facts.kernels, kernel.release)];
  if (facts.bootloader.kind === 'none') {
    findings.push({ level: 'error', id: 'boot loader', what: 'No boot loader that is known here was found (GRUB 2, GRUB legacy): the new kernel could not be started.', fix: 'Install GRUB on the host, or boot the kernel by your own means and use --folder for the rest.' });
  }
  return findings;
}

/** The kernel that replacement modules are for must be the one that boots. */
function replacedModules(running: string | undefined, installed: readonly string[], wanted: string): Finding[] {
  const findings: Finding[] = [];
  if (running !== wanted && !installed.includes(wanted)) {
    findings.push({
      level: 'error',
      id: 'kernel',
      what: `The modules are for ${wanted}; the host ${running === undefined ? 'has' : `runs ${running} and has`} ${installed.length === 0 ? 'no kernel' : installed.join(', ')}.`,
      fix: `Install that kernel (apt-get install linux-image-${wanted}), or build the flavour again on a system whose newest kernel is the host's.`,
    });
    return findings;
  }
  const newer = installed.filter((release) => compareReleases(release, wanted) > 0);
  if (newer.length > 0) {
    findings.push({ level: 'warning', id: 'newer kernel', what: `A newer kernel is installed (${newer.join(', ')}): the next boot starts that one, which has no ${wanted} modules.`, fix: 'Remove it, or build the flavour for it.' });
  }
  return findings;
}
