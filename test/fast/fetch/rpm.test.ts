import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fetchFromFile, fetchSource } from '../../../tasks/lib/fetch/index.js';
import { knownCertificates } from '../../../tasks/lib/fetch/keys.js';
import { certificates } from '../../../tasks/lib/fetch/openpgp.js';
import { coversAll, parseRpmCheck } from '../../../tasks/lib/fetch/rpmoutput.js';
import type { FileSource } from '../../../tasks/lib/sources.js';
import { context, failure, scratch } from './support/context.js';
import { FaultServer } from './support/httpserver.js';
import { gpg1Missing, rpmMissing, RpmWorkshop, type Signer } from './support/rpms.js';

const why = (reason: string | undefined): string => (reason === undefined ? '' : ` (left out: ${reason})`);

describe.skipIf(rpmMissing !== undefined)(`signatures of RPMs${why(rpmMissing)}`, () => {
  const folder = scratch();
  let shop: RpmWorkshop;
  let vendor: Signer;
  let stranger: Signer;
  let good: string;
  let server: FaultServer;
  beforeAll(async () => {
    shop = new RpmWorkshop(folder);
    vendor = shop.signer('vendor');
    stranger = shop.signer('stranger');
    good = shop.package('good', { by: vendor, hash: 'SHA256' });
    server = await FaultServer.start();
  });

  const spec = (path: string, signer = vendor): FileSource => ({
    kind: 'file',
    name: 'kernel.src.rpm',
    urls: [server.on(`/${String(Math.random())}`, { body: readFileSync(path), headers: { etag: '"x"' } })],
    signedBy: [signer.fingerprint],
  });

  it('count when the key is in --keyring, and the digest is remembered', async () => {
    const ctx = context({ keyring: vendor.keyFile });
    const source = spec(good);
    const fetched = await fetchSource(source, ctx);
    expect(fetched.trust).toEqual({ how: 'pgp', fingerprint: vendor.fingerprint, sha1: false });
    expect(JSON.parse(readFileSync(ctx.lockFile, 'utf8'))).toMatchObject({ [source.urls[0] ?? '']: { sha256: fetched.digest } });
    // From the cache it is checked again; the trust is not a thing to remember.
    expect((await fetchSource(source, { ...ctx, offline: true })).trust).toEqual(fetched.trust);
    expect((await failure(fetchSource(source, { ...ctx, offline: true, keyring: undefined }))).code).toBe('trust');
  });

  it('count by whichever key of a binary keyring made them, pinned or not', async () => {
    const keyring = shop.keyring(join(folder, 'both.gpg'), stranger, vendor);
    expect((await fetchFromFile(good, spec(good), context({ keyring }))).trust).toMatchObject({ fingerprint: vendor.fingerprint });
    const theirs = shop.package('theirs', { by: stranger, hash: 'SHA256' });
    expect((await fetchFromFile(theirs, spec(theirs), context({ keyring }))).trust).toMatchObject({ fingerprint: stranger.fingerprint });
  });

  it('of a key that is not on this host are refused before anything is downloaded', async () => {
    const source = spec(good);
    const error = await failure(fetchSource(source, context()));
    expect(error).toMatchObject({ code: 'trust', exitStatus: 5 });
    expect(error.why).toContain(vendor.fingerprint);
    expect(error.fix).toContain('--keyring');
    expect(error.fix).toContain('--allow-unsigned');
    expect(server.requests(new URL(source.urls[0] ?? '').pathname)).toHaveLength(0);
  });

  it('of another key are refused', async () => {
    const error = await failure(fetchSource(spec(good), context({ keyring: stranger.keyFile })));
    expect(error.code).toBe('trust');
    expect(error.what).toContain('not signed by a key that is accepted');
    expect(error.why).toContain(vendor.fingerprint.slice(-8).toLowerCase());
  });

  it('are missing: refused, unless the user said so', async () => {
    const plain = shop.package('plain');
    expect((await failure(fetchSource(spec(plain), context({ keyring: vendor.keyFile })))).what).toContain('has no signature');
    const ctx = context({ allowUnsigned: true });
    expect((await fetchSource(spec(plain), ctx)).trust).toEqual({ how: 'unsigned', why: 'kernel.src.rpm has no signature.' });
    expect(ctx.notices.join()).toContain('--allow-unsigned');
  });

  it('do not help a damaged package, whatever the user allows; the next mirror does', async () => {
    const damaged = shop.damaged(good, 10);
    const ctx = context({ keyring: vendor.keyFile, allowUnsigned: true });
    const error = await failure(fetchFromFile(damaged, spec(good), ctx));
    expect(error).toMatchObject({ code: 'trust' });
    expect(error.what).toContain('damaged or was changed');
    const source = spec(damaged);
    const whole = spec(good);
    const fetched = await fetchSource({ ...source, urls: [...source.urls, ...whole.urls] }, ctx);
    expect(fetched.from).toBe(whole.urls[0]);
    const text = join(folder, 'text.src.rpm');
    writeFileSync(text, 'not a package');
    expect((await failure(fetchFromFile(text, spec(good), ctx))).why).toContain('does not recognise it');
  });

  it('over SHA-1 need an opt-in; the file waits for it and is not downloaded again', async () => {
    const source = spec(shop.package('sha1', { by: vendor, hash: 'SHA1' }));
    const ctx = context({ keyring: vendor.keyFile });
    const error = await failure(fetchSource(source, ctx));
    expect(error).toMatchObject({ code: 'trust' });
    expect(error.fix).toContain('--allow-sha1');
    expect(readdirSync(join(ctx.cacheDir, 'downloads/partial')).some((name) => name.endsWith('.part'))).toBe(true);
    expect((await fetchSource(source, { ...ctx, allowSha1: true })).trust).toEqual({ how: 'pgp', fingerprint: vendor.fingerprint, sha1: true });
    const { pathname } = new URL(source.urls[0] ?? '');
    expect(server.requests(pathname).map(({ headers }) => headers.range === undefined)).toEqual([true, false]);
  });

  it.skipIf(gpg1Missing !== undefined)(`of version 3, as in 2012, are understood${why(gpg1Missing)}`, async () => {
    const old = shop.package('old', { by: vendor, hash: 'SHA1', old: true });
    expect((await failure(fetchFromFile(old, spec(old), context({ keyring: vendor.keyFile })))).why).toContain('V3 RSA/SHA1');
    expect((await fetchFromFile(old, spec(old), context({ keyring: vendor.keyFile, allowSha1: true }))).trust).toMatchObject({ sha1: true });
    const strong = shop.package('strong', { by: vendor, hash: 'SHA256', old: true });
    expect((await fetchFromFile(strong, spec(strong), context({ keyring: vendor.keyFile }))).trust).toMatchObject({ sha1: false });
  });

  it('need a keyring that is one', async () => {
    const empty = join(folder, 'empty');
    writeFileSync(empty, 'nothing');
    expect((await failure(fetchSource(spec(good), context({ keyring: empty })))).code).toBe('usage');
    expect((await failure(fetchSource(spec(good), context({ keyring: '/no/such' })))).code).toBe('usage');
  });

  it('are looked up by fingerprint in folders of keys', async () => {
    const keys = scratch();
    writeFileSync(join(keys, 'RPM-GPG-KEY-one'), readFileSync(stranger.keyFile));
    writeFileSync(join(keys, 'RPM-GPG-KEY-many'), `# two keys\n${readFileSync(stranger.keyFile, 'utf8')}\n${readFileSync(vendor.keyFile, 'utf8')}`);
    writeFileSync(join(keys, 'README'), 'text');
    expect((await knownCertificates([vendor.fingerprint], ['/no/such/folder', keys])).map(({ fingerprint }) => fingerprint)).toEqual([vendor.fingerprint]);
    expect(await knownCertificates(['0'.repeat(40)], [keys])).toEqual([]);
  });

  it('come from keys whose armour survives being taken apart', () => {
    const [certificate] = certificates(readFileSync(vendor.keyFile));
    expect(certificate?.fingerprint).toBe(vendor.fingerprint);
    const body = (text: string): string => text.split('\n').filter((line) => !/^(-----|Version|Comment|$)/.test(line)).join('');
    expect(body(certificate?.armoured ?? '')).toBe(body(readFileSync(vendor.keyFile, 'utf8')));
    expect(certificates(Buffer.from('-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!\n-----END PGP PUBLIC KEY BLOCK-----'))).toEqual([]);
    expect(certificates(Buffer.from([0x99, 0xff]))).toEqual([]);
  });
});

