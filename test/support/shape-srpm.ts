import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packTree } from './shape-flavour.js';
import { writeKernelShape } from './kernel-shape.js';

/** A real SRPM, made by rpmbuild and signed by rpmsign, whose spec does in %prep what RHEL 6's kernel.spec does. */

export interface SignedSrpm {
  srpm: string;
  /** Armoured public key. */
  keyring: string;
  fingerprint: string;
  release: string;
}

const RELEASE = '2.6.32-220.23.1.el6';

const SPEC = String.raw`
%define kversion 2.6.32-220.23.1.el6
Name: kernel
Version: 2.6.32
Release: 220.23.1%{?dist}
Summary: shape
License: GPLv2
Source0: linux-2.6.32-220.23.1.el6.tar.bz2
Source1: merge.pl
Source2: Makefile.config
Source3: config-generic
Source4: config-x86_64-generic
Source5: genkey
Source6: linux-kernel-test.patch
%description
shape
%prep
%setup -q -n kernel-%{kversion} -c
mv linux-%{kversion} vanilla-%{kversion}
cp -rl vanilla-%{kversion} linux-%{kversion}.%{_target_cpu}
cd linux-%{kversion}.%{_target_cpu}
cp $RPM_SOURCE_DIR/config-* %{SOURCE1} .
make -f %{SOURCE2} VERSION=%{version} kernel-2.6.32-x86_64.config
chmod +x scripts/checkpatch.pl
mkdir configs
mv kernel-2.6.32-x86_64.config configs/
gpg --homedir . --batch --gen-key %{SOURCE5}
gpg --homedir . --export > extract.pub
mkdir -p crypto/signature && cp extract.pub crypto/signature/key.h
`;

const GENKEY = `%pubring kernel.pub
Key-Type: RSA
Key-Length: 2048
Name-Real: Red Hat shape
Expire-Date: 0
%commit
`;

/** Makes a signing key without a passphrase in a home of its own; the path is short because of gpg-agent's socket. */
function signingKey(home: string): { fingerprint: string; armoured: string } {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  const gpg = (...args: string[]): string => execFileSync('gpg', ['--homedir', home, '--batch', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  gpg('--passphrase', '', '--quick-gen-key', 'shape signer <shape@example.org>', 'rsa2048', 'sign', '0');
  const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(gpg('--with-colons', '--list-keys'))?.[1] ?? '';
  return { fingerprint, armoured: gpg('--armor', '--export') };
}

export function makeSignedSrpm(scratch: string): SignedSrpm {
  const top = join(scratch, 'rpm');
  const sources = join(top, 'SOURCES');
  mkdirSync(sources, { recursive: true });
  packTree(writeKernelShape(join(scratch, 'srpm-tree')), join(sources, `linux-${RELEASE}.tar.bz2`), `linux-${RELEASE}`);
  writeFileSync(join(sources, 'merge.pl'), 'print while <>;\n');
  writeFileSync(
    join(sources, 'Makefile.config'),
    'kernel-$(VERSION)-x86_64.config: config-x86_64-generic config-generic Makefile\n\t(echo "# x86_64"; perl merge.pl config-generic config-x86_64-generic) > $@\n',
  );
  writeFileSync(join(sources, 'config-generic'), 'CONFIG_MODULES=y\nCONFIG_NET=y\nCONFIG_NETFILTER=y\n');
  writeFileSync(join(sources, 'config-x86_64-generic'), 'CONFIG_IP_VS=m\nCONFIG_IP_VS_DEBUG=y\n');
  writeFileSync(join(sources, 'genkey'), GENKEY);
  writeFileSync(join(sources, 'linux-kernel-test.patch'), '');
  writeFileSync(join(scratch, 'kernel.spec'), SPEC);
  execFileSync('rpmbuild', ['-bs', '--define', `_topdir ${top}`, '--define', 'dist .el6', join(scratch, 'kernel.spec')], { stdio: 'pipe' });
  const srpm = join(scratch, `kernel-${RELEASE}.src.rpm`);
  cpSync(join(top, 'SRPMS', `kernel-${RELEASE}.src.rpm`), srpm);
  const home = join(scratch, 'gpg');
  const { fingerprint, armoured } = signingKey(home);
  execFileSync('rpmsign', ['--define', `_gpg_name ${fingerprint}`, '--define', `_gpg_path ${home}`, '--define', '_gpg_digest_algo sha256', '--define', '__gpg /usr/bin/gpg', '--addsign', srpm], { stdio: 'pipe' });
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'gpg-agent']);
  const keyring = join(scratch, 'signer.asc');
  writeFileSync(keyring, armoured);
  return { srpm, keyring, fingerprint, release: RELEASE };
}

/** Flips one bit in the middle of a file. */
export function flipBit(from: string, to: string): void {
  const data = readFileSync(from);
  const at = Math.floor(data.length / 2);
  data[at] = data[at]! ^ 1;
  writeFileSync(to, data);
}
