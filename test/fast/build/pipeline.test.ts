import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { runStamped, WorkFolder, type StageRecord } from '../../../tasks/build/runner/stamp.js';
import { cli, scratch, type CliResult } from '../../support/cli.js';
import { sha256Of, shapeData, writeFlavour, type ShapeData } from '../../support/shape-flavour.js';

/** The whole pipeline on a kernel-shaped tree, through the command a user types. */

interface BuildJson {
  release: string;
  artifact: string;
  stages: { stage: string; status: string; ms: number }[];
  error?: { code: string; what: string; why?: string; fix?: string };
}

const dir = scratch('pipeline');
let data: ShapeData;

function run(args: string[], env: Record<string, string> = {}): Promise<CliResult> {
  return cli(args, { cwd: dir, env: { BUILD_KERNEL_FLAVOURS: data.folder, ...env } });
}
function build(flavour: string, ...args: string[]): Promise<CliResult> {
  return run([flavour, '--tools', 'none', '--no-packages', '--no-ccache', ...args]);
}
const hasCcache = spawnSync('ccache', ['--version']).status === 0;
const parsed = (result: CliResult): BuildJson => result.json as BuildJson;
const bytes = (path: string): string => sha256Of(readFileSync(path));

beforeAll(() => {
  data = shapeData(dir);
});

