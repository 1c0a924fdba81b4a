import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import type { ManifestParts } from '../../../../tasks/build/package/manifest.js';
import type { CompileOutput, ToolsOutput } from '../../../../tasks/build/types.js';

/** A compiled kernel as small as depmod, rpmbuild and dpkg-deb accept it, with two real modules of which one needs the other. */

export const RELEASE = '2.6.32-220.23.1.el6.dsnat';
export const EPOCH = 1_340_000_000;

async function put(path: string, text: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text, { mode });
}

/** A module that exports and needs symbols, in the sections that depmod reads. */
async function module(path: string, exports: string[], needs: string[]): Promise<void> {
  const source = [
    ...needs.map((name) => `extern int ${name}(void);`),
    ...exports.map(
      (name) => `int ${name}(void) { return 0; }
static const char s_${name}[] __attribute__((section("__ksymtab_strings"), used)) = "${name}";
struct { void *value; const char *name; } k_${name} __attribute__((section("__ksymtab"), used)) = { (void *)${name}, s_${name} };`,
    ),
    'static const char license[] __attribute__((section(".modinfo"), used)) = "license=GPL";',
    'static const char alias[] __attribute__((section(".modinfo"), used)) = "alias=fake-alias";',
    `int init_module(void) { return ${['0', ...needs.map((name) => `${name}()`)].join(' + ')}; }`,
  ].join('\n');
  await mkdir(dirname(path), { recursive: true });
  await execa('gcc', ['-c', '-fno-pic', '-w', '-x', 'c', '-', '-o', path], { input: source });
}

/** @param needs symbols that the second module needs beside the first's; `printk` is in System.map */
export async function fakeKernel(root: string, needs: string[] = ['printk'], release = RELEASE): Promise<CompileOutput> {
  await put(join(root, 'boot', `vmlinuz-${release}`), 'a kernel', 0o755);
  await put(join(root, 'boot', `System.map-${release}`), 'ffffffff81000000 T printk\nffffffff81000010 r __ksymtab_printk\n');
  await put(join(root, 'boot', `config-${release}`), 'CONFIG_IP_VS=m\n');
  const modules = join(root, 'lib', 'modules', release);
  await module(join(modules, 'kernel/net/netfilter/ipvs/ip_vs.ko'), ['ip_vs_conn_new'], ['printk']);
  await module(join(modules, 'kernel/net/netfilter/ipvs/ip_vs_rr.ko'), [], ['ip_vs_conn_new', ...needs]);
  await put(join(modules, 'modules.order'), 'kernel/net/netfilter/ipvs/ip_vs.ko\nkernel/net/netfilter/ipvs/ip_vs_rr.ko\n');
  await symlink('/somewhere/on/the/build/machine', join(modules, 'build'));
  await symlink('/somewhere/on/the/build/machine', join(modules, 'source'));
  await put(join(root, 'lib/firmware/bnx2.fw'), 'firmware');
  return { release, root, bzImage: join(root, 'boot', `vmlinuz-${release}`), modules: 2, objects: 2, compiler: 'gcc' };
}

export async function fakeTools(root: string, chkconfig = '# chkconfig: - 21 79'): Promise<ToolsOutput> {
  for (const variant of ['host', 'static']) {
    const dest = join(root, variant);
    await put(join(dest, 'sbin/ipvsadm'), `${variant} ipvsadm`, 0o755);
    await put(join(dest, 'usr/sbin/keepalived'), `${variant} keepalived`, 0o755);
    await put(join(dest, 'etc/keepalived/keepalived.conf'), '! empty\n');
    await put(join(dest, 'etc/sysconfig/keepalived'), 'KEEPALIVED_OPTIONS="-D"\n');
    await put(join(dest, 'etc/rc.d/init.d/keepalived'), `#!/bin/sh\n${chkconfig}\n# 100% sure\n`, 0o755);
    await put(join(dest, 'usr/share/man/man8/odd [name] {x}%d.8'), 'manual');
    await symlink('ipvsadm', join(dest, 'sbin/ipvsadm-restore'));
  }
  const file = { name: 'ipvsadm', version: '1.26', path: '/sbin/ipvsadm', sha256: 'a'.repeat(64) };
  return {
    host: join(root, 'host'),
    static: join(root, 'static'),
    files: [
      { variant: 'host', files: [{ ...file, linkage: 'dynamic' }] },
      { variant: 'static', files: [{ ...file, linkage: 'static' }] },
    ],
    abi: { structs: 9, notes: [] },
    inputs: [],
  };
}

export function fakeParts(): ManifestParts {
  return {
    flavour: 'dsnat-220',
    addons: ['chroute'],
    base: { name: 'rhel-220', release: '2.6.32-220.23.1.el6' },
    inputs: [
      { name: 'kernel.src.rpm', kind: 'file', path: '/cache/k', digest: 'b'.repeat(64), from: 'https://vault.example/k', trust: { how: 'pgp', fingerprint: 'C1DAC52D1664E8A4386DBA430946FCA2C105B9DE', sha1: false } },
      { name: 'my.patch', kind: 'file', path: '/cache/p', digest: 'c'.repeat(64), from: '/home/me/my.patch', trust: { how: 'unsigned', why: '--allow-unsigned' } },
    ],
    series: [{ name: 'dsnat', from: 'flavour', path: '/cache/dsnat.patch', sha256: 'd'.repeat(64), strip: 1, dir: '.', fuzz: 0, drop: [] }],
    results: [{ patch: 'dsnat', files: [{ file: 'include/net/ip_vs.h', hunks: [{ number: 1, offset: -2, fuzz: 0, ok: true }] }] }],
    compiler: { gcc: 'gcc 12.2.0' },
    flags: { CC: ['gcc', '-fno-pie'] },
    config: { sha256: 'e'.repeat(64), profile: 'gateway', fragments: ['gateway.config'] },
    options: { jobs: 2 },
    command: ['build-kernel', 'build', 'dsnat-220'],
    timings: { compile: 1000 },
    warnings: [],
  };
}
