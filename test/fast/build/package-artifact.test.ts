import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { appendFile, chmod, cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { packageArtifact, type PackageOutput } from '../../../tasks/build/package/index.js';
import { artifactFile, readManifest, verifyArtifact } from '../../../tasks/lib/manifest.js';
import { EPOCH, fakeKernel, fakeParts, fakeTools, RELEASE } from './support/fake-root.js';

let dir: string;
let first: PackageOutput;
let second: PackageOutput;

const make = async (name: string, umask: number): Promise<PackageOutput> => {
  const old = process.umask(umask);
  try {
    const base = join(dir, name);
    const compiled = await fakeKernel(join(base, 'root'));
    const tools = await fakeTools(join(base, 'tools'));
    return await packageArtifact({ out: join(base, 'out'), work: join(base, 'work'), compiled, tools, manifest: fakeParts(), epoch: EPOCH });
  } finally {
    process.umask(old);
  }
};

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-'));
  // Another folder, another time, another umask: the bytes must not tell.
  first = await make('one', 0o022);
  await new Promise((resolve) => setTimeout(resolve, 1100));
  second = await make('two/deeper', 0o077);
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const NAMES = [
  `kernel-${RELEASE}.tar.gz`,
  'tools-dsnat-220-host.tar.gz',
  'tools-dsnat-220-static.tar.gz',
  'kernel-snat-dsnat-220-2.6.32-220.23.1.el6.dsnat.x86_64.rpm',
  'snat-tools-dsnat-220-2.6.32-220.23.1.el6.dsnat.x86_64.rpm',
  `linux-image-${RELEASE}_2.6.32-220.23.1.el6.dsnat_amd64.deb`,
  'snat-tools-dsnat-220_2.6.32-220.23.1.el6.dsnat_amd64.deb',
];
const path = (kind: Parameters<typeof artifactFile>[2], variant?: 'host' | 'static'): string => artifactFile(first.dir, first.manifest, kind, variant) ?? '';

describe('the artifact', () => {
  it('holds tarballs, packages and a manifest, and verifies', async () => {
    expect((await readdir(first.dir)).sort()).toEqual([...NAMES, 'SHA256SUMS', 'manifest.json', 'sbom.cdx.json'].sort());
    expect((await verifyArtifact(first.dir)).files.map(({ name }) => name).sort()).toEqual([...NAMES].sort());
    expect(await readdir(join(dir, 'one'))).toEqual(['out', 'root', 'tools']);
  });

  it.each(NAMES)('%s is the same, byte for byte, when built again elsewhere', async (name) => {
    const [a, b] = await Promise.all([readFile(join(first.dir, name)), readFile(join(second.dir, name))]);
    expect(a.equals(b)).toBe(true);
  });

  it('unpacks over / without an entry for a folder that may be a symbolic link there', async () => {
    const { stdout } = await execa('tar', ['-tzvf', path('kernel-tar'), '--numeric-owner', '--utc']);
    const names = stdout.split('\n').map((line) => line.replace(/^.* \d\d:\d\d /, ''));
    expect(names).not.toContain('lib/');
    expect(names).not.toContain('lib/modules/');
    expect(names).toContain(`boot/vmlinuz-${RELEASE}`);
    expect(names).toContain(`lib/modules/${RELEASE}/modules.dep`);
    expect(names).toContain(`lib/firmware/${RELEASE}/bnx2.fw`);
    expect(names.join('\n')).not.toMatch(/\/(build|source)\b/);
    expect(stdout.split('\n').filter((line) => !/ 0\/0 .* 2012-06-18 06:13 /.test(line))).toEqual([]);
  });

  it('has module dependencies that modprobe of any age reads', async () => {
    const { stdout } = await execa('tar', ['-xzOf', path('kernel-tar'), `lib/modules/${RELEASE}/modules.dep`]);
    expect(stdout).toContain('kernel/net/netfilter/ipvs/ip_vs_rr.ko: kernel/net/netfilter/ipvs/ip_vs.ko');
    const root = join(dir, 'unpacked');
    await mkdir(root);
    await execa('tar', ['-xzf', path('kernel-tar'), '-C', root]);
    const modprobe = await execa('modprobe', ['-d', root, '-S', RELEASE, '--show-depends', 'ip_vs_rr']);
    expect(modprobe.stdout.split('\n').map((line) => line.replace(/.*\//, '').trim())).toEqual(['ip_vs.ko', 'ip_vs_rr.ko']);
  });

  it('says in the manifest what went in and what to beware of', async () => {
    const manifest = await readManifest(first.dir);
    expect(manifest.warnings).toEqual(['my.patch was taken unsigned because that was allowed (--allow-unsigned): nothing proves that it is the published file.']);
    expect(manifest.series[0]?.files[0]?.hunks[0]?.offset).toBe(-2);
    expect(manifest.tools.map(({ variant, name }) => `${variant} ${name}`)).toEqual(['host ipvsadm', 'static ipvsadm']);
    expect(manifest.timings['package']).toBeGreaterThan(0);
    expect(JSON.stringify(manifest)).not.toContain('/cache/');
  });
});

describe('the RPMs', () => {
  const query = async (file: string, ...args: string[]): Promise<string[]> => (await execa('rpm', ['-qp', ...args, file])).stdout.split('\n').map((line) => line.trim());
  it('need nothing of rpm that 4.8 has not', async () => {
    for (const kind of ['kernel-rpm', 'tools-rpm'] as const) {
      const requires = (await query(path(kind), '--requires')).filter((line) => line.startsWith('rpmlib'));
      expect(requires).toEqual(['rpmlib(CompressedFileNames) <= 3.0.4-1', 'rpmlib(PayloadFilesHavePrefix) <= 4.0-1']);
      expect(await query(path(kind), '--queryformat', '%{PAYLOADFORMAT} %{PAYLOADCOMPRESSOR} %{BUILDHOST} %{BUILDTIME}')).toEqual([`cpio gzip build-kernel ${String(EPOCH)}`]);
    }
  });
  it('own their files and no common folder', async () => {
    const kernel = await query(path('kernel-rpm'), '-l');
    expect(kernel).toContain(`/boot/vmlinuz-${RELEASE}`);
    expect(kernel).toContain(`/lib/modules/${RELEASE}`);
    expect(kernel).not.toContain('/lib/modules');
    const tools = await query(path('tools-rpm'), '-l');
    expect(tools).toContain('/etc/keepalived');
    expect(tools).toContain('/usr/share/man/man8/odd [name] {x}%d.8');
    expect(tools).toContain('/sbin/ipvsadm-restore');
    expect(await query(path('tools-rpm'), '-c')).toEqual(['/etc/keepalived/keepalived.conf', '/etc/sysconfig/keepalived']);
    expect(await query(path('tools-rpm'), '--conflicts')).toEqual(['ipvsadm', 'keepalived']);
    expect(await query(path('kernel-rpm'), '--provides')).toContain('installonlypkg(kernel)');
  });
  it('carry scripts that a shell accepts', async () => {
    for (const kind of ['kernel-rpm', 'tools-rpm'] as const) {
      const scripts = (await query(path(kind), '--queryformat', '%{POSTIN}\n%{PREUN}\n')).join('\n');
      expect(scripts).not.toMatch(/@[A-Z]+@/);
      await execa('sh', ['-n'], { input: scripts });
    }
    expect((await query(path('tools-rpm'), '--scripts')).join('\n')).toContain('for script in keepalived; do');
    expect((await query(path('kernel-rpm'), '--scripts')).join('\n')).toContain(`release='${RELEASE}'`);
  });
  it('unpack to the staged files', async () => {
    const root = join(dir, 'from-rpm');
    await mkdir(root);
    await execa('sh', ['-c', 'rpm2cpio "$1" | cpio -id --quiet', 'sh', path('tools-rpm')], { cwd: root });
    expect(await readFile(join(root, 'sbin/ipvsadm-restore'), 'utf8')).toBe('static ipvsadm');
  });
});

describe('the debs', () => {
  it('belong to root, carry scripts, and put EL6 init scripts where Debian does not run them', async () => {
    const list = (await execa('dpkg-deb', ['-c', path('tools-deb')])).stdout;
    expect(list.split('\n').every((line) => line.includes(' root/root '))).toBe(true);
    expect(list).toContain('./usr/share/snat-tools-dsnat-220/el6/etc/rc.d/init.d/keepalived');
    expect(list).not.toMatch(/ \.\/etc\/rc\.d/);
    const control = join(dir, 'control');
    await execa('dpkg-deb', ['-e', path('kernel-deb'), control]);
    expect((await readdir(control)).sort()).toEqual(['control', 'md5sums', 'postinst', 'postrm']);
    for (const name of ['postinst', 'postrm']) await execa('sh', ['-n', join(control, name)]);
    expect(await readFile(join(control, 'control'), 'utf8')).toContain(`Package: linux-image-${RELEASE}\nVersion: 2.6.32-220.23.1.el6.dsnat\n`);
  });
});

describe('an artifact that stands there already', () => {
  const again = (over: Partial<Parameters<typeof packageArtifact>[0]> = {}): Promise<PackageOutput> =>
    fakeKernel(join(dir, 'again-root')).then((compiled) =>
      packageArtifact({ out: join(dir, 'again'), work: join(dir, 'again-work'), compiled, manifest: fakeParts(), epoch: EPOCH, formats: [], ...over }),
    );
  it('is replaced by a whole one, stays when the new one fails, and comes back after a kill', async () => {
    const { dir: out } = await again();
    expect((await readManifest(out)).warnings).toContain('No tools are in this artifact: they were not built.');
    await rm(join(dir, 'again-root'), { recursive: true });
    const compiled = await fakeKernel(join(dir, 'bad-root'), ['printk', 'no_such_symbol']);
    await expect(again({ compiled })).rejects.toMatchObject({ code: 'package', why: expect.stringContaining('no_such_symbol') as string });
    await verifyArtifact(out);
    // The state between the two renames of a run that was killed.
    await rename(out, `${out}.old`);
    await mkdir(`${out}.4194305.new`); // above the highest process id
    await mkdir(`${out}.${String(process.pid)}.new`);
    await rm(join(dir, 'again-root'), { recursive: true, force: true });
    await expect(again({ compiled })).rejects.toMatchObject({ code: 'package' });
    await verifyArtifact(out);
    // What a dead run left is swept away; what a living one writes is not.
    expect((await readdir(dir)).filter((name) => name.startsWith('again.'))).toEqual([`again.${String(process.pid)}.new`]);
  });
  it('is not replaced when it is something else', async () => {
    const home = join(dir, 'home');
    await mkdir(home);
    await writeFile(join(home, 'letter'), 'dear');
    await rm(join(dir, 'again-root'), { recursive: true, force: true });
    await expect(again({ out: home })).rejects.toMatchObject({ code: 'usage' });
    expect(await readdir(home)).toEqual(['letter']);
  });
});

describe('a manifest', () => {
  it('tells what is wrong with a damaged artifact', async () => {
    const copy = join(dir, 'damaged');
    await cp(first.dir, copy, { recursive: true });
    await appendFile(join(copy, NAMES[0] ?? ''), 'x');
    await rm(join(copy, NAMES[1] ?? ''));
    await writeFile(join(copy, 'stray'), '');
    const bytes = await readFile(join(copy, NAMES[3] ?? ''));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 1) ^ 1, bytes.length - 1);
    await writeFile(join(copy, NAMES[3] ?? ''), bytes);
    await expect(verifyArtifact(copy)).rejects.toMatchObject({
      code: 'package',
      why: expect.stringMatching(/bytes, the manifest says[\s\S]*missing[\s\S]*sha256 is not[\s\S]*stray: not in/) as string,
    });
  });
  it.each([
    ['no folder', undefined, /There is no artifact folder/],
    ['no manifest', '', /has no manifest\.json/],
    ['half a manifest', '{"schema": 1,', /not whole/],
    ['a newer one', '{"schema": 2}', /newer build-kernel/],
    ['another JSON', '{"name": "x"}', /no manifest of an artifact/],
  ])('is refused: %s', async (name, text, what) => {
    const folder = join(dir, `refused ${name}`);
    if (text !== undefined) await mkdir(folder);
    if (text) await writeFile(join(folder, 'manifest.json'), text);
    await expect(readManifest(folder)).rejects.toMatchObject({ code: 'package', what: expect.stringMatching(what) as string });
  });
});

describe('permissions', () => {
  it('says so when the place cannot be written', async () => {
    const locked = join(dir, 'locked');
    await mkdir(locked);
    await chmod(locked, 0o755);
    await writeFile(join(locked, 'file'), '');
    const compiled = await fakeKernel(join(dir, 'locked-root'));
    await expect(
      packageArtifact({ out: join(locked, 'file'), work: join(dir, 'locked-work'), compiled, manifest: fakeParts(), epoch: EPOCH, formats: [] }),
    ).rejects.toMatchObject({ code: 'usage', what: expect.stringContaining('is no folder') as string });
  });
});