describe('a build', () => {
  it('ends with an artifact, and a second one has nothing to do', async () => {
    const first = await build('shape', '--json');
    expect(first.stderr).toBe('');
    expect(first.status).toBe(0);
    expect(parsed(first).release).toBe('2.6.32-1.el6.shape');
    expect(parsed(first).stages.map(({ stage, status }) => `${stage} ${status}`)).toEqual(
      ['fetch', 'unpack', 'patch', 'configure', 'compile', 'package'].map((stage) => `${stage} done`),
    );
    const artifact = parsed(first).artifact;
    expect(readdirSync(artifact).sort()).toEqual(['SHA256SUMS', 'kernel-2.6.32-1.el6.shape.tar.gz', 'manifest.json', 'sbom.cdx.json']);
    const again = await build('shape', '--json');
    expect(parsed(again).stages.every(({ status, ms }) => status === 'skipped' && ms === 0)).toBe(true);
  });

  it('does not count a stage that this kind of build has no use for as one that was done before', async () => {
    const records: StageRecord[] = [];
    const progress = { progress: () => undefined, note: () => undefined, skip: () => undefined };
    const spec = { name: 'configure' as const, inputs: 1, outputs: () => [], run: () => Promise.resolve('x'), skip: 'the distribution has configured it' };
    for (let time = 0; time < 2; time += 1) await runStamped(new WorkFolder(join(dir, 'needless')), spec, progress, records);
    expect(records.map(({ status, needless }) => [status, needless])).toEqual([['skipped', true], ['skipped', true]]);
  });

  it('is refused where make could not work, before anything is fetched', async () => {
    for (const [args, option] of [[['--work', join(dir, 'my work')], '--work'], [['--cache', join(dir, 'a:b')], '--cache']] as const) {
      const refused = await build('shape', '--json', ...args);
      expect(refused.status).toBe(2);
      expect(parsed(refused).error).toMatchObject({ code: 'usage', fix: expect.stringContaining(option) as string });
      expect(existsSync(args[1])).toBe(false);
    }
  });

  it('compiles only what depends on an edit, and the patch is in what was built', async () => {
    const core = join(dir, 'build/shape/tree/net/netfilter/ipvs/ip_vs_core.c');
    const text = readFileSync(core, 'utf8');
    expect(text).toContain('SHAPE_FACTOR + 40');
    writeFileSync(core, text.replace('hook - 1', 'hook - 2'));
    const edited = await build('shape', '--json');
    expect(edited.status).toBe(0);
    const log = readFileSync(join(dir, 'build/shape/logs/compile.log'), 'utf8');
    expect(log.match(/^ {2}CC/gm)).toHaveLength(1);
    expect(log).toContain('net/netfilter/ipvs/ip_vs_core.o');
  });

  it('gives the edit back as a patch that a build takes', async () => {
    const diff = await run(['diff', 'shape']);
    expect(diff.status).toBe(0);
    expect(diff.stdout).toContain('--- a/net/netfilter/ipvs/ip_vs_core.c');
    expect(diff.stdout).not.toMatch(/\d{4}-\d\d-\d\d/);
    const patch = join(dir, 'my.patch');
    writeFileSync(patch, `${diff.stdout}\n`);
    const other = await build('shape', '--patch', patch, '--work', 'build-patched', '--out', 'patched', '--json');
    expect(other.status).toBe(0);
    const module = 'root/lib/modules/2.6.32-1.el6.shape/kernel/net/netfilter/ipvs/ip_vs_core.ko';
    expect(bytes(join(dir, 'build-patched/shape', module))).toBe(bytes(join(dir, 'build/shape', module)));
  });

  it('keeps edits when the series changes, until they are saved or discarded', async () => {
    const patch = join(dir, 'other.patch');
    writeFileSync(patch, '--- a/kernel/unit1.c\n+++ b/kernel/unit1.c\n@@ -1,3 +1,4 @@\n #include <linux/shape.h>\n+/* more */\n \n /* unit 1 */\n');
    const refused = await build('shape', '--patch', patch, '--json');
    expect(refused.status).toBe(7);
    expect(parsed(refused).error?.fix).toContain('build-kernel diff');
    expect(readFileSync(join(dir, 'build/shape/tree/net/netfilter/ipvs/ip_vs_core.c'), 'utf8')).toContain('hook - 2');
    const discarded = await build('shape', '--discard-edits', '--patch', patch, '--json');
    expect(discarded.status).toBe(0);
    expect(readFileSync(join(dir, 'build/shape/tree/net/netfilter/ipvs/ip_vs_core.c'), 'utf8')).toContain('hook - 1');
  });

  it('rebuilds and stages only the modules of one folder', async () => {
    const result = await run(['module', 'net/netfilter/ipvs', 'shape', '--no-ccache', '--json']);
    expect(result.status).toBe(0);
    const { modules } = result.json as { modules: string[] };
    expect(modules.map((path) => path.split('/').at(-1))).toEqual(['ip_vs_core.ko', 'ip_vs_sched.ko']);
    const unknown = await run(['module', 'net/none', 'shape']);
    expect(unknown.status).toBe(2);
    expect(unknown.stderr).toContain('net/none is no folder of the kernel');
  });

  it('makes the same bytes in another folder', async () => {
    await build('shape-plain', '--work', 'one/build', '--out', 'one/artifacts');
    await build('shape-plain', '--work', 'another-longer-name/build', '--out', 'two/artifacts');
    const file = 'artifacts/shape-plain/kernel-2.6.32-1.el6.plain.tar.gz';
    expect(bytes(join(dir, 'one', file))).toBe(bytes(join(dir, 'two', file)));
  });

  it.skipIf(!hasCcache)('makes the same bytes with ccache', async () => {
    const args = ['shape-plain', '--tools', 'none', '--no-packages', '--work', 'cc/build', '--out', 'cc/artifacts'];
    expect((await run(args, { CCACHE_DIR: join(dir, 'ccache') })).status).toBe(0);
    const log = readFileSync(join(dir, 'cc/build/shape-plain/logs/compile.log'), 'utf8');
    expect(log).toContain('CC=ccache gcc');
    const file = 'artifacts/shape-plain/kernel-2.6.32-1.el6.plain.tar.gz';
    expect(bytes(join(dir, 'cc', file))).toBe(bytes(join(dir, 'one', file)));
  });

  it('says what it would do without doing it', async () => {
    const plan = await run(['shape-plain', '--dry-run', '--work', 'never', '--cache', 'never-cache']);
    expect(plan.status).toBe(0);
    expect(plan.stdout).toContain('Would build shape-plain as 2.6.32-1.el6.plain');
    expect(existsSync(join(dir, 'never'))).toBe(false);
    expect(existsSync(join(dir, 'never-cache'))).toBe(false);
  });
});

