import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError } from '../errors.js';
import { run } from '../exec.js';
import type { Trust } from '../sources.js';
import { say, type FetchContext } from './context.js';
import { HeldError } from './failure.js';
import { keyringCertificates, knownCertificates, KEY_FOLDERS } from './keys.js';
import type { Certificate } from './openpgp.js';
import { coversAll, parseRpmCheck, type RpmCheck, type RpmSignature } from './rpmoutput.js';

/**
 * An RPM's own signature, checked by rpm against a database that holds exactly one key. rpm names keys by short ids
 * that anyone can imitate; with one key at a time, "OK" can only mean that key.
 */

/** Lets a host whose policy refuses SHA-1 (EL 9 and later, Fedora) verify it in this one process: the decision is ours, by what rpm prints. */
const SEQUOIA_POLICY = '[hash_algorithms]\nsha1.collision_resistance = "always"\nsha1.second_preimage_resistance = "always"\n';
const OPENSSL_POLICY = 'openssl_conf = openssl_init\n[openssl_init]\nalg_section = evp_properties\n[evp_properties]\nrh-allow-sha1-signatures = yes\n';

/** Runs the check with a fresh private database. */
async function checkWith(file: string, certificate: Certificate | undefined, ctx: FetchContext): Promise<RpmCheck> {
  const folder = await mkdtemp(join(tmpdir(), 'build-kernel-rpmdb-'));
  try {
    const env = { SEQUOIA_CRYPTO_POLICY: join(folder, 'sequoia.config'), OPENSSL_CONF: join(folder, 'openssl.cnf') };
    await writeFile(env.SEQUOIA_CRYPTO_POLICY, SEQUOIA_POLICY);
    await writeFile(env.OPENSSL_CONF, OPENSSL_POLICY);
    const db = ['--define', `_dbpath ${join(folder, 'db')}`];
    if (certificate) {
      const key = join(folder, 'key.asc');
      await writeFile(key, certificate.armoured);
      await run(['rpmkeys', ...db, '--import', key], {
        env,
        log: ctx.log,
        fail: { code: 'trust', what: `rpm does not take the key ${certificate.fingerprint}.`, fix: 'Give another file with --keyring.' },
      });
    }
    const { stdout } = await run(['rpmkeys', ...db, '--checksig', '--verbose', file], { env, log: ctx.log, ok: [0, 1] });
    return parseRpmCheck(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function damaged(name: string, why: string): ExpectedError {
  return new ExpectedError({
    code: 'trust',
    what: `${name} is damaged or was changed.`,
    why,
    fix: 'Fetch it again, from another mirror (--mirror). This is never overridden: the file does not even agree with itself.',
  });
}

function describe(signatures: readonly RpmSignature[]): string {
  return [...new Set(signatures.map(({ version, algorithm, hash, key }) => `V${String(version)} ${algorithm}/${hash} signature, key ID ${key}`))].join('\n');
}

/** Refuses, or takes the file unsigned when the user said so. */
function refuse(ctx: FetchContext, name: string, error: { what: string; why?: string; fix: string }, held = false): Trust {
  const [first = ''] = (error.why ?? '').split('\n');
  if (ctx.allowUnsigned) {
    say(ctx, `${error.what} Taken all the same, because of --allow-unsigned.`);
    return { how: 'unsigned', why: first === '' ? error.what : `${error.what} ${first}` };
  }
  const Refusal = held ? HeldError : ExpectedError;
  throw new Refusal({ code: 'trust', ...error, fix: `${error.fix} Or, if you know the file to be right, --allow-unsigned; the manifest then says so (${name}).` });
}

/** Key material on this host: the user's keyring, and what the known folders have of the pinned keys. */
async function acceptedKeys(signedBy: readonly string[], ctx: FetchContext): Promise<{ own: Certificate[]; known: Certificate[] }> {
  const own = ctx.keyring === undefined ? [] : await keyringCertificates(ctx.keyring);
  const known = (await knownCertificates(signedBy)).filter(({ fingerprint }) => !own.some((each) => each.fingerprint === fingerprint));
  return { own, known };
}

function noKey(name: string, signedBy: readonly string[]): { what: string; why: string; fix: string } {
  return {
    what: `None of the keys that may sign ${name} is on this host.`,
    why: `accepted keys:\n${signedBy.map((each) => `  ${each}`).join('\n')}\nlooked in:\n${KEY_FOLDERS.map((each) => `  ${each}`).join('\n')}`,
    fix: "Give the vendor's public key file (RPM-GPG-KEY-redhat-release, RPM-GPG-KEY-CentOS-6) with --keyring FILE, or install the package distribution-gpg-keys where there is one.",
  };
}

/**
 * Says before a long download that its signature could not be checked afterwards.
 * @throws ExpectedError trust
 */
export async function requireKeys(name: string, signedBy: readonly string[], ctx: FetchContext): Promise<void> {
  if (ctx.allowUnsigned) return;
  const { own, known } = await acceptedKeys(signedBy, ctx);
  if (own.length + known.length === 0) refuse(ctx, name, noKey(name, signedBy), true);
}

/**
 * Checks an RPM's signature.
 * @param signedBy fingerprints (40 hex digits, upper case) of the keys that may sign it; those in --keyring count too
 * @throws ExpectedError trust: damaged, unsigned, signed by another key, or signed with SHA-1 without `allowSha1`;
 *   environment when rpm is not installed
 */
export async function checkRpmSignature(file: string, name: string, signedBy: readonly string[], ctx: FetchContext): Promise<Trust> {
  const plain = await checkWith(file, undefined, ctx);
  if (plain.digests.length === 0) throw damaged(name, 'rpm does not recognise it as a package.');
  const bad = plain.digests.filter(({ result }) => result === 'BAD');
  if (bad.length > 0) throw damaged(name, bad.map((digest) => `${digest.name} digest: BAD`).join('\n'));
  if (plain.signatures.length === 0) {
    return refuse(ctx, name, { what: `${name} has no signature.`, fix: 'Take it from a mirror that has the original.' });
  }
  const { own, known } = await acceptedKeys(signedBy, ctx);
  if (own.length + known.length === 0) return refuse(ctx, name, noKey(name, signedBy), true);
  let weak: RpmSignature | undefined;
  for (const certificate of [...own, ...known]) {
    const check = await checkWith(file, certificate, ctx);
    const forged = check.signatures.filter(({ result }) => result === 'BAD');
    if (forged.length > 0) throw damaged(name, `${describe(forged)}: BAD (key ${certificate.fingerprint})`);
    const strong = coversAll(check, ({ hash }) => hash !== 'SHA1' && hash !== 'MD5');
    const sha1 = coversAll(check, ({ hash }) => hash === 'SHA1');
    if (strong ?? (ctx.allowSha1 ? sha1 : undefined)) {
      return { how: 'pgp', fingerprint: certificate.fingerprint, sha1: strong === undefined };
    }
    weak ??= sha1;
  }
  if (weak) {
    return refuse(ctx, name, {
      what: `${name} has a good signature, but one over SHA-1, which can be imitated with much money.`,
      why: describe([weak]),
      fix: 'RPMs of 2012 are signed that way: accept it for this file with --allow-sha1.',
    }, true);
  }
  return refuse(ctx, name, {
    what: `${name} is not signed by a key that is accepted for it.`,
    why: `${describe(plain.signatures)}\nkeys tried:\n${[...own, ...known].map(({ fingerprint }) => `  ${fingerprint}`).join('\n')}`,
    fix: 'If the signer is right, name its public key with --keyring FILE.',
  });
}
