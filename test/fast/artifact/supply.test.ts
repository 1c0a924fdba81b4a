import { execFileSync } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeFiles, writeImageManifest } from '../../../tasks/lib/image-manifest.js';
import { grubProgram } from '../../../tasks/image/programs.js';
import { readManifest } from '../../../tasks/lib/manifest.js';
import { loadLicences } from '../../../tasks/lib/supply/licences.js';
import { artifactSbom } from '../../../tasks/lib/supply/sbom.js';
import { sealedFile, writeSums } from '../../../tasks/lib/supply/sums.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { shapeData, type ShapeData } from '../../support/shape-flavour.js';

/** What stands beside an artifact for whoever gets it from somebody else: bill of materials, sums, signatures, source. */

const dir = scratch('supply');
let data: ShapeData;
let artifact: string;

const run = (...args: string[]): Promise<CliResult> => cli(args, { cwd: dir, env: { BUILD_KERNEL_FLAVOURS: data.folder } });
const failure = (result: CliResult): { code: string; what: string; why?: string } => (result.json as { error: { code: string; what: string; why?: string } }).error;
const copyOf = (name: string): string => {
  const copy = join(dir, name);
  cpSync(artifact, copy, { recursive: true });
  return copy;
};

const homes: string[] = [];
afterAll(() => {
  for (const home of homes) {
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
    rmSync(home, { recursive: true, force: true });
  }
});

beforeAll(async () => {
  data = shapeData(dir);
  const built = await run('shape', '--tools', 'none', '--no-packages', '--no-ccache', '--json');
  expect(built.stderr).toBe('');
  artifact = (built.json as { artifact: string }).artifact;
});

describe('the bill of materials', () => {
  it('is valid CycloneDX 1.6, and names sources, patches and kernel with digests and licences', async () => {
    const text = readFileSync(join(artifact, 'sbom.cdx.json'), 'utf8');
    expect(await new JsonStrictValidator(Version.v1dot6).validate(text)).toBeNull();
    const bom = JSON.parse(text) as { components: { type: string; name: string; hashes?: { content: string }[]; licenses?: { expression: string }[] }[] };
    const named = (name: string): (typeof bom.components)[number] | undefined => bom.components.find((each) => each.name === name);
    expect(named('linux')?.licenses).toEqual([{ expression: 'GPL-2.0-only WITH Linux-syscall-note' }]);
    expect(named('shape-2.6.32.tar.bz2')?.hashes?.[0]?.content).toMatch(/^[0-9a-f]{64}$/);
    expect(bom.components.filter(({ type }) => type === 'file').map(({ name }) => name)).toEqual(expect.arrayContaining(['shape', 'kernel-2.6.32-1.el6.shape.tar.gz']));
    expect(text).not.toContain(dir);
  });
});

describe('the bill of materials of an image', () => {
  it('names the boot loader, busybox, a root that was given and the packages too', async () => {
    const text = artifactSbom(await readManifest(artifact), await loadLicences(), { name: 'gw.img', files: [], packages: [{ name: 'libc6', version: '2.36-9' }], programs: [await grubProgram(), { name: 'busybox', version: '1.35.0', sha256: '0'.repeat(64) }], root: { name: 'el6.tar', sha256: '1'.repeat(64) }, distribution: { id: 'debian', codename: 'bookworm' } });
    expect(await new JsonStrictValidator(Version.v1dot6).validate(text)).toBeNull();
    const { components } = JSON.parse(text) as { components: { name: string; version?: string; licenses?: { expression: string }[] }[] };
    const named = (name: string): (typeof components)[number] | undefined => components.find((each) => each.name === name);
    expect(named('grub')).toMatchObject({ version: expect.stringMatching(/^2\.\d+/) as string, licenses: [{ expression: 'GPL-3.0-or-later' }] });
    expect(named('busybox')).toMatchObject({ version: '1.35.0', licenses: [{ expression: 'GPL-2.0-only' }] });
    expect([named('el6.tar'), named('libc6')]).not.toContain(undefined);
  });
});