describe('failures', () => {
  it('names the unmet dependency of a symbol that did not take', async () => {
    const result = await run(['prepare', 'shape-plain', '--work', 'w1', '--set', 'CONFIG_NETFILTER=n', '--json']);
    expect(result.status).toBe(8);
    expect(parsed(result).error?.why).toContain('CONFIG_IP_VS=m came out as n: needs NETFILTER (arch/x86/Kconfig:');
    const unknown = await run(['prepare', 'shape-plain', '--work', 'w1', '--set', 'CONFIG_NONE=y', '--json']);
    expect(parsed(unknown).error?.why).toContain('this kernel has no such symbol');
  });

  it('shows the first compiler error with its lines', async () => {
    const patch = join(dir, 'broken.patch');
    writeFileSync(patch, '--- a/kernel/unit3.c\n+++ b/kernel/unit3.c\n@@ -1,3 +1,4 @@\n #include <linux/shape.h>\n+int broken = missing_thing;\n \n /* unit 3 */\n');
    const result = await build('shape-plain', '--work', 'w2', '--patch', patch, '--json');
    expect(result.status).toBe(9);
    const { error } = parsed(result);
    expect(error?.why).toContain('unit3.c:2:14: error:');
    expect(error?.why).toContain('missing_thing');
  });

  it('refuses a patch that is not the pinned one, whatever its name', async () => {
    writeFlavour(data.folder, 'shape-wrong', `summary: s\norigin: o\nbase: shape\npatches:\n  - file: core.patch\n    sha256: "${'0'.repeat(64)}"\n`);
    const result = await run(['prepare', 'shape-wrong', '--json']);
    expect(result.status).toBe(5);
    expect(parsed(result).error?.what).toContain('not the one that is pinned');
  });

  it('names file, line and column of a fault in a data file', async () => {
    writeFlavour(data.folder, 'shape-faulty', 'summary: s\norigin: o\nbase: shape\npatches:\n  - file: core.patch\n    sha256: 12\n');
    const result = await run(['show', 'shape-faulty']);
    expect(result.status).toBe(2);
    expect(result.stderr).toMatch(/shape-faulty\.yaml:7:13: patches\.0\.sha256/);
  });

  it('suggests the nearest flavour', async () => {
    const result = await run(['shap']);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('Did you mean shape?');
  });

  it('asks for no terminal: menuconfig without one is an error', async () => {
    const result = await run(['shape-plain', '--menuconfig']);
    expect(result.status).toBe(2);
    expect(result.stderr).toContain('--menuconfig needs a terminal');
  });
});

describe('settings', () => {
  it('takes defaults from the config file, then the environment, then the command line', async () => {
    writeFileSync(join(dir, 'build-kernel.yaml'), 'config: distro\nset: [CONFIG_IP_VS_DEBUG=y]\nwork: from-file\n');
    const fromFile = await run(['shape-plain', '--dry-run', '--json']);
    expect(fromFile.json).toMatchObject({ config: 'distro', work: join(dir, 'from-file/shape-plain') });
    const fromEnv = await run(['shape-plain', '--dry-run', '--json'], { BUILD_KERNEL_CONFIG: 'gateway' });
    expect(fromEnv.json).toMatchObject({ config: 'gateway' });
    const fromLine = await run(['shape-plain', '--dry-run', '--json', '--work', 'line']);
    expect(fromLine.json).toMatchObject({ work: join(dir, 'line/shape-plain') });
    writeFileSync(join(dir, 'build-kernel.yaml'), 'confg: distro\n');
    const wrong = await run(['shape-plain', '--dry-run']);
    expect(wrong.status).toBe(2);
    expect(wrong.stderr).toContain('Did you mean config?');
    writeFileSync(join(dir, 'build-kernel.yaml'), '{}\n');
  });
});

describe('clean', () => {
  it('keeps a tree with edits that are saved nowhere', async () => {
    writeFileSync(join(dir, 'build/shape/tree/kernel/mine.c'), '/* mine */\n');
    const refused = await run(['clean', 'shape']);
    expect(refused.status).toBe(2);
    expect(refused.stderr).toContain('kernel/mine.c');
    const done = await run(['clean', 'shape', '--discard-edits']);
    expect(done.status).toBe(0);
    expect(existsSync(join(dir, 'build/shape'))).toBe(false);
  });
});
