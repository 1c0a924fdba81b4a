import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError, errno } from '../errors.js';
import { certificates, type Certificate } from './openpgp.js';

/** Where public keys come from: the user's --keyring, and the folders in which distributions keep the keys of others. */

/** Folders with RPM keys, of Red Hat's family and of the package distribution-gpg-keys (Fedora, EPEL, Debian 13). */
export const KEY_FOLDERS = [
  '/usr/share/distribution-gpg-keys/redhat',
  '/usr/share/distribution-gpg-keys/centos',
  '/etc/pki/rpm-gpg',
  '/usr/share/rpm-gpg',
];

/** A key file of more than this (bytes) is none. */
const LARGEST = 16 * 1024 * 1024;

/** Certificates of the user's keyring. All of them are accepted: naming the file says so. */
export async function keyringCertificates(path: string): Promise<Certificate[]> {
  let data: Buffer;
  try {
    data = await readFile(path);
  } catch (error) {
    throw new ExpectedError({ code: 'usage', what: `The keyring ${path} cannot be read.`, why: errno(error) ?? String(error), fix: 'Check the path given with --keyring.' });
  }
  const found = certificates(data);
  if (found.length > 0) return found;
  throw new ExpectedError({
    code: 'usage',
    what: `The keyring ${path} holds no OpenPGP public key.`,
    fix: 'Give --keyring a file made with `gpg --export`, or an RPM-GPG-KEY-* file. A gpg keybox (pubring.kbx) has to be exported first.',
  });
}

/** Certificates with one of the wanted fingerprints, from the known folders. Unreadable files are passed over. */
export async function knownCertificates(wanted: readonly string[], folders: readonly string[] = KEY_FOLDERS): Promise<Certificate[]> {
  const found = new Map<string, Certificate>();
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => [])) {
      const path = join(folder, name);
      const info = await stat(path).catch(() => undefined);
      if (!info?.isFile() || info.size > LARGEST) continue;
      const data = await readFile(path).catch(() => undefined);
      for (const certificate of data ? certificates(data) : []) {
        if (wanted.includes(certificate.fingerprint)) found.set(certificate.fingerprint, certificate);
      }
    }
  }
  return [...found.values()];
}
