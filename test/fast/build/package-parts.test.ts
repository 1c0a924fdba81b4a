import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { trustWarning } from '../../../tasks/build/package/manifest.js';
import { kernelDebName, kernelRpmName, toolsName } from '../../../tasks/build/package/names.js';
import { requireOldRpm, tooNewFor48 } from '../../../tasks/build/package/rpm-check.js';
import { buildRpm, specText } from '../../../tasks/build/package/rpm.js';
import { scriptlet } from '../../../tasks/build/package/scriptlets.js';
import { initScripts, stageKernel, stageTools } from '../../../tasks/build/package/staging.js';
import { copyTree, listTree, owned, settleTree } from '../../../tasks/build/package/tree.js';
import { EPOCH, fakeKernel, fakeTools, RELEASE } from './support/fake-root.js';

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'package-parts-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

describe('names', () => {
  it.each([
    ['2.6.32-220.23.1.el6.dsnat', '2.6.32', '220.23.1.el6.dsnat'],
    ['6.12.9+natsnat', '6.12.9', 'natsnat'],
    ['6.1.0-28-amd64', '6.1.0', '28_amd64'],
    ['2.6.32', '2.6.32', '1'],
  ])('%s is version %s, release %s', (release, version, rest) => {
    expect(kernelRpmName('dsnat-220', release)).toEqual({ name: 'kernel-snat-dsnat-220', version, release: rest });
    expect(toolsName('dsnat-220', release, 'deb').release).not.toMatch(/[-_]/);
  });
  it('name a deb as Debian allows', () => {
    expect(kernelDebName('2.6.32_X-1.el6').name).toBe('linux-image-2.6.32-x-1.el6');
  });
  it.each(['a b', "x';reboot", '', '../x', '%{y}'])('refuses %j', (release) => {
    expect(() => kernelRpmName('dsnat-220', release)).toThrow(/cannot be part of a package's name/);
  });
});

describe('what rpm 4.8 cannot take', () => {
  it.each([
    ['rpmlib(PayloadIsZstd) <= 5.4.18-1', true],
    ['rpmlib(PayloadIsXz) <= 5.2-1', false],
    ['rpmlib(TildeInVersions) <= 4.10.0-1', true],
    ['rpmlib(CompressedFileNames) <= 3.0.4-1', false],
    ['rpmlib(FileDigests) <= 4.6.0-1', false],
    ['rpmlib(FileDigests) <= 4.18.0-1', true],
    ['rpmlib(Odd-Name)', true],
    ['(grubby if kernel)', true],
    ['/bin/sh', false],
    ['libc.so.6()(64bit)', false],
  ])('%s: %s', (line, refused) => expect(tooNewFor48([line])).toEqual(refused ? [line] : []));

  it.each([
    ['w19.zstdio', '8', /PayloadIsZstd[\s\S]*packed with zstd[\s\S]*digest algorithm 8/],
    ['w6.xzdio', '1', /^its payload is packed with xz, not gzip$/],
  ])('refuses a real package with payload %s and file digest %s', async (payload, digest, why) => {
    const top = join(dir, `new-${payload}`);
    await mkdir(top);
    await writeFile(join(top, 'new.spec'), 'Name: new\nVersion: 1\nRelease: 1\nSummary: new\nLicense: GPLv2\n%description\nnew\n%install\necho x >%{buildroot}/x\n%files\n/x\n');
    await execa('rpmbuild', ['-bb', '--nodeps', '--define', `_topdir ${top}`, '--define', `_binary_payload ${payload}`, '--define', `_binary_filedigest_algorithm ${digest}`, '--define', '_rpmfilename new.rpm', join(top, 'new.spec')]);
    await expect(requireOldRpm(join(top, 'RPMS', 'new.rpm'))).rejects.toMatchObject({ code: 'package', why: expect.stringMatching(why) as string });
  });

  it('says which folder rpmbuild cannot work in', async () => {
    const input = { name: 'x', version: '1', release: '1', summary: 'x', description: 'x', root: dir, entries: [], epoch: EPOCH, work: join(dir, 'with blank') };
    await expect(buildRpm(input)).rejects.toMatchObject({ code: 'usage', what: expect.stringContaining('blank') as string });
    expect(() => specText({ ...input, entries: [{ path: 'a"b', type: 'file', size: 0 }] })).toThrow(/double quote/);
  });
});

describe('staging', () => {
  it('names symbols that nothing exports', async () => {
    const { root } = await fakeKernel(join(dir, 'unresolved'), ['ip_route_gone', 'nf_gone']);
    const staged = stageKernel(root, join(dir, 'unresolved-staged'), RELEASE, EPOCH);
    await expect(staged).rejects.toMatchObject({ code: 'package', what: expect.stringMatching(/^2 symbols/) as string, why: expect.stringMatching(/ip_vs_rr\.ko.*ip_route_gone[\s\S]*nf_gone/) as string });
  });
  it('names a file that a whole kernel has', async () => {
    const { root } = await fakeKernel(join(dir, 'half'));
    await rm(join(root, 'boot', `System.map-${RELEASE}`));
    await expect(stageKernel(root, join(dir, 'half-staged'), RELEASE, EPOCH)).rejects.toMatchObject({ what: `The compiled kernel has no boot/System.map-${RELEASE}.` });
  });
  it.each([
    ['# chkconfig: - 21 79', { register: ['keepalived'], left: [] }],
    ['# chkconfig: 2345 21 79', { register: [], left: [{ name: 'keepalived', why: '"# chkconfig: 2345 21 79" would switch it on' }] }],
    ['# nothing', { register: [], left: [{ name: 'keepalived', why: 'it has no "# chkconfig:" line' }] }],
  ])('registers an init script only when that leaves it off: %s', async (line, expected) => {
    const base = await mkdtemp(join(dir, 'init-'));
    const tools = await fakeTools(base, line);
    expect(await initScripts(await stageTools(tools.static ?? '', join(base, 'staged'), EPOCH))).toEqual(expected);
  });
  it('settles modes and times whatever they were, and leaves out what place() refuses', async () => {
    const from = join(dir, 'from');
    await mkdir(join(from, 'usr/sbin/secret'), { recursive: true, mode: 0o700 });
    await writeFile(join(from, 'usr/sbin/tool'), '', { mode: 0o4711 });
    await writeFile(join(from, 'usr/sbin/secret/file'), '', { mode: 0o600 });
    const to = join(dir, 'to');
    await copyTree(from, to, (path) => (path === 'usr/sbin/secret' ? undefined : path));
    await settleTree(to, EPOCH);
    const entries = await listTree(to);
    expect(entries.map(({ path }) => path)).toEqual(['usr', 'usr/sbin', 'usr/sbin/tool']);
    expect(owned(entries).map(({ path }) => path)).toEqual(['usr/sbin/tool']);
    const { mode, mtimeMs } = await stat(join(to, 'usr/sbin/tool'));
    expect([(mode & 0o7777).toString(8), mtimeMs]).toEqual(['755', EPOCH * 1000]);
  });
});

describe('scripts', () => {
  it('take no value that a shell would read as more than a word', async () => {
    await expect(scriptlet('rpm-tools-post', { SCRIPTS: ['keepalived', '$(reboot)'] })).rejects.toMatchObject({ code: 'package' });
  });

  /** Runs a scriptlet against programs that only write down how they were called. */
  const runWith = async (name: string, programs: Record<string, string>, args: string[] = []): Promise<string[]> => {
    const bin = await mkdtemp(join(dir, 'bin-'));
    const calls = join(bin, 'calls');
    await writeFile(calls, '');
    for (const [program, body] of Object.entries(programs)) {
      await writeFile(join(bin, program), `#!/bin/sh\necho "${program} $*" >>"${calls}"\n${body}\n`, { mode: 0o755 });
    }
    const text = (await scriptlet(name, { RELEASE, PACKAGE: 'kernel-snat-x', SCRIPTS: ['keepalived', 'ipvsadm'] })).replaceAll(/(\/usr)?\/sbin\//g, `${bin}/`);
    await execa('sh', ['-s', '--', ...args], { input: text, env: { PATH: `${bin}:/bin:/usr/bin` } });
    return (await readFile(calls, 'utf8')).trim().split('\n');
  };

  it('add a boot entry on EL6 and give the default back when it moved', async () => {
    // Says another default after new-kernel-pkg ran.
    const grubby = 'if [ "$1" = --default-kernel ]; then if [ -e "$(dirname "$0")/moved" ]; then echo /boot/new; else echo /boot/old; fi; fi';
    const calls = await runWith('rpm-kernel-post', { grubby, depmod: '', 'new-kernel-pkg': 'touch "$(dirname "$0")/moved"' });
    expect(calls).toEqual([
      'grubby --default-kernel',
      `depmod -a -F /boot/System.map-${RELEASE} ${RELEASE}`,
      `new-kernel-pkg --package kernel-snat-x --mkinitrd --dracut --depmod --install ${RELEASE}`,
      'grubby --default-kernel',
      'grubby --set-default=/boot/old',
    ]);
  });
  it('leave a default alone that did not move, and do without new-kernel-pkg', async () => {
    const grubby = 'if [ "$1" = --default-kernel ]; then echo /boot/old; fi';
    const calls = await runWith('rpm-kernel-post', { grubby, depmod: 'exit 1', dracut: '' });
    expect(calls.slice(2)).toEqual([
      `dracut --force /boot/initramfs-${RELEASE}.img ${RELEASE}`,
      `grubby --add-kernel=/boot/vmlinuz-${RELEASE} --initrd=/boot/initramfs-${RELEASE}.img --copy-default --title=Linux ${RELEASE}`,
      'grubby --default-kernel',
    ]);
  });
  it('remove the boot entry with the kernel', async () => {
    expect(await runWith('rpm-kernel-preun', { 'new-kernel-pkg': '' })).toEqual([`new-kernel-pkg --rminitrd --rmmoddep --remove ${RELEASE}`]);
  });
  it('register services, and take them away only with the last version', async () => {
    expect(await runWith('rpm-tools-post', { chkconfig: '' }, ['1'])).toEqual(['chkconfig --add keepalived', 'chkconfig --add ipvsadm']);
    expect(await runWith('rpm-tools-preun', { chkconfig: '', service: '' }, ['1'])).toEqual(['']);
    expect(await runWith('rpm-tools-preun', { chkconfig: '', service: '' }, ['0'])).toEqual([
      'service keepalived stop',
      'chkconfig --del keepalived',
      'service ipvsadm stop',
      'chkconfig --del ipvsadm',
    ]);
  });
  it('call update-initramfs and update-grub on a Debian without hooks', async () => {
    const calls = await runWith('deb-kernel-postinst', { depmod: '', 'update-initramfs': '', 'run-parts': '', 'update-grub': '' }, ['configure']);
    expect(calls[0]).toBe(`depmod -a -F /boot/System.map-${RELEASE} ${RELEASE}`);
    expect(calls.join('\n')).toMatch(/update-initramfs -c -k|run-parts --report/);
  });
});

describe('trust', () => {
  it('is spoken of where it is missing or weak', () => {
    expect(trustWarning('k', { how: 'pinned-sha256' })).toBeUndefined();
    expect(trustWarning('k', { how: 'first-seen' })).toContain('at first sight');
    expect(trustWarning('k', { how: 'pgp', fingerprint: 'F', sha1: true })).toContain('SHA-1');
    expect(trustWarning('k', { how: 'unsigned', why: '--allow-unsigned' })).toContain('unsigned');
  });
});