describe('SHA256SUMS', () => {
  it('is what sha256sum reads, and covers manifest and bill of materials', () => {
    const said = execFileSync('sha256sum', ['-c', 'SHA256SUMS'], { cwd: artifact, encoding: 'utf8' });
    expect(said.trim().split('\n').sort()).toEqual(['kernel-2.6.32-1.el6.shape.tar.gz: OK', 'manifest.json: OK', 'sbom.cdx.json: OK']);
  });

  it.each(['manifest.json', 'sbom.cdx.json', 'kernel-2.6.32-1.el6.shape.tar.gz'])('notices a change of %s', async (name) => {
    const copy = copyOf(`changed-${name}`);
    appendFileSync(join(copy, name), ' ');
    const result = await run('verify-artifact', copy, '--json');
    expect(result.status).toBe(11);
    expect(failure(result).why).toContain(name);
  });
});

describe('a manifest of somebody else', () => {
  const changed = (name: string, change: (manifest: Record<string, unknown>) => void): string => {
    const copy = copyOf(name);
    const manifest = JSON.parse(readFileSync(join(copy, 'manifest.json'), 'utf8')) as Record<string, unknown>;
    change(manifest);
    writeFileSync(join(copy, 'manifest.json'), JSON.stringify(manifest));
    rmSync(join(copy, 'SHA256SUMS'));
    return copy;
  };

  it.each(['release', 'flavour'])('names no path outside as its %s', async (key) => {
    const copy = changed(`path-${key}`, (manifest) => {
      manifest[key] = '../../out';
    });
    for (const verb of ['verify-artifact', 'source']) {
      const result = await run(verb, copy, '--json');
      expect(failure(result), verb).toMatchObject({ code: 'package', why: expect.stringContaining(key) as string });
    }
  });

  it('writes nothing over what verify-artifact says', async () => {
    const copy = changed('escape', (manifest) => {
      manifest['warnings'] = ['all is well\u001b[2K\nSigned by ssh key of ops@example.org.'];
    });
    const { stdout } = await run('verify-artifact', copy);
    expect(stdout).toContain('beware: all is well');
    expect(stdout).not.toContain('\u001b');
    expect(stdout).not.toMatch(/^Signed by/m);
  });

  it('of an image that is not whole is said to be so', async () => {
    const image = join(dir, 'cut.img');
    writeFileSync(image, 'a disk');
    writeFileSync(`${image}.json`, '{"schema": 1, "ki');
    expect(failure(await run('verify-artifact', image, '--json'))).toMatchObject({ code: 'package', what: expect.stringContaining('is not its manifest') as string });
    await writeImageManifest(`${image}.json`, { schema: 1, kind: 'disk', host: 'gw1', flavour: 'nat-snat', release: '6.1', inputs: { gateway: '0'.repeat(64), artifact: {} }, files: [], verified: true, append: '' });
    await writeSums(sealedFile(image));
    expect(failure(await run('verify-artifact', image, '--json')).why).toContain('cut.img: not in the manifest');
  });
});

