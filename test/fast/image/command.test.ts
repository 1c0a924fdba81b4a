import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { reportFolder } from '../../../tasks/image.js';
import { image } from '../../../tasks/image/command.js';
import { deliver, refuseOthers, scratchFor } from '../../../tasks/image/deliver.js';
import { requireInside } from '../../../tasks/image/disk/inside.js';
import { kernelOfRoot } from '../../../tasks/image/disk/kernel.js';
import { lookAtGiven } from '../../../tasks/image/given.js';
import { toImageOptions } from '../../../tasks/image/options.js';
import { requireKnown } from '../../../tasks/image/rootfs/debian.js';
import type { ImageSource } from '../../../tasks/image/types.js';
import { openArtifact } from '../../../tasks/lib/artifact.js';
import type { ExpectedError } from '../../../tasks/lib/errors.js';
import type { FetchOptions } from '../../../tasks/lib/fetch/for-run.js';
import { makeIo } from '../../../tasks/lib/io.js';
import { writeImageManifest } from '../../../tasks/lib/image-manifest.js';
import { sealedFolder, writeSums } from '../../../tasks/lib/supply/sums.js';
import { writeArtifactShape } from '../../support/artifact-shape.js';
import { scratch } from '../../support/cli.js';

/** What the command does around making an image: what it takes, what it leaves, what it replaces. */

const dir = scratch('image-command');
const fails = async (what: Promise<unknown>): Promise<ExpectedError> => what.then(() => Promise.reject(new Error('it did not fail')), (error: unknown) => error as ExpectedError);
const put = (path: string, text = ''): string => {
  const at = join(dir, path);
  mkdirSync(join(at, '..'), { recursive: true });
  writeFileSync(at, text);
  return at;
};
const fetchOptions: FetchOptions = { cache: join(dir, 'cache'), lockFile: join(dir, 'lock.json'), offline: true, mirrors: [], allowUnsigned: false, allowSha1: false };

async function manifestOf(path: string, kind: 'disk' | 'appliance'): Promise<void> {
  await writeImageManifest(path, { schema: 1, kind, host: 'gw1', flavour: 'x', release: '6.1', inputs: { gateway: '0'.repeat(64), artifact: {} }, files: [], verified: false, append: '' });
}

describe('options', () => {
  it.each([
    [{ output: 'gw', authorizedKeys: 'k' }, /--authorized-keys is for disks; this is an appliance/],
    [{ output: 'gw.tar', root: 'r', package: ['a1'] }, /--root and --package are for disks; this is an OCI archive/],
    [{ output: 'gw.img', root: 'r', package: ['tcpdump'] }, /--package adds to the root that is made here/],
    [{ output: 'gw.img', package: ['-o=x'] }, /"-o=x" is no name of a package/],
    [{ output: ' ' }, /has no name/],
  ])('%j', (parsed, said) => {
    expect(() => toImageOptions(parsed)).toThrow(said);
  });
  it('take versions and suites of packages', () => {
    expect(toImageOptions({ output: 'gw.img', package: ['g++', 'tcpdump=4.99.3-1', 'frr/bookworm-backports'] }).packages).toHaveLength(3);
  });
});

describe('what is given for a disk', () => {
  const keys = (text: string): Promise<{ authorizedKeys?: string }> => lookAtGiven({ authorizedKeys: put('keys', text) });
  it('is a list of public keys, never a private one', async () => {
    expect((await keys('# me\nssh-ed25519 AAAAC3 me@here')).authorizedKeys).toBe('# me\nssh-ed25519 AAAAC3 me@here\n');
    expect((await keys('from="10.0.0.0/8" ecdsa-sha2-nistp256 AAAAE2 x\n')).authorizedKeys).toContain('from=');
    expect((await fails(keys('-----BEGIN OPENSSH PRIVATE KEY-----\nssh-ed25519 AAAA\n'))).what).toContain('is a private key');
    expect((await fails(keys('hello\n'))).what).toContain('no public ssh key');
    expect((await fails(lookAtGiven({ authorizedKeys: join(dir, 'no keys') }))).code).toBe('usage');
  });
  it('is a tar of a root', async () => {
    expect((await fails(lookAtGiven({ root: join(dir, 'nothing.tar') }))).what).toContain('There is no file');
    expect((await fails(lookAtGiven({ root: dir }))).what).toContain('is no tar archive');
    expect((await fails(lookAtGiven({ root: put('text.tar', 'text') }))).what).toContain('is no tar archive');
  });
  it('names packages that there are, as far as apt knows any', () => {
    const known = new Map([['keepalived', '2.2'], ['tcpdump', '4.99'], ['ghost', '(none)']]);
    expect(() => { requireKnown(['tcpdump=4.99'], known, 'bookworm'); }).not.toThrow();
    expect(() => { requireKnown(['tcpdump', 'tcpdmp', 'ghost'], known, 'bookworm'); }).toThrow(/no package tcpdmp, ghost/);
    expect(() => { requireKnown(['tcpdmp'], new Map(), 'bookworm'); }).not.toThrow();
  });
});

