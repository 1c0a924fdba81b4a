import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readSymvers } from '../../../tasks/build/modules/check.js';
import { readManifest, verifyArtifact } from '../../../tasks/lib/manifest.js';
import { machineCache as env } from '../../support/artifacts.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { sha256Of } from '../../support/shape-flavour.js';

/** nat-snat for the distribution's real kernel, from its real packages. */

const dir = scratch('nat-snat');
const output = (...argv: [string, ...string[]]): string => execFileSync(argv[0], argv.slice(1), { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
const hasKernel = output('sh', '-c', 'apt-cache depends linux-headers-amd64 2>/dev/null || true').includes('linux-headers-6.1.');
const FOLDER = 'net/netfilter/ipvs';

interface BuildJson {
  release: string;
  artifact: string;
  stages: { stage: string; status: string; ms: number }[];
}

describe.skipIf(!hasKernel)('nat-snat (linux-headers-amd64, linux-source-6.1)', () => {
  let first: CliResult;
  let json: BuildJson;
  let module: string;
  beforeAll(async () => {
    first = await cli(['nat-snat', '--json'], { cwd: dir, env });
    json = first.json as BuildJson;
    module = join(dir, 'build/nat-snat/root/lib/modules', json.release, 'updates/build-kernel/ip_vs.ko');
  });

  it('builds to modules for the current kernel, with the stock tools', async () => {
    expect(first.stdout).not.toContain('"error"');
    expect(first.status).toBe(0);
    expect(json.release).toMatch(/^6\.1\.0-\d+-amd64$/);
    const manifest = await verifyArtifact(json.artifact);
    expect(manifest.modules?.kept['ip_vs.ko']).toContain(`${FOLDER}/ip_vs_snat.c`);
    expect(manifest.modules?.left).toContain('ip_vs_rr.ko');
    expect(manifest.files.map(({ kind, variant }) => [kind, variant].filter(Boolean).join(' ')).sort()).toEqual(['modules-deb', 'modules-tar', 'tools-deb', 'tools-tar host', 'tools-tar static']);
    const unpacked = output('du', '-sm', join(dir, 'build/nat-snat/tree'));
    expect(Number(unpacked.split('\t')[0])).toBeLessThan(10);
  });

  it('fits: vermagic as the kernel\'s own modules have it, every exported symbol with its CRC', async () => {
    const image = output('apt-cache', 'depends', 'linux-image-amd64').match(/linux-image-\d\S*/)?.[0] ?? '';
    expect(image).toBe(`linux-image-${json.release}`);
    const debs = join(dir, 'image');
    mkdirSync(debs);
    execFileSync('sh', ['-c', 'cd "$0" && apt-get -q -o APT::Sandbox::User=root download "$1" && dpkg-deb --fsys-tarfile ./*.deb | tar -x --wildcards "*/kernel/net/netfilter/ipvs/*"', debs, image], { stdio: 'ignore' });
    const stock = join(debs, 'lib/modules', json.release, 'kernel', FOLDER, 'ip_vs.ko');
    for (const field of ['vermagic', 'depends']) expect(output('modinfo', '-F', field, module), field).toBe(output('modinfo', '-F', field, stock));
    const stamp = JSON.parse(readFileSync(join(dir, 'build/nat-snat/stamps/unpack.json'), 'utf8')) as { output: { headers: string } };
    const theirs = [...(await readSymvers(join(stamp.output.headers, 'Module.symvers')))].filter(([, { module: name }]) => name === 'ip_vs');
    const ours = await readSymvers(join(dir, 'build/nat-snat/obj', FOLDER, 'Module.symvers'));
    expect(theirs.length).toBeGreaterThanOrEqual(20);
    for (const [symbol, { crc }] of theirs) expect(ours.get(symbol)?.crc, symbol).toBe(crc);
    // What a scheduler of the distribution asks for, by its own record.
    const wanted = output('modprobe', '--dump-modversions', join(debs, 'lib/modules', json.release, 'kernel', FOLDER, 'ip_vs_rr.ko'));
    expect(wanted).toContain(ours.get('register_ip_vs_scheduler')?.crc);
  });

  it('comes before the kernel\'s own module for depmod, by its package', async () => {
    const manifest = await readManifest(json.artifact);
    const deb = join(json.artifact, manifest.files.find(({ kind }) => kind === 'modules-deb')?.name ?? '');
    expect(output('dpkg-deb', '-f', deb, 'Package').trim()).toBe(`linux-modules-nat-snat-${json.release}`);
    const host = join(dir, 'host');
    execFileSync('dpkg-deb', ['-x', deb, host]);
    execFileSync('cp', ['-r', join(dir, 'image/lib/modules', json.release, 'kernel'), join(host, 'lib/modules', json.release)]);
    const lookUp = (): string => {
      output('depmod', '-b', host, json.release);
      return output('modprobe', '-d', host, '-S', json.release, '--show-depends', 'ip_vs_rr');
    };
    expect(lookUp()).toContain('updates/build-kernel/ip_vs.ko');
    expect(lookUp()).toContain(`kernel/${FOLDER}/ip_vs_rr.ko`);
    execFileSync('rm', ['-r', join(host, 'lib/modules', json.release, 'updates')]);
    expect(lookUp()).toContain(`kernel/${FOLDER}/ip_vs.ko`);
  });

  it('has nothing to do a second time', async () => {
    const again = (await cli(['nat-snat', '--json'], { cwd: dir, env })).json as BuildJson;
    expect(again.stages.every(({ status }) => status === 'skipped')).toBe(true);
    expect(again.stages.reduce((sum, { ms }) => sum + ms, 0)).toBeLessThan(1000);
  });

  it('makes the same bytes elsewhere, without a network, from a mirror that fetch wrote', async () => {
    const fetched = await cli(['fetch', 'nat-snat', '--tools', 'none', '--into', 'mirror'], { cwd: dir, env });
    expect(fetched.status).toBe(0);
    const options = { cwd: dir, env: { BUILD_KERNEL_CACHE: join(dir, 'fresh-cache') } };
    const other = await cli(['nat-snat', '--offline', '--mirror', 'mirror', '--tools', 'none', '--no-ccache', '--work', 'another-place/build', '--out', 'other', '--json'], options);
    expect(other.status).toBe(0);
    const name = readdirSync(json.artifact).find((file) => file.startsWith('modules-')) ?? '';
    const bytes = (path: string): string => sha256Of(readFileSync(path));
    expect(bytes(join(dir, 'other/nat-snat', name))).toBe(bytes(join(json.artifact, name)));
    expect(bytes(module.replace(join(dir, 'build'), join(dir, 'another-place/build')))).toBe(bytes(module));
  });

  it('compiles one object after an edit of one line', async () => {
    appendFileSync(join(dir, 'build/nat-snat/tree', FOLDER, 'ip_vs_core.c'), '\nint build_kernel_test_symbol = 1;\n');
    const result = await cli(['module', FOLDER, 'nat-snat', '--json'], { cwd: dir, env });
    expect(result.status).toBe(0);
    const compiled = readFileSync(join(dir, 'build/nat-snat/logs/module.log'), 'utf8').match(/^ {2}CC \[M\] +\S+$/gm) ?? [];
    expect(compiled.map((line) => line.split('/').pop())).toEqual(['ip_vs_core.o']);
    expect((await cli(['diff', 'nat-snat'], { cwd: dir, env })).stdout).toContain('+int build_kernel_test_symbol = 1;');
  });

  it('packages what was compiled anew', async () => {
    const again = (await cli(['nat-snat', '--json'], { cwd: dir, env })).json as BuildJson;
    expect(again.stages.find(({ stage }) => stage === 'package')?.status).toBe('done');
    const name = readdirSync(again.artifact).find((file) => file.startsWith('modules-') && file.endsWith('.tar.gz')) ?? '';
    const packed = execFileSync('tar', ['-xzOf', join(again.artifact, name), '--wildcards', '*/ip_vs.ko'], { maxBuffer: 64 << 20 });
    expect(sha256Of(packed)).toBe(sha256Of(readFileSync(module)));
    expect(packed.includes('build_kernel_test_symbol')).toBe(true);
  });
});
