import { execFileSync, spawnSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { expectedVermagic } from '../../../tasks/build/modules/check.js';
import { requireSameVersion } from '../../../tasks/build/modules/kernel.js';
import { secureBoot } from '../../../tasks/build/modules/secure-boot.js';
import { compilerWarning } from '../../../tasks/build/modules/stages.js';
import { loadFlavours } from '../../../tasks/lib/flavours/catalog.js';
import { flavourSchema } from '../../../tasks/lib/flavours/schema.js';
import { readManifest, verifyArtifact } from '../../../tasks/lib/manifest.js';
import { patchesDir } from '../../../tasks/lib/paths.js';
import { cli, scratch, startCli, type CliResult } from '../../support/cli.js';
import { headersMirror, SHAPE_RELEASE } from '../../support/headers-shape.js';
import { sha256Of, shapeData, writeFlavour, PATCH, type ShapeData } from '../../support/shape-flavour.js';

/** build: modules on a kernel-shaped distribution, through the command a user types. */

interface BuildJson {
  release: string;
  artifact: string;
  stages: { stage: string; status: string; ms: number }[];
  error?: { code: string; what: string; why?: string; fix?: string };
}

const dir = scratch('modules');
const bytes = (path: string): string => sha256Of(readFileSync(path));
const FOLDER = 'net/netfilter/ipvs';
let data: ShapeData;
let mirror: string;

function run(args: string[]): Promise<CliResult> {
  return cli(args, { cwd: dir, env: { BUILD_KERNEL_FLAVOURS: data.folder } });
}
function build(flavour: string, ...args: string[]): Promise<CliResult> {
  return run([flavour, '--offline', '--mirror', mirror, '--no-ccache', '--json', ...args]);
}
const parsed = (result: CliResult): BuildJson => result.json as BuildJson;
function flavour(name: string, patches: { file: string; text: string }[], version = '2.6'): void {
  for (const { file, text } of patches) writeFileSync(join(data.folder, file), text);
  const list = patches.map(({ file, text }) => `  - {file: ${file}, sha256: ${sha256Of(text)}}\n`).join('');
  writeFlavour(
    data.folder,
    name,
    `summary: s\norigin: here\nbase: shape\nbuild: modules\nmodules: {folder: ${FOLDER}, kernel: {headers: linux-headers-shape, version: "${version}"}}\npatches:\n${list}`,
  );
}
const compiled = (log: string): string[] => [...readFileSync(join(dir, 'build/shape-modules/logs', `${log}.log`), 'utf8').matchAll(/^ {2}CC \[M\] +\S*\/(\S+\.o)$/gm)].map((match) => match[1] ?? '');
const hasDpkg = spawnSync('dpkg-deb', ['--version']).status === 0;

describe.skipIf(!hasDpkg)('modules for the distribution\'s kernel', () => {
  beforeAll(() => {
    data = shapeData(dir);
    mirror = headersMirror(join(dir, 'mirror'));
    flavour('shape-modules', [{ file: 'core.patch', text: PATCH }]);
  });

  it('build to a tarball and a deb with the modules that differ; a second build has nothing to do', async () => {
    const first = await build('shape-modules');
    expect(parsed(first).error).toBeUndefined();
    expect(first.status).toBe(0);
    const { artifact, release, stages } = parsed(first);
    expect(release).toBe(SHAPE_RELEASE);
    expect(stages.map(({ stage, status }) => `${stage} ${status}`)).toEqual(['fetch done', 'unpack done', 'patch done', 'configure skipped', 'compile done', 'tools done', 'package done']);
    expect(readdirSync(artifact).sort()).toEqual(['SHA256SUMS', `linux-modules-shape-modules-${SHAPE_RELEASE}_2.6.32-1_amd64.deb`, 'manifest.json', `modules-shape-modules-${SHAPE_RELEASE}.tar.gz`, 'sbom.cdx.json']);
    const manifest = await verifyArtifact(artifact);
    expect(manifest).toMatchObject({
      build: 'modules',
      release: SHAPE_RELEASE,
      modules: { folder: FOLDER, kernel: '2.6.32-1', kept: { 'ip_vs_core.ko': [`${FOLDER}/ip_vs_core.c`] }, left: ['ip_vs_sched.ko'], symbols: 2 },
      config: { profile: 'distribution' },
    });
    expect(manifest.files.map(({ kind }) => kind)).toEqual(['modules-tar', 'modules-deb']);
    const names = execFileSync('tar', ['-tzf', join(artifact, manifest.files[0]?.name ?? '')], { encoding: 'utf8' });
    expect(names).toBe(['', 'updates/', 'updates/build-kernel/', 'updates/build-kernel/ip_vs_core.ko'].map((path) => `lib/modules/${SHAPE_RELEASE}/${path}\n`).join(''));
    const again = await build('shape-modules');
    expect(parsed(again).stages.every(({ status, ms }) => status === 'skipped' && ms === 0)).toBe(true);
  });

  it('unpack no more than they need, and headers that work where they are', () => {
    const files = execFileSync('find', [join(dir, 'build/shape-modules/tree'), '-type', 'f', '-printf', '%P\n'], { encoding: 'utf8' }).trim().split('\n').sort();
    expect(files).toEqual(['Makefile', `${FOLDER}/Makefile`, `${FOLDER}/ip_vs_core.c`, `${FOLDER}/ip_vs_sched.c`]);
    const headers = join(dir, 'cache/headers');
    const folder = join(headers, readdirSync(headers).find((name) => !name.endsWith('.lock')) ?? '', `root/usr/src/linux-headers-${SHAPE_RELEASE}`);
    expect(readFileSync(join(folder, 'Makefile'), 'utf8')).toBe('include ../linux-headers-2.6.32-1-common/Makefile\n');
    expect(readlinkSync(join(folder, 'scripts'))).toBe('../../lib/linux-kbuild-2.6/scripts');
  });

  it('have packages that look after depmod, also when they go', () => {
    const deb = readdirSync(join(dir, 'artifacts/shape-modules')).find((name) => name.endsWith('.deb')) ?? '';
    const script = (name: string): string => execFileSync('sh', ['-c', 'dpkg-deb --ctrl-tarfile "$0" | tar -xO "./$1"', join(dir, 'artifacts/shape-modules', deb), name], { encoding: 'utf8' });
    for (const name of ['postinst', 'prerm', 'postrm']) expect(spawnSync('sh', ['-n'], { input: script(name) }).status).toBe(0);
    expect(script('postinst')).toContain('depmod -a "$release"');
    expect(script('postrm')).toContain('depmod -a "$release"');
    expect(script('prerm')).toContain('modprobe ip_vs');
    expect(script('postinst')).not.toContain('@');
  });

  it('make the same bytes in another folder', async () => {
    const other = await build('shape-modules', '--work', 'another-longer-name/build', '--out', 'two', '--cache', join(dir, 'second-cache'));
    expect(other.status).toBe(0);
    for (const name of readdirSync(parsed(other).artifact)) {
      if (!['manifest.json', 'SHA256SUMS'].includes(name)) expect(bytes(join(dir, 'artifacts/shape-modules', name)), name).toBe(bytes(join(dir, 'two/shape-modules', name)));
    }
  });

  it('are compiled alone after an edit, and one that was stock is replaced then', async () => {
    appendFileSync(join(dir, `build/shape-modules/tree/${FOLDER}/ip_vs_sched.c`), '\nlong more = 1;\n');
    const result = await run(['module', FOLDER, 'shape-modules', '--no-ccache', '--json']);
    expect(result.status).toBe(0);
    expect((result.json as { modules: string[] }).modules.map((path) => path.split('/').at(-1))).toEqual(['ip_vs_core.ko', 'ip_vs_sched.ko']);
    expect(compiled('module')).toEqual(['ip_vs_sched.o', 'ip_vs_sched.mod.o']);
    const diff = await run(['diff', 'shape-modules']);
    expect(diff.stdout).toContain('+long more = 1;');
    const other = await run(['module', 'kernel', 'shape-modules']);
    expect(other.status).toBe(2);
    expect(other.stderr).toContain('only, not of kernel');
    writeFileSync(join(dir, 'my.patch'), `${diff.stdout}\n`);
    const check = await run(['patch', 'check', 'shape-modules', '--offline', '--mirror', mirror, '--patch', 'my.patch', '--json']);
    expect(check.json).toMatchObject({ ok: true });
  });

  it('see a header that the series changes before the distribution\'s', async () => {
    const text = '--- a/include/linux/shape.h\n+++ b/include/linux/shape.h\n@@ -1,4 +1,4 @@\n #ifndef SHAPE_H\n #define SHAPE_H\n-#define SHAPE_FACTOR 3\n+#define SHAPE_FACTOR 4\n #endif\n';
    flavour('shape-header', [{ file: 'header.patch', text }]);
    const result = await build('shape-header', '--no-packages');
    // Debugging information names the folder of the header, and the build id is made from it.
    const other = await build('shape-header', '--no-packages', '--work', 'header-elsewhere', '--out', 'header-out');
    const ko = (json: BuildJson): string => bytes(join(json.artifact, readdirSync(json.artifact).find((name) => name.startsWith('modules-')) ?? ''));
    expect(ko(parsed(other))).toBe(ko(parsed(result)));
    expect(parsed(result).error).toBeUndefined();
    expect((await readManifest(parsed(result).artifact)).modules?.kept).toEqual({ 'ip_vs_core.ko': ['include/linux/shape.h'], 'ip_vs_sched.ko': ['include/linux/shape.h'] });
  });

  it('show the first compiler error, with a path that can be opened', async () => {
    const text = PATCH.replace('SHAPE_FACTOR + 40', 'missing_thing');
    flavour('shape-broken', [{ file: 'broken.patch', text }]);
    const { error } = parsed(await build('shape-broken'));
    expect(error).toMatchObject({ code: 'compile', why: expect.stringContaining('missing_thing') as string });
    expect(existsSync(/(\/\S+ip_vs_core\.c):5:\d+: error/.exec(error?.why ?? '')?.[1] ?? '')).toBe(true);
  });

  it('refuse a symbol that other modules would not find as it was', async () => {
    const text = '--- a/net/netfilter/ipvs/ip_vs_core.c\n+++ b/net/netfilter/ipvs/ip_vs_core.c\n@@ -5,7 +5,7 @@\n \treturn hook + SHAPE_FACTOR;\n }\n \n-int ip_vs_out(int hook)\n+int ip_vs_out(int hook, int more)\n {\n \treturn hook - 1;\n }\n';
    flavour('shape-abi', [{ file: 'abi.patch', text }]);
    const result = await build('shape-abi');
    expect(result.status).toBe(10);
    expect(parsed(result).error?.why).toBe('ip_vs_out (ip_vs_core): 0x00000021, the distribution\'s is 0x00000017');
  });

  it('need a patch that changes one of them', async () => {
    flavour('shape-none', []);
    writeFlavour(data.folder, 'shape-none', `summary: s\norigin: here\nbase: shape\nbuild: modules\nmodules: {folder: ${FOLDER}, kernel: {headers: linux-headers-shape, version: "2.6"}}\n`);
    expect(parsed(await build('shape-none')).error?.what).toContain('there is nothing to replace');
  });

  it('name what works on a host with another kernel, or none of theirs', async () => {
    flavour('shape-newer', [{ file: 'core.patch', text: PATCH }], '6.12');
    const newer = await build('shape-newer');
    expect(newer.status).toBe(6);
    expect(parsed(newer).error?.why).toContain(`leads to linux-headers-${SHAPE_RELEASE}`);
    expect(parsed(newer).error?.fix).toMatch(/build on any host: .*dsnat-220/);
    expect(parsed(newer).error?.fix).toContain('distro-snat (needs linux-source-6.1)');
    const offline = await run(['shape-modules', '--offline', '--json', '--work', 'none', '--cache', join(dir, 'empty-cache')]);
    expect(offline.status).toBe(4);
  });

  it('refuse headers of another version than the source', async () => {
    const odd = headersMirror(join(dir, 'odd-mirror'), '2.6.33-1');
    const result = await run(['shape-modules', '--offline', '--mirror', odd, '--json', '--work', 'odd', '--cache', join(dir, 'odd-cache')]);
    expect(result.status).toBe(6);
    expect(parsed(result).error?.what).toBe(`The kernel source is 2.6.32, the headers of ${SHAPE_RELEASE} are 2.6.33.`);
  });

  it('go on after a kill -9 with objects that are whole', async () => {
    const args = ['shape-modules', '--offline', '--mirror', mirror, '--no-ccache', '--json', '--work', 'killed', '--out', 'killed-out', '--no-packages'];
    const child = startCli(args, { cwd: dir, env: { BUILD_KERNEL_FLAVOURS: data.folder } });
    const running = join(dir, 'killed/shape-modules/obj/.build-kernel-running');
    while (!existsSync(running) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 5));
    child.kill('SIGKILL');
    await child;
    const again = await run(args);
    expect(again.status).toBe(0);
    expect(readdirSync(join(dir, 'killed/shape-modules/obj'))).not.toContain('.build-kernel-running');
    const ko = `shape-modules/root/lib/modules/${SHAPE_RELEASE}/updates/build-kernel/ip_vs_core.ko`;
    expect(bytes(join(dir, 'killed', ko))).toBe(bytes(join(dir, 'another-longer-name/build', ko)));
  });

  it('take no options of a kernel\'s configuration', async () => {
    const result = await build('shape-modules', '--set', 'CONFIG_X=y');
    expect(result.status).toBe(2);
    expect(parsed(result).error?.what).toContain('--set cannot be used with shape-modules');
  });

  it('build from an offline mirror that fetch wrote', async () => {
    const written = await run(['fetch', 'shape-modules', '--offline', '--mirror', mirror, '--into', 'carried', '--tools', 'none']);
    expect(written.status).toBe(0);
    expect(readdirSync(join(dir, 'carried/apt/bin'))).toHaveLength(4);
    const result = await run(['prepare', 'shape-modules', '--offline', '--mirror', 'carried', '--json', '--work', 'carried-work', '--cache', join(dir, 'carried-cache')]);
    expect(parsed(result).error).toBeUndefined();
    expect(result.json).toMatchObject({ release: SHAPE_RELEASE });
  });

  it('say in a dry run what they are for', async () => {
    const plan = await run(['shape-modules', '--dry-run']);
    expect(plan.stdout).toContain(`modules of ${FOLDER} for the kernel that linux-headers-shape leads to`);
  });
});

