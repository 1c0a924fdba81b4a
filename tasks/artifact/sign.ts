import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ExpectedError } from '../lib/errors.js';
import { run } from '../lib/exec.js';
import { exists, writeAtomic } from '../lib/files.js';
import type { Io } from '../lib/io.js';
import { gpgSignature, sshSignature } from '../lib/supply/names.js';
import { checkSums, sealed } from '../lib/supply/sums.js';
import { SSH_NAMESPACE } from './signatures.js';

/** `build-kernel sign PATH`: a detached signature of the list of sums, which covers every file of an artifact or image. */

export interface SignOptions {
  /** Key of gpg's own keyring: fingerprint, id or address. */
  gpgKey?: string;
  /** Private ssh key file, or its public half when ssh-agent holds the private one. */
  sshKey?: string;
}

/**
 * @returns path of the signature
 * @throws ExpectedError usage (no list of sums, no key or two), environment (gpg or ssh-keygen is missing), trust (the program refused the key), package (not what the list says)
 */
export async function sign(io: Io, path: string, { gpgKey, sshKey }: SignOptions): Promise<void> {
  const of = await sealed(path);
  const { folder, sums: list } = of;
  const sums = join(folder, list);
  if (!(await exists(sums))) {
    throw new ExpectedError({ code: 'usage', what: `${path} has no ${list}.`, fix: 'Name an artifact or image that build-kernel wrote.' });
  }
  if ((gpgKey === undefined) === (sshKey === undefined)) {
    throw new ExpectedError({ code: 'usage', what: 'A signature is made with one key.', fix: 'Give --gpg-key KEY or --ssh-key FILE.' });
  }
  // A signature says that its maker stands for the files: not for some that are not what the list says.
  const problems = (await checkSums(of)) ?? [];
  if (problems.length > 0) throw new ExpectedError({ code: 'package', what: `${path} is not what its ${list} says: it is not signed.`, why: problems.join('\n'), fix: 'Make it again, or copy it again from where it was made.' });
  const signature = (gpgKey === undefined ? sshSignature : gpgSignature)(sums);
  const fail = { code: 'trust' as const, what: `${list} could not be signed.`, fix: 'Check that the key exists and can be used without a question (an agent, or a key without a pass phrase).' };
  // Through standard output: the signature that is there stays until there is another.
  const { stdout } =
    gpgKey !== undefined
      ? await run(['gpg', '--batch', '--local-user', gpgKey, '--armor', '--detach-sign', '--output', '-', sums], { fail })
      : await run(['ssh-keygen', '-q', '-Y', 'sign', '-f', resolve(sshKey ?? ''), '-n', SSH_NAMESPACE], { input: await readFile(sums), fail });
  await writeAtomic(signature, `${stdout}\n`);
  io.result({ signature });
  io.print(`${signature}\nCheck it: build-kernel verify-artifact ${path} ${gpgKey === undefined ? '--allowed-signers FILE' : '--keyring FILE'}`);
}
