import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readFacts } from '../../../../tasks/provision/facts/index.js';
import { CutShort, parseFacts } from '../../../../tasks/provision/facts/parse.js';
import { folderTarget } from '../../../../tasks/provision/target/index.js';
import type { HostFacts } from '../../../../tasks/provision/types.js';

const script = readFileSync('templates/provision/facts.sh', 'utf8');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bk-facts-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content, { mode });
}

/** The head of a 64-bit x86 program. */
const ELF = Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(8), Buffer.from('02003e00', 'hex'), Buffer.alloc(40)]);

describe('facts of a folder', () => {
  it('an EL6 root: GRUB legacy behind links, sysv, rc.d', async () => {
    write('/etc/redhat-release', 'CentOS release 6.5 (Final)\n');
    write('/boot/grub/grub.conf', 'default=0\n');
    symlinkSync('./grub.conf', join(folder, 'boot/grub/menu.lst'));
    mkdirSync(join(folder, 'etc/rc.d/rc3.d'), { recursive: true });
    symlinkSync('../boot/grub/grub.conf', join(folder, 'etc/grub.conf'));
    write('/boot/vmlinuz-2.6.32-431.el6.x86_64', 'kernel');
    write('/bin/bash', ELF, 0o755);
    symlinkSync('bash', join(folder, 'bin/sh'));
    write('/etc/keepalived/keepalived.conf', '# build-kernel: written from gateway.yaml\nglobal_defs {\n', 0o600);
    write('/sbin/dracut', '#!/bin/sh\n', 0o755);
    expect(await readFacts(folderTarget(folder))).toMatchObject({
      arch: 'x86_64',
      distribution: { id: 'centos', version: '6.5' },
      init: 'sysv',
      rcFolder: '/etc/rc.d',
      bootloader: { kind: 'grub-legacy', config: '/boot/grub/grub.conf' },
      initramfsTool: 'dracut',
      kernels: ['2.6.32-431.el6.x86_64'],
      programs: { dracut: '/sbin/dracut' },
      keepalivedConf: 'ours',
      offline: true,
    });
  });

  it("a Debian root; its os-release is read, not run; an absolute link stays inside", async () => {
    write('/usr/lib/os-release', `ID=debian\nVERSION_ID="12"\nX=$(touch ${folder}/ran)\n`);
    mkdirSync(join(folder, 'etc'));
    symlinkSync('../usr/lib/os-release', join(folder, 'etc/os-release'));
    write('/usr/lib/systemd/systemd', ELF, 0o755);
    write('/usr/bin/real-shell', ELF, 0o755);
    symlinkSync('usr/bin', join(folder, 'bin'));
    symlinkSync('/usr/bin/real-shell', join(folder, 'usr/bin/sh'));
    write('/boot/grub/grub.cfg', '# GRUB 2\n');
    const facts = await readFacts(folderTarget(folder));
    expect(facts).toMatchObject({ arch: 'x86_64', distribution: { id: 'debian', version: '12' }, init: 'systemd', rcFolder: '/etc', bootloader: { kind: 'grub2', config: '/boot/grub/grub.cfg' } });
    expect(facts.release).toBeUndefined();
    expect(existsSync(join(folder, 'ran'))).toBe(false);
  });
});

describe('facts of a running host', () => {
  it('this one, by dash and by busybox alike', () => {
    const text = `ROOT=\nSSH_CONNECTION='192.0.2.9 5000 127.0.0.1 22'\n${script}`;
    const shells: [[string, string[]], [string, string[]]] = [
      ['sh', ['-s']],
      ['busybox', ['sh', '-s']],
    ];
    const look = ([file, args]: [string, string[]]): HostFacts => parseFacts(execFileSync(file, args, { input: text, encoding: 'utf8' }));
    const lasting = (facts: HostFacts): HostFacts => ({ ...facts, freeKib: {} });
    let [one, other] = [look(shells[0]), look(shells[1])];
    // Something beside us may add an interface, or load a module, between two looks: what dash sees before and after must be the same.
    for (let tries = 0; tries < 20; tries += 1) {
      const after = look(shells[0]);
      if (isDeepStrictEqual(lasting(after), lasting(one))) break;
      [one, other] = [after, look(shells[1])];
    }
    expect(lasting(one)).toEqual(lasting(other));
    expect(one).toMatchObject({ release: release(), offline: false, managementPath: { address: '127.0.0.1', device: 'lo', client: '192.0.2.9' } });
    expect(one.cpus).toBeGreaterThan(0);
    expect(one.programs['ip']).toMatch(/^\//);
    expect(Object.values(one.freeKib)).toHaveLength(3);
  });

  it('an answer that was cut short is none', () => {
    expect(() => parseFacts('facts\t1\narch\tx86_64\n')).toThrow(CutShort);
  });
});
