import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { shapeData, writeFlavour, type ShapeData } from '../../support/shape-flavour.js';
import { flipBit, makeSignedSrpm, type SignedSrpm } from '../../support/shape-srpm.js';

/** A base that is an SRPM: really built, really signed, taken apart both ways. */

const dir = scratch('srpm');
let data: ShapeData;
let signed: SignedSrpm;

function baseYaml(urls: string[]): string {
  return `name: shape-srpm
summary: a kernel-shaped SRPM
layout: srpm
release: ${signed.release}
source:
  kind: file
  name: kernel-${signed.release}.src.rpm
  urls: [${urls.map((url) => `"${url}"`).join(', ')}]
  signedBy: ["${signed.fingerprint}"]
srpm:
  tarball: linux-${signed.release}.tar.bz2
  defines:
    dist: .el6
config:
  gateway: [config/shape.config]
`;
}
const run = (...args: string[]): Promise<CliResult> => cli(args, { cwd: dir, env: { BUILD_KERNEL_FLAVOURS: data.folder } });
const build = (...args: string[]): Promise<CliResult> => run('shape-srpm', '--tools', 'none', '--no-ccache', ...args);

/** Path, mode and content of every file below a folder. */
function listing(folder: string): string {
  return execFileSync('sh', ['-c', 'cd "$1" && find . -printf "%m %y %p\\n" | sort && find . -type f -print0 | sort -z | xargs -0 sha256sum', 'sh', folder], { encoding: 'utf8' });
}
function pristine(cache: string): string {
  const folder = readdirSync(join(dir, cache, 'pristine')).find((name) => name.startsWith('shape-srpm-') && !name.endsWith('.lock'));
  return join(dir, cache, 'pristine', folder ?? 'none', 'tree');
}

beforeAll(() => {
  data = shapeData(dir);
  signed = makeSignedSrpm(dir);
  mkdirSync(join(data.folder, 'bases'), { recursive: true });
  writeFileSync(join(data.folder, 'bases', 'shape-srpm.yaml'), baseYaml([`file://${signed.srpm}`]));
  writeFlavour(data.folder, 'shape-srpm', 'summary: s\norigin: o\nbase: shape-srpm\nsuffix: .shape\n');
});

describe('an SRPM', () => {
  it('is built after its signature was checked; the manifest says by whom it was signed', async () => {
    const result = await build('--keyring', signed.keyring, '--cache', 'direct', '--json');
    expect(result.status).toBe(0);
    const { artifact, release } = result.json as { artifact: string; release: string };
    expect(release).toBe(`${signed.release}.shape`);
    const manifest = JSON.parse(readFileSync(join(artifact, 'manifest.json'), 'utf8')) as { inputs: { trust: unknown }[] };
    expect(manifest.inputs[0]?.trust).toMatchObject({ how: 'pgp', fingerprint: signed.fingerprint });
    const files = readdirSync(artifact);
    expect(files.some((name) => name.endsWith('.rpm'))).toBe(true);
    expect(files.some((name) => name.endsWith('.deb'))).toBe(true);
  });

  it('gives the same tree and the same configuration by --prep rpmbuild, and leaves no agent', async () => {
    const result = await run('prepare', 'shape-srpm', '--no-ccache', '--keyring', signed.keyring, '--cache', 'rpmbuild', '--prep', 'rpmbuild', '--work', 'w-rpmbuild', '--config', 'distro', '--json');
    expect(result.status).toBe(0);
    expect(listing(pristine('rpmbuild'))).toBe(listing(pristine('direct')));
    const direct = await run('prepare', 'shape-srpm', '--no-ccache', '--keyring', signed.keyring, '--cache', 'direct', '--work', 'w-direct', '--config', 'distro', '--json');
    expect(direct.status).toBe(0);
    const config = (work: string): string => readFileSync(join(dir, work, 'shape-srpm/obj/.config'), 'utf8');
    expect(config('w-rpmbuild')).toBe(config('w-direct'));
    expect(config('w-direct')).toContain('CONFIG_IP_VS_DEBUG=y');
    expect(execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })).not.toContain('linux-2.6.32-220.23.1.el6.x86_64');
  });

  it('is refused without a key that may sign it; --allow-unsigned is said in the manifest', async () => {
    const refused = await build('--cache', 'nokey', '--work', 'w3', '--json');
    expect(refused.status).toBe(5);
    expect(JSON.stringify(refused.json)).toContain('--keyring');
    const allowed = await build('--cache', 'nokey', '--work', 'w3', '--out', 'o3', '--allow-unsigned', '--json');
    expect(allowed.status).toBe(0);
    const manifest = readFileSync(join(dir, 'o3/shape-srpm/manifest.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ inputs: [{ trust: { how: 'unsigned' } }], warnings: expect.arrayContaining([expect.stringContaining('unsigned')]) as unknown });
  });

  it('that was cut off or has a flipped bit is refused and named', async () => {
    const cut = join(dir, 'cut.src.rpm');
    copyFileSync(signed.srpm, cut);
    truncateSync(cut, 2000);
    const bent = join(dir, 'bent.src.rpm');
    flipBit(signed.srpm, bent);
    for (const path of [cut, bent]) {
      const result = await build('--cache', 'bad', '--work', 'w4', '--keyring', signed.keyring, '--source', path, '--json');
      expect(result.status).toBe(5);
    }
    const result = await build('--cache', 'bad', '--work', 'w4', '--keyring', signed.keyring, '--source', data.tarball, '--json');
    expect([5, 6]).toContain(result.status);
  });
});
