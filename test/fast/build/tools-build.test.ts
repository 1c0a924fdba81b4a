import { chmod, copyFile, lstat, mkdir, mkdtemp, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { buildTools, type BuildToolsInput } from '../../../tasks/build/tools/build.js';
import { toolSetSchema, type Variant } from '../../../tasks/build/tools/schema.js';

/** A tool set in miniature: a configure of ten lines, a makefile of five, the real gcc. */

let folder: string;
let source: string;

const CONFIGURE = `
for arg; do case "$arg" in --with-kernel-dir=*) kernel=\${arg#*=};; CC=*) cc=\${arg#*=};; CFLAGS=*) cflags=\${arg#*=};; esac; done
echo "Keepalived configuration"
if [ -f "$kernel/include/net/ip_vs.h" ] && [ -z "$BROKEN" ] && [ ! -f broken ]; then
  echo "Use IPVS Framework       : Yes"
else
  echo "configure: WARNING: keepalived will be built without LVS support."
  echo "Use IPVS Framework       : No"
fi
echo "all:" > Makefile
printf '\\t%s\\n' "mkdir -p bin && $cc $cflags -o bin/keepalived main.c" >> Makefile
`;

const RECIPE = `
name: mini
summary: a keepalived in miniature
program: keepalived
version: {file: VERSION}
cflags: ["-DNETLINK={netlink}"]
configure:
  args: ["--with-kernel-dir={kernel}", "CC={cc}", "CFLAGS={cflags}"]
  require: ["Use IPVS Framework : Yes"]
make: [[all]]
install:
  - {from: bin/keepalived, to: /usr/sbin/keepalived, elf: true}
  - {from: keepalived.init, to: /etc/rc.d/init.d/keepalived}
  - {from: keepalived.sysconfig, to: /etc/sysconfig/keepalived, mode: "0644"}
  - {from: doc/man, to: /usr/share/man, mode: "0644", optional: true}
  - {from: samples, to: /usr/share/doc/keepalived/samples, mode: "0644"}
  - {link: /sbin/keepalived, to: ../usr/sbin/keepalived}
`;

async function recipe(text: string): Promise<void> {
  await writeFile(join(folder, 'data', 'tools', 'recipes', 'mini.yaml'), text);
}

function input(over: Partial<BuildToolsInput> = {}, variant: Variant = 'host'): BuildToolsInput {
  return {
    toolset: toolSetSchema.parse({ name: 'mini', summary: 'mini', source: { base: 'tools' }, netlink: false, epoch: 1377714262, header: 'keepalived/ip_vs.h', tools: [{ recipe: 'mini', dir: 'keepalived' }] }),
    sourceDir: source,
    variant,
    workDir: join(folder, 'work'),
    destdir: join(folder, 'root'),
    jobs: 2,
    cacheDir: join(folder, 'cache'),
    fetch: () => Promise.reject(new Error('nothing is fetched here')),
    root: join(folder, 'data'),
    ...over,
  };
}

async function snapshot(path: string): Promise<string> {
  const hash = createHash('sha256');
  for (const entry of (await readdir(path, { recursive: true })).sort()) {
    const stat = await lstat(join(path, entry));
    hash.update(`${entry} ${String(stat.mode)} ${String(stat.mtimeMs)}\n`);
    if (stat.isFile()) hash.update(await readFile(join(path, entry)));
  }
  return hash.digest('hex');
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tools-build-'));
  source = join(folder, 'source');
  const tree = join(source, 'keepalived');
  await mkdir(join(tree, 'bin'), { recursive: true });
  await mkdir(join(tree, 'samples'));
  await mkdir(join(folder, 'data', 'tools', 'recipes'), { recursive: true });
  await recipe(RECIPE);
  // No x bit, as in one published tree.
  await writeFile(join(tree, 'configure'), CONFIGURE);
  await writeFile(join(tree, 'VERSION'), '1.2.2\n');
  await writeFile(join(tree, 'ip_vs.h'), '/* tools */\n');
  await writeFile(join(tree, 'main.c'), 'int main(void) { return 0; }\n');
  await writeFile(join(tree, 'keepalived.init'), '#!/bin/sh\n');
  await writeFile(join(tree, 'keepalived.sysconfig'), 'KEEPALIVED_OPTIONS="-D"\n');
  await chmod(join(tree, 'keepalived.sysconfig'), 0o755);
  await writeFile(join(tree, 'samples', 'one.conf'), 'a\n');
  // Never run, never used: upstream's script that calls sudo, and a program that upstream committed.
  await writeFile(join(tree, 'build'), `#!/bin/sh\ntouch ${join(folder, 'sudo-was-called')}\n`);
  await chmod(join(tree, 'build'), 0o755);
  await copyFile('/bin/true', join(tree, 'bin', 'genhash'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe('buildTools', () => {
  it('stages programs, init scripts, configuration and links as on a host', async () => {
    const { files } = await buildTools(input());
    expect(files.map(({ path, linkage }) => [path, linkage])).toEqual([
      ['/etc/rc.d/init.d/keepalived', 'script'],
      ['/etc/sysconfig/keepalived', 'script'],
      ['/usr/sbin/keepalived', 'dynamic'],
      ['/usr/share/doc/keepalived/samples/one.conf', 'script'],
    ]);
    const program = files.find(({ path }) => path === '/usr/sbin/keepalived');
    expect(program).toMatchObject({ name: 'keepalived', version: '1.2.2' });
    const bytes = await readFile(join(folder, 'root', 'usr', 'sbin', 'keepalived'));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(program?.sha256);
    expect((await lstat(join(folder, 'root', 'etc', 'sysconfig', 'keepalived'))).mode & 0o777).toBe(0o644);
    expect((await lstat(join(folder, 'root', 'etc', 'rc.d', 'init.d', 'keepalived'))).mode & 0o777).toBe(0o755);
    expect(await readlink(join(folder, 'root', 'sbin', 'keepalived'))).toBe('../usr/sbin/keepalived');
  });

  it('leaves the pristine tree as it was, runs no script of upstream and uses none of its programs', async () => {
    const before = await snapshot(source);
    await buildTools(input());
    expect(await snapshot(source)).toBe(before);
    await expect(lstat(join(folder, 'sudo-was-called'))).rejects.toThrow();
    await expect(lstat(join(folder, 'work', 'tree', 'keepalived', 'bin', 'genhash'))).rejects.toThrow();
  });

  it('gives the same bytes in another folder', async () => {
    const first = await buildTools(input());
    const second = await buildTools(input({ workDir: join(folder, 'another', 'place'), destdir: join(folder, 'root2') }));
    expect(second.files).toEqual(first.files);
  });

  it('refuses a keepalived without LVS support, although configure exits 0', async () => {
    await writeFile(join(source, 'keepalived', 'broken'), '');
    await expect(buildTools(input())).rejects.toMatchObject({
      code: 'tools',
      what: expect.stringContaining('"Use IPVS Framework : Yes"') as string,
      why: expect.stringContaining('without LVS support') as string,
    });
  });

  it('keeps the shell\'s own compiler variables out', async () => {
    process.env['CFLAGS'] = '-DNO_SUCH_THING(';
    try {
      await buildTools(input());
    } finally {
      delete process.env['CFLAGS'];
    }
  });

  it('refuses a program that is not static when static was asked for', async () => {
    await recipe(RECIPE.replace('"CC={cc}"', 'CC=gcc'));
    await expect(buildTools(input({}, 'static'))).rejects.toMatchObject({ code: 'tools', what: expect.stringContaining('/usr/sbin/keepalived') as string, why: expect.stringContaining('dynamic loader') as string });
  });

  it('refuses to stage a program that upstream committed under another kind of name', async () => {
    await recipe(`${RECIPE}  - {from: tool, to: /usr/sbin/tool}\n`);
    await writeFile(join(source, 'keepalived', 'configure'), `${CONFIGURE}\ncp /bin/true tool\n`);
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'tools', what: expect.stringContaining('/usr/sbin/tool is a program') as string });
  });

  it('says what the compiler said', async () => {
    await writeFile(join(source, 'keepalived', 'main.c'), 'int main(void) { return no_such_name; }\n');
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'tools', what: 'make all of mini (host) failed.', why: expect.stringContaining('no_such_name') as string });
  });

  it('names what is missing in a tree that is not the published one', async () => {
    await rm(join(source, 'keepalived', 'keepalived.init'));
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'tools', what: expect.stringContaining('keepalived.init') as string });
    await rm(join(source, 'keepalived', 'ip_vs.h'));
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'tools', what: expect.stringContaining('ip_vs.h does not exist') as string });
    await rm(join(source, 'keepalived'), { recursive: true });
    await expect(buildTools(input({ toolset: { ...input().toolset, header: undefined } }))).rejects.toMatchObject({ code: 'tools', what: expect.stringContaining('does not exist') as string });
  });

  it('refuses folders that old makefiles cannot stand', async () => {
    await expect(buildTools(input({ workDir: join(folder, 'my work') }))).rejects.toMatchObject({ code: 'usage', fix: expect.stringContaining('--work') as string });
  });

  it('refuses a slip in a recipe instead of passing an empty option', async () => {
    await recipe(RECIPE.replace('{kernel}', '{kernal}'));
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'usage', what: expect.stringContaining('{kernal}') as string, fix: expect.stringContaining('kernel') as string });
  });

  it('applies our patches by digest, and adds what upstream forgot', async () => {
    const patch = '--- a/main.c\n+++ b/main.c\n@@ -1 +1,2 @@\n-int main(void) { return 0; }\n+#include "forgotten.h"\n+int main(void) { return FORGOTTEN; }\n';
    const digest = createHash('sha256').update(patch).digest('hex');
    await writeFile(join(folder, 'data', 'tools', 'fix.patch'), patch);
    await writeFile(join(folder, 'data', 'tools', 'forgotten.h'), '#define FORGOTTEN 0\n');
    const patched = (sha256: string): string => `${RECIPE}patches: [{file: tools/fix.patch, sha256: "${sha256}"}]\nadd: {forgotten.h: tools/forgotten.h}\n`;
    await recipe(patched(digest));
    await buildTools(input());
    expect(await readFile(join(folder, 'work', 'tree', 'keepalived', 'main.c'), 'utf8')).toContain('forgotten.h');
    await recipe(patched('0'.repeat(64)));
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'trust' });
    await recipe(patched(digest));
    await writeFile(join(source, 'keepalived', 'main.c'), 'int main(void) { return 1; }\n');
    await expect(buildTools(input())).rejects.toMatchObject({ code: 'patch', what: expect.stringContaining('fix.patch') as string });
  });
});
