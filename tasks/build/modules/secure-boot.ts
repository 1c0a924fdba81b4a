import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hasProgram, run } from '../../lib/exec.js';

/** Secure Boot makes a kernel refuse modules that nobody signed whose key the firmware knows. */

/**
 * Whether this host was booted with Secure Boot: mokutil's word, else the firmware's own variable.
 * @param efivars folder of the firmware's variables
 */
export async function secureBoot(efivars = '/sys/firmware/efi/efivars'): Promise<boolean> {
  const name = (await readdir(efivars).catch(() => [])).find((each) => each.startsWith('SecureBoot-'));
  // Four bytes of attributes, then the value.
  if (name !== undefined) return (await readFile(join(efivars, name)).catch(() => Buffer.alloc(0)))[4] === 1;
  if (!(await hasProgram('mokutil'))) return false;
  const { stdout } = await run(['mokutil', '--sb-state'], { ok: [0, 1, 255] });
  return /SecureBoot enabled/.test(stdout);
}

/** What to do about it. */
export function signingAdvice(release: string): string {
  return (
    `Secure Boot is on here: a kernel under it refuses these modules, which are not signed. Sign them with a machine owner key (MOK): ` +
    `make one and enrol it (openssl req -new -x509 -newkey rsa:2048 -nodes -outform DER -keyout MOK.priv -out MOK.der -subj /CN=modules/; mokutil --import MOK.der; reboot), ` +
    `then on the host, for each /lib/modules/${release}/updates/build-kernel/*.ko: kmodsign sha512 MOK.priv MOK.der FILE, ` +
    `or /usr/src/linux-headers-${release}/scripts/sign-file sha256 MOK.priv MOK.der FILE (package linux-headers-${release}).`
  );
}