describe('signatures', () => {
  it('by an ssh key: good, by another key, of another folder', async () => {
    for (const name of ['one', 'two']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(dir, name)]);
    for (const name of ['one', 'two']) writeFileSync(join(dir, `${name}.signers`), `${name}@example.org ${readFileSync(join(dir, `${name}.pub`), 'utf8')}`);
    const copy = copyOf('by-ssh');
    expect((await run('sign', copy, '--ssh-key', join(dir, 'one'))).status).toBe(0);
    const good = await run('verify-artifact', copy, '--allowed-signers', join(dir, 'one.signers'));
    expect(good.stderr).toBe('');
    expect(good.stdout).toContain('Signed by ssh key of one@example.org.');
    expect(failure(await run('verify-artifact', copy, '--allowed-signers', join(dir, 'two.signers'), '--json')).code).toBe('trust');
    // Sums that fit the files, with a signature of others.
    appendFileSync(join(copy, 'SHA256SUMS'), '\n');
    expect(failure(await run('verify-artifact', copy, '--allowed-signers', join(dir, 'one.signers'), '--json')).what).toContain('not good');
    const unsigned = await run('verify-artifact', artifact, '--allowed-signers', join(dir, 'one.signers'), '--json');
    expect(failure(unsigned)).toMatchObject({ code: 'trust', what: expect.stringContaining('no signature') as unknown });
  });

  it('by an OpenPGP key: good, and by another key', async () => {
    const copy = copyOf('by-gpg');
    // A short home: gpg-agent's socket has a path limit.
    homes.push(...['a', 'b'].map((name) => mkdtempSync(join(tmpdir(), `bk-${name}`))));
    for (const [index, home] of homes.entries()) {
      execFileSync('gpg', ['--homedir', home, '--batch', '--passphrase', '', '--quick-gen-key', `t${String(index)}@example.org`, 'ed25519', 'sign'], { stdio: 'pipe' });
      writeFileSync(join(dir, `${String(index)}.asc`), execFileSync('gpg', ['--homedir', home, '--armor', '--export']));
    }
    const signed = await cli(['sign', copy, '--gpg-key', 't0@example.org'], { cwd: dir, env: { GNUPGHOME: homes[0] ?? '' } });
    expect(signed.stderr).toBe('');
    expect((await run('verify-artifact', copy, '--keyring', join(dir, '0.asc'))).stdout).toMatch(/Signed by OpenPGP key [0-9A-F]{40}/);
    expect(failure(await run('verify-artifact', copy, '--keyring', join(dir, '1.asc'), '--json')).code).toBe('trust');
  });

  it('of an image that is one file: it and what is beside it', async () => {
    const image = join(dir, 'gw.img');
    writeFileSync(image, 'a disk');
    writeFileSync(join(dir, 'gw.img.cdx.json'), '{}');
    await writeImageManifest(join(dir, 'gw.img.json'), { schema: 1, kind: 'disk', host: 'gw1', flavour: 'nat-snat', release: '6.1', inputs: { gateway: '0'.repeat(64), artifact: {} }, files: await describeFiles([image]), verified: true, append: '' });
    expect(failure(await run('verify-artifact', image, '--json')).why).toContain('gw.img.sha256: missing');
    await writeSums(sealedFile(image));
    expect((await run('sign', image, '--ssh-key', join(dir, 'one'))).status).toBe(0);
    const good = await run('verify-artifact', image, '--allowed-signers', join(dir, 'one.signers'));
    expect(good.stdout).toMatch(/disk gw1, nat-snat 6\.1: 1 file as the manifest says\.\nSigned by ssh key of one@example\.org/);
    for (const name of ['gw.img', 'gw.img.json', 'gw.img.cdx.json']) {
      const was = readFileSync(join(dir, name));
      appendFileSync(join(dir, name), ' ');
      const changed = await run('verify-artifact', image, '--json');
      expect(changed.status, name).toBe(11);
      expect(failure(changed).why, name).toContain(name);
      writeFileSync(join(dir, name), was);
    }
    expect(failure(await run('verify-artifact', join(dir, 'one'), '--json')).what).toContain('is no image');
    expect(failure(await run('verify-artifact', join(dir, 'nothing'), '--json')).code).toBe('usage');
  });

  it('by a key that was revoked is none, though gpg calls it good', async () => {
    const copy = copyOf('by-revoked');
    const home = mkdtempSync(join(tmpdir(), 'bk-r'));
    const gpg = (...args: string[]): Buffer => execFileSync('gpg', ['--homedir', home, '--batch', '--quiet', ...args], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      gpg('--passphrase', '', '--quick-gen-key', 'r@example.org', 'ed25519', 'sign');
      expect((await cli(['sign', copy, '--gpg-key', 'r@example.org'], { cwd: dir, env: { GNUPGHOME: home } })).stderr).toBe('');
      writeFileSync(join(dir, 'before.asc'), gpg('--armor', '--export'));
      expect((await run('verify-artifact', copy, '--keyring', join(dir, 'before.asc'))).status).toBe(0);
      const revocation = join(home, 'openpgp-revocs.d', readdirSync(join(home, 'openpgp-revocs.d'))[0] ?? '');
      writeFileSync(revocation, readFileSync(revocation, 'utf8').replace(/^:-----/m, '-----'));
      gpg('--import', revocation);
      writeFileSync(join(dir, 'after.asc'), gpg('--armor', '--export'));
      const result = await run('verify-artifact', copy, '--keyring', join(dir, 'after.asc'), '--json');
      expect(failure(result)).toMatchObject({ code: 'trust', why: expect.stringContaining('revoked') as string });
    } finally {
      execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
      rmSync(home, { recursive: true, force: true });
    }
  });

  it('are not made of what is not as the list says, and one that is there stays when making another fails', async () => {
    const copy = copyOf('sign-changed');
    expect((await run('sign', copy, '--ssh-key', join(dir, 'one'))).status).toBe(0);
    const was = readFileSync(join(copy, 'SHA256SUMS.sig'), 'utf8');
    expect(failure(await run('sign', copy, '--ssh-key', join(dir, 'no-such-key'), '--json')).code).toBe('trust');
    expect(readFileSync(join(copy, 'SHA256SUMS.sig'), 'utf8')).toBe(was);
    appendFileSync(join(copy, 'sbom.cdx.json'), ' ');
    expect(failure(await run('sign', copy, '--ssh-key', join(dir, 'one'), '--json'))).toMatchObject({ code: 'package', why: expect.stringContaining('sbom.cdx.json') as string });
  });

  it('want one key', async () => {
    expect(failure(await run('sign', artifact, '--json')).code).toBe('usage');
    expect(failure(await run('sign', dir, '--ssh-key', 'x', '--json')).what).toContain('no SHA256SUMS');
  });
});

