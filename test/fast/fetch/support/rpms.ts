import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onCleanup } from './cleanup.js';

/** Real source packages with real signatures. Debian packages: rpm, gnupg; gnupg1 for version 3 signatures. */

const has = (name: string): boolean => spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name]).status === 0;

/** The reason to leave the tests out, or undefined. */
export const rpmMissing = ['rpmkeys', 'rpmbuild', 'rpmsign', 'gpg'].every(has) ? undefined : 'rpmbuild, rpmsign and gpg are needed (apt install rpm gnupg)';
/** Only GnuPG 1 still makes signatures of version 3, as RPMs of 2012 have. */
export const gpg1Missing = has('gpg1') ? undefined : 'gpg1 is needed (apt install gnupg1)';

export interface Signer {
  fingerprint: string;
  /** Armoured public key. */
  keyFile: string;
}

export class RpmWorkshop {
  private readonly home: string;
  private readonly unsigned: string;

  constructor(private readonly folder: string) {
    this.home = join(folder, 'gnupg');
    mkdirSync(this.home, { mode: 0o700 });
    writeFileSync(join(folder, 'a.txt'), 'hello\n');
    const spec = ['Name: tiny', 'Version: 1', 'Release: 1', 'Summary: t', 'License: MIT', 'Source0: a.txt', 'BuildArch: noarch', '%description', 't', ''];
    writeFileSync(join(folder, 'tiny.spec'), spec.join('\n'));
    const defines = ['_topdir', '_sourcedir', '_srcrpmdir'].flatMap((name) => ['--define', `${name} ${folder}`]);
    execFileSync('rpmbuild', ['-bs', ...defines, join(folder, 'tiny.spec')], { stdio: 'ignore' });
    this.unsigned = join(folder, 'tiny-1-1.src.rpm');
    onCleanup(() => spawnSync('gpgconf', ['--homedir', this.home, '--kill', 'all']));
  }

  private gpg(...args: string[]): Buffer {
    return execFileSync('gpg', ['--homedir', this.home, '--batch', '--quiet', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
  }

  signer(name: string): Signer {
    this.gpg('--passphrase', '', '--quick-gen-key', `${name} <${name}@example.org>`, 'rsa2048', 'sign', 'never');
    const listing = this.gpg('--list-keys', '--with-colons', name).toString();
    const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listing)?.[1] ?? '';
    const keyFile = join(this.folder, `${name}.asc`);
    writeFileSync(keyFile, this.gpg('--armor', '--export', fingerprint));
    return { fingerprint, keyFile };
  }

  /** Binary key of several signers in one file. */
  keyring(path: string, ...signers: Signer[]): string {
    writeFileSync(path, this.gpg('--export', ...signers.map(({ fingerprint }) => fingerprint)));
    return path;
  }

  /** A source package; `old` signs as in 2012, version 3 over header and payload too. */
  package(name: string, sign?: { by: Signer; hash: 'SHA1' | 'SHA256'; old?: boolean }): string {
    const path = join(this.folder, `${name}.src.rpm`);
    copyFileSync(this.unsigned, path);
    if (!sign) return path;
    const { by, hash, old } = sign;
    let gpg = '/usr/bin/gpg';
    if (old) {
      const home = join(this.folder, 'gnupg1');
      mkdirSync(home, { recursive: true, mode: 0o700 });
      // Its status is 2 for a secret key it has already: the signing tells whether it worked.
      spawnSync('gpg1', ['--homedir', home, '--batch', '--import'], { input: this.gpg('--export-secret-keys', by.fingerprint) });
      gpg = join(this.folder, 'gpg1-v3');
      writeFileSync(gpg, `#!/bin/sh\nexec gpg1 --homedir '${home}' --force-v3-sigs "$@"\n`);
      chmodSync(gpg, 0o755);
    }
    const defines = [`_gpg_name ${by.fingerprint}`, `_gpg_digest_algo ${hash}`, `__gpg ${gpg}`, `_gpg_path ${this.home}`].flatMap((each) => ['--define', each]);
    execFileSync('rpmsign', ['--addsign', ...(old ? ['--rpmv3'] : []), ...defines, path], { stdio: 'ignore', env: { ...process.env, GNUPGHOME: this.home } });
    return path;
  }

  /** A copy with one bit changed, so many bytes before its end. */
  damaged(path: string, fromEnd: number): string {
    const bytes = readFileSync(path);
    const at = bytes.length - fromEnd;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    const target = path.replace('.src.rpm', '-damaged.src.rpm');
    writeFileSync(target, bytes);
    return target;
  }
}