describe('parts', () => {
  it('know a source and headers of one kernel', () => {
    const kernel = { release: '6.1.0-56-amd64', version: '6.1.192-2' };
    expect(requireSameVersion('6.1.192-2', kernel)).toBeUndefined();
    expect(requireSameVersion('6.1.192', kernel)).toBeUndefined();
    expect(requireSameVersion('6.1.192-1', kernel)).toContain('packaged twice');
    expect(() => requireSameVersion('6.1.190-1', kernel)).toThrow('The kernel source is 6.1.190');
  });

  it('know what a module must say that it fits', async () => {
    const headers = join(dir, 'vermagic');
    mkdirSync(join(headers, 'include/generated'), { recursive: true });
    writeFileSync(join(headers, 'include/generated/utsrelease.h'), '#define UTS_RELEASE "6.1.0-56-amd64"\n');
    writeFileSync(join(headers, '.config'), 'CONFIG_SMP=y\nCONFIG_PREEMPT_BUILD=y\n# CONFIG_PREEMPT is not set\nCONFIG_MODULE_UNLOAD=y\nCONFIG_MODVERSIONS=y\n');
    expect(await expectedVermagic(headers)).toBe('6.1.0-56-amd64 SMP preempt mod_unload modversions');
  });

  it('know Secure Boot by the firmware\'s variable', async () => {
    const efivars = join(dir, 'efivars');
    mkdirSync(efivars);
    const file = join(efivars, 'SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c');
    writeFileSync(file, Buffer.from([6, 0, 0, 0, 1]));
    expect(await secureBoot(efivars)).toBe(true);
    writeFileSync(file, Buffer.from([6, 0, 0, 0, 0]));
    expect(await secureBoot(efivars)).toBe(false);
  });

  it('say when the compiler is not the kernel\'s', () => {
    expect(compilerWarning('CONFIG_GCC_VERSION=120200\n', { version: '12.2.0', banner: 'gcc 12.2.0' })).toBeUndefined();
    expect(compilerWarning('CONFIG_GCC_VERSION=120200\n', { version: '14.2.0', banner: 'gcc 14.2.0' })).toContain('--cc gcc-12');
  });

  it('are described whole, or not at all', () => {
    const fields = { name: 'x', summary: 's', origin: 'o', base: 'debian-6.1' };
    const modules = { folder: FOLDER, kernel: { headers: 'linux-headers-amd64', version: '6.1' } };
    expect(flavourSchema.parse(fields).build).toBe('kernel');
    expect(flavourSchema.safeParse({ ...fields, build: 'modules', modules }).success).toBe(true);
    for (const wrong of [{ build: 'modules' }, { modules }, { build: 'modules', modules, suffix: '.x' }, { build: 'modules', modules: { ...modules, folder: '../x' } }, { build: 'module', modules }]) {
      expect(flavourSchema.safeParse({ ...fields, ...wrong }).success, JSON.stringify(wrong)).toBe(false);
    }
  });
});

describe('the series of nat-snat', () => {
  it('is pinned by digest in both flavours, and complete', async () => {
    const there = readdirSync(join(patchesDir, 'nat-snat/6.1')).filter((name) => name.endsWith('.patch')).map((name) => `nat-snat/6.1/${name}`);
    for (const { name, patches } of (await loadFlavours()).filter((each) => ['nat-snat', 'nat-snat-full'].includes(each.name))) {
      expect(patches.map(({ file }) => file), name).toEqual(there.sort());
      for (const { file = '', sha256 } of patches) expect(bytes(join(patchesDir, file)), file).toBe(sha256);
    }
  });
});
