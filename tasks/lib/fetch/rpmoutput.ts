/** What `rpmkeys -Kv` prints, as data. The lines are those of rpm 4.14 to 4.20; rpm 6 adds "OpenPGP" and longer key ids. */

export interface RpmSignature {
  /** Covers the header only; else header and payload. */
  header: boolean;
  /** OpenPGP version of the signature: 3 in RPMs of 2012. */
  version: number;
  /** RSA, DSA, EdDSA … */
  algorithm: string;
  /** SHA1, SHA256 … */
  hash: string;
  /** Key id or fingerprint as printed, lower-case hex. */
  key: string;
  /** OK, NOKEY, BAD, NOTTRUSTED … */
  result: string;
}

export interface RpmDigest {
  /** "Header SHA256", "Payload SHA256", "MD5" … */
  name: string;
  result: string;
}

export interface RpmCheck {
  signatures: RpmSignature[];
  digests: RpmDigest[];
}

/** Parses the output of `rpmkeys --checksig --verbose`. */
export function parseRpmCheck(output: string): RpmCheck {
  const check: RpmCheck = { signatures: [], digests: [] };
  for (const line of output.split('\n')) {
    const signature = /^\s+(Header )?(?:OpenPGP )?V(\d+) (\w+)\/(\w+) signature, key (?:ID|fingerprint:?) (?:0x)?([0-9a-f]+): (\w+)/i.exec(line);
    if (signature) {
      const [, header, version, algorithm = '', hash = '', key = '', result = ''] = signature;
      check.signatures.push({ header: header !== undefined, version: Number(version), algorithm, hash: hash.toUpperCase(), key: key.toLowerCase(), result: result.toUpperCase() });
      continue;
    }
    const digest = /^\s+(.+) digest: (\w+)/.exec(line);
    if (digest?.[1] && digest[2]) check.digests.push({ name: digest[1], result: digest[2].toUpperCase() });
  }
  return check;
}

/**
 * True when good signatures vouch for every byte of the package. A header signature covers the payload only through a
 * strong payload digest in that header; RPMs of 2012 have none (just an unsigned MD5), and carry a second signature over both.
 */
export function coversAll(check: RpmCheck, accept: (signature: RpmSignature) => boolean): RpmSignature | undefined {
  const good = check.signatures.filter((signature) => signature.result === 'OK' && accept(signature));
  const payload = check.digests.some(({ name, result }) => /^Payload SHA(256|384|512)$/i.test(name) && result === 'OK');
  return good.find((signature) => !signature.header || payload);
}
