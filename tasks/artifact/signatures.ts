import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { ExpectedError } from '../lib/errors.js';
import { run } from '../lib/exec.js';
import { exists, remove } from '../lib/files.js';
import { gpgSignature, sshSignature } from '../lib/supply/names.js';

/** Checks detached signatures of a list of sums with the programs that make them. */

/** Namespace of ssh signatures (ssh-keygen -n): one made for something else is no signature of ours. */
export const SSH_NAMESPACE = 'build-kernel';

export interface Trusted {
  /** OpenPGP public keys, armoured or binary. */
  keyring?: string;
  /** ssh's allowed_signers (ssh-keygen(1), ALLOWED SIGNERS). */
  allowedSigners?: string;
}

const refuse = (what: string, why?: string): ExpectedError =>
  new ExpectedError({ code: 'trust', what, why, fix: 'Get it and the key again from where they are published; do not use what is here.' });

async function present(path: string): Promise<string> {
  if (!(await exists(path))) throw refuse(`There is no signature ${path}.`, 'a key to check it with was given');
  return path;
}

/** @returns fingerprint of the key that signed */
async function checkGpg(sums: string, keyring: string): Promise<string> {
  const signature = await present(gpgSignature(sums));
  // A keyring of its own: the user's keys vouch for nothing here.
  const home = await mkdtemp(join(tmpdir(), 'bk-gpg-'));
  const gpg = ['gpg', '--homedir', home, '--batch', '--no-autostart', '--status-fd', '1'] as const;
  try {
    await run([...gpg, '--import', resolve(keyring)], { fail: { code: 'usage', what: `${keyring} holds no OpenPGP keys.` } });
    const { exitCode, stdout, stderr } = await run([...gpg, '--verify', signature, sums], { ok: [0, 1, 2] });
    const fingerprint = /^\[GNUPG:\] VALIDSIG ([0-9A-F]+)/m.exec(stdout)?.[1];
    // gpg takes a signature by a key that was revoked or is past its time for valid, with status 0: only GOODSIG has neither.
    if (exitCode !== 0 || fingerprint === undefined || !/^\[GNUPG:\] GOODSIG /m.test(stdout)) throw refuse(`The signature ${basename(signature)} is not good.`, stderr);
    return fingerprint;
  } finally {
    await remove(home);
  }
}

/** @returns the principal that allowed_signers gives the key */
async function checkSsh(sums: string, allowedSigners: string): Promise<string> {
  const signature = await present(sshSignature(sums));
  const signers = resolve(allowedSigners);
  if (!(await exists(signers))) throw new ExpectedError({ code: 'usage', what: `There is no file ${allowedSigners}.`, fix: 'Name an allowed_signers file: lines of "NAME ssh-ed25519 AAAA…".' });
  const found = await run(['ssh-keygen', '-Y', 'find-principals', '-s', signature, '-f', signers], { ok: [0, 255] });
  const principal = found.stdout.split('\n')[0] ?? '';
  if (found.exitCode !== 0 || principal === '') throw refuse(`The signature ${basename(signature)} is by nobody that ${allowedSigners} names.`, found.stderr);
  const { exitCode, stdout, stderr } = await run(['ssh-keygen', '-Y', 'verify', '-f', signers, '-I', principal, '-n', SSH_NAMESPACE, '-s', signature], { ok: [0, 255], input: await readFile(sums) });
  if (exitCode !== 0) throw refuse(`The signature ${basename(signature)} is not good.`, `${stdout}\n${stderr}`);
  return principal;
}

/**
 * @param sums path of the list
 * @returns who signed, in words; empty when no key was given
 * @throws ExpectedError trust (no signature, bad, by another key), usage (no such key file), environment
 */
export async function checkSignatures(sums: string, { keyring, allowedSigners }: Trusted): Promise<string[]> {
  const signers: string[] = [];
  if (keyring !== undefined) signers.push(`OpenPGP key ${await checkGpg(sums, keyring)}`);
  if (allowedSigners !== undefined) signers.push(`ssh key of ${await checkSsh(sums, allowedSigners)}`);
  return signers;
}