describe('what rpm prints', () => {
  const any = (): boolean => true;

  it('of an old package: a header signature alone does not vouch for the payload', () => {
    const header = '    Header V3 RSA/SHA1 Signature, key ID c105b9de: OK\n    Header SHA1 digest: OK\n    MD5 digest: OK\n';
    expect(coversAll(parseRpmCheck(header), any)).toBeUndefined();
    const both = `${header}    V3 RSA/SHA1 Signature, key ID c105b9de: OK\n`;
    expect(coversAll(parseRpmCheck(both), any)).toMatchObject({ header: false, version: 3, hash: 'SHA1', key: 'c105b9de' });
    // The second signature is another key's: nothing is covered.
    const mixed = `${header}    V3 RSA/SHA1 Signature, key ID 00000000: NOKEY\n`;
    expect(coversAll(parseRpmCheck(mixed), any)).toBeUndefined();
  });

  it('of newer packages and newer rpms', () => {
    const now = 'x.rpm:\n    Header V4 RSA/SHA256 Signature, key ID 4d8187da: OK\n    Header SHA256 digest: OK\n    Payload SHA256 digest: OK\n';
    expect(coversAll(parseRpmCheck(now), any)).toMatchObject({ header: true, hash: 'SHA256' });
    const bad = parseRpmCheck('    Payload SHA256 digest: BAD (Expected 00 != 11)\n    DSA signature: NOTFOUND\n');
    expect(bad).toEqual({ signatures: [], digests: [{ name: 'Payload SHA256', result: 'BAD' }] });
    const six = parseRpmCheck(`    Header OpenPGP V4 RSA/SHA512 signature, key fingerprint: ${'ab'.repeat(20)}: OK\n`);
    expect(six.signatures[0]).toMatchObject({ version: 4, hash: 'SHA512', key: 'ab'.repeat(20), result: 'OK' });
  });
});