describe('the corresponding source', () => {
  it('builds the same artifact again, with nothing else at hand', async () => {
    expect((await run('source', artifact, '--file', 'all.tar')).status).toBe(0);
    const away = join(dir, 'away');
    mkdirSync(away);
    execFileSync('tar', ['-xf', join(dir, 'all.tar'), '-C', away]);
    const folder = join(away, 'shape-2.6.32-1.el6.shape-source');
    const readme = readFileSync(join(folder, 'README'), 'utf8');
    expect(readme).toContain('npx build-kernel shape --tools none --no-packages --flavours flavours --offline --mirror mirror');
    // Its own "prepare" compiles what is compiled here already, with what is not here.
    expect(readme).toContain('npm install --omit=dev --ignore-scripts ./build-kernel');
    expect(existsSync(join(folder, 'build-kernel/package-lock.json'))).toBe(true);
    expect(existsSync(join(folder, 'build-kernel/dist/cli.js'))).toBe(true);
    expect(readFileSync(join(folder, 'kernel.config'), 'utf8')).toContain('CONFIG_IP_VS=m');
    const built = await cli(['shape', '--tools', 'none', '--no-packages', '--no-ccache', '--flavours', 'flavours', '--offline', '--mirror', 'mirror', '--json'], { cwd: folder, env: { BUILD_KERNEL_CACHE: join(away, 'cache') } });
    expect(built.stderr).toBe('');
    const kernel = 'kernel-2.6.32-1.el6.shape.tar.gz';
    expect(readFileSync(join((built.json as { artifact: string }).artifact, kernel)).equals(readFileSync(join(artifact, kernel)))).toBe(true);
  });

  it('is one file, and what a killed run left is removed', async () => {
    mkdirSync(join(dir, 'a folder'));
    expect(failure(await run('source', artifact, '--file', 'a folder', '--json'))).toMatchObject({ code: 'usage', what: expect.stringContaining('no file') as string });
    mkdirSync(join(dir, 'out/.bk-source-x.tar/old'), { recursive: true });
    expect((await run('source', artifact, '--file', 'out/x.tar')).status).toBe(0);
    expect(readdirSync(join(dir, 'out'))).toEqual(['x.tar']);
  });

  it('is refused when an input is gone', async () => {
    const copy = copyOf('gone');
    const manifest = readFileSync(join(copy, 'manifest.json'), 'utf8');
    writeFileSync(join(copy, 'manifest.json'), manifest.replaceAll(/"digest": "[0-9a-f]{64}"/g, `"digest": "${'0'.repeat(64)}"`));
    rmSync(join(copy, 'SHA256SUMS'));
    const result = await run('source', copy, '--json');
    expect(failure(result)).toMatchObject({ code: 'trust', why: expect.stringContaining('shape-2.6.32.tar.bz2') as unknown });
  });
});