describe('a root', () => {
  it('whose folder is a link to this machine\'s own is refused', async () => {
    const root = join(dir, 'linked');
    mkdirSync(join(root, 'usr/lib'), { recursive: true });
    symlinkSync('usr/lib', join(root, 'lib'));
    await requireInside(root);
    symlinkSync('/usr/sbin', join(root, 'sbin'));
    expect((await fails(requireInside(root))).what).toMatch(/^\/sbin of the root is a link that leaves it/);
  });
  it('boots its newest kernel by number', async () => {
    const root = join(dir, 'kernels');
    for (const release of ['6.1.0-9-amd64', '6.1.0-44-amd64']) {
      put(`kernels/boot/vmlinuz-${release}`);
      put(`kernels/boot/initrd.img-${release}`);
    }
    const source = (release: string): ImageSource => ({ gateway: { flavour: 'nat-snat' }, artifact: { manifest: { release } } }) as unknown as ImageSource;
    expect(await kernelOfRoot(root, source('6.1.0-44-amd64'))).toMatchObject({ release: '6.1.0-44-amd64' });
    expect((await fails(kernelOfRoot(root, source('6.1.0-9-amd64')))).fix).toContain('Build the artifact again');
    // A root that is older than the artifact: building that again would change nothing.
    expect((await fails(kernelOfRoot(root, source('6.1.0-45-amd64')))).fix).toContain('apt-get update');
  });
});

describe('what stands where the image is to be', () => {
  it('is replaced when it is such an image only', async () => {
    await refuseOthers(join(dir, 'new.img'), 'disk');
    const file = put('backup.img', 'somebody\'s');
    expect((await fails(refuseOthers(file, 'disk'))).what).toContain('is not replaced');
    await manifestOf(`${file}.json`, 'disk');
    await refuseOthers(file, 'disk');
    mkdirSync(join(dir, 'mine'));
    expect((await fails(refuseOthers(join(dir, 'mine'), 'appliance'))).what).toContain('is not replaced');
    await manifestOf(join(dir, 'mine/image.json'), 'appliance');
    await refuseOthers(join(dir, 'mine'), 'appliance');
    put('mine/image.json', 'not JSON');
    expect((await fails(refuseOthers(join(dir, 'mine'), 'appliance'))).what).toContain('is not replaced');
  });

  it('is replaced as a whole, and nothing beside it is touched', async () => {
    const output = join(dir, 'gw');
    put('gw/vmlinuz', 'old');
    put('gw.old/keep', 'a copy that somebody made');
    const made = scratchFor(output);
    put('.bk-image-gw/out/gw/vmlinuz', 'new');
    await deliver(made, output, 'appliance', 0o022);
    expect(readFileSync(join(output, 'vmlinuz'), 'utf8')).toBe('new');
    expect(readFileSync(join(dir, 'gw.old/keep'), 'utf8')).toBe('a copy that somebody made');
  });

  it('loses a signature that is of other sums, and has the modes that its user\'s files have', async () => {
    const output = put('disk.img', 'old');
    const again = (sums: string): Promise<void> => {
      for (const [name, text] of [['', 'new'], ['.json', '{}'], ['.cdx.json', '{}'], ['.sha256', sums]] as const) chmodSync(put(`.bk-image-disk.img/out/disk.img${name}`, text), 0o644);
      return deliver(scratchFor(output), output, 'disk', 0o077);
    };
    put('disk.img.sha256', 'one');
    put('disk.img.sha256.sig');
    await again('one');
    expect(existsSync(`${output}.sha256.sig`)).toBe(true);
    await again('two');
    expect(existsSync(`${output}.sha256.sig`)).toBe(false);
    expect(statSync(output).mode & 0o777).toBe(0o600);
  });

  it('is no place for the report, nor is a folder of somebody', async () => {
    expect((await fails(reportFolder(dir, join(dir, 'gw')))).what).toContain('in the place of the image');
    put('reports/mine/letter');
    expect((await fails(reportFolder(join(dir, 'reports'), '/elsewhere/mine'))).what).toContain('no folder of a report');
    put('reports/gw.img/verify.log');
    expect(await reportFolder(join(dir, 'reports'), 'gw.img')).toBe(join(dir, 'reports/gw.img'));
  });
});

describe('a run', () => {
  it('removes what a killed one left, and leaves nothing itself', async () => {
    const gateway = put('gateway.yaml', 'a gateway');
    const artifact = join(dir, 'artifact');
    writeArtifactShape(artifact);
    await writeSums(sealedFolder(artifact));
    const output = join(dir, 'my images', 'gw €.tar');
    put('my images/.bk-image-gw €.tar/out/huge', 'of a killed run');
    const made = image(makeIo({ json: false }), gateway, { output, kind: 'oci', free: 0, packages: [], verify: true }, fetchOptions, {
      open: async (_file, _host, into) => ({ gateway: { host: 'gw1', flavour: 'x', interfaces: [] }, artifact: await openArtifact(artifact, into), warnings: [] }),
      provision: () => Promise.reject(new Error('not for archives')),
      initramfs: () => Promise.reject(new Error('not for archives')),
      verify: () => Promise.reject(new Error('not for archives')),
    });
    await made;
    expect(readdirSync(join(dir, 'my images')).sort()).toEqual(['gw €.tar', 'gw €.tar.cdx.json', 'gw €.tar.json', 'gw €.tar.sha256']);
    // The list of sums travels too: what a registry gives back can be checked.
    expect(execFileSync('tar', ['-xOf', output], { encoding: 'utf8' })).toContain('"org.opencontainers.image.title":"SHA256SUMS"');
  });
});
