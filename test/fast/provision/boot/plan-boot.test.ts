import { describe, expect, it } from 'vitest';
import { sha256 } from '../../../../tasks/lib/digest.js';
import { hookResources, planBoot, type BootHost } from '../../../../tasks/provision/boot/index.js';
import type { DesiredKernel, HostFacts } from '../../../../tasks/provision/types.js';

const MENU = 'default=0\ntimeout=5\ntitle stock\n\troot (hd0,0)\n\tkernel /vmlinuz-1 ro root=/dev/sda2\n\tinitrd /initramfs-1.img\n';
const GNU = Buffer.concat([Buffer.alloc(1024), Buffer.from('savedefault [NUM | `fallback\']')]);
const facts: HostFacts = {
  arch: 'x86_64',
  release: '1',
  distribution: { id: 'centos', version: '6' },
  init: 'sysv',
  rcFolder: '/etc/rc.d',
  bootloader: { kind: 'grub-legacy', config: '/boot/grub/grub.conf' },
  initramfsTool: 'dracut',
  freeKib: {},
  interfaces: [],
  modaliases: [],
  root: { device: '/dev/sda2', fstype: 'ext3', drivers: ['sd', 'ata_piix'] },
  secureBoot: false,
  programs: {},
  kernels: ['1'],
  cpus: 1,
  numaNodes: 1,
  cmdline: 'ro root=/dev/sda2',
  offline: false,
};
const kernel: DesiredKernel = { release: '2', kind: 'kernel', image: '/boot/vmlinuz-2', modulesAlias: '', modulesBuiltin: ['sd_mod', 'ata_piix', 'ext3'], config: { CONFIG_DETECT_SOFTLOCKUP: 'y' }, append: '' };
const without: HostFacts = { ...facts, initramfsTool: undefined };

function host(extra: Partial<HostFacts> = {}, files: Record<string, string | Buffer> = {}, base: HostFacts = facts): BootHost {
  const all: Record<string, string | Buffer> = { '/boot/grub/grub.conf': MENU, '/boot/grub/stage2': GNU, ...files };
  return {
    facts: { ...base, ...extra },
    read: (path) => {
      const found = all[path];
      return Promise.resolve(found === undefined ? undefined : Buffer.from(found));
    },
  };
}

describe('what a kernel needs of a boot loader', () => {
  it('is nothing for modules', async () => {
    expect(await planBoot(host(), { ...kernel, kind: 'modules' }, 'x')).toBeUndefined();
  });

  it('is an entry, and an initial file system made by the host', async () => {
    const plan = await planBoot(host(), kernel, 'digest');
    expect(plan).toMatchObject({
      entry: { method: 'legacy', environment: '/boot/grub/default', trial: '1', stock: 0 },
      initramfs: { tool: 'dracut', path: '/boot/initramfs-2.img', release: '2', before: 'absent' },
    });
    const [menu] = plan?.resources ?? [];
    expect(menu?.trial).toContain(`panic=10 oops=panic softlockup_panic=1 build_kernel=${plan?.token ?? '?'}\n\tinitrd /initramfs-2.img\n`);
    expect(menu?.content).toContain(`panic=10 build_kernel=${plan?.token ?? '?'}\n`);
  });

  it("knows Red Hat's GRUB by what its stage2 lacks, and the number in it", async () => {
    const stage2 = Buffer.alloc(1024);
    stage2[0x20c] = 1;
    const text = MENU.replace('default=0', 'default=saved') + MENU.slice(MENU.indexOf('title'));
    expect((await planBoot(host({}, { '/boot/grub/stage2': stage2, '/boot/grub/grub.conf': text }), kernel, 'x'))?.entry).toEqual({ method: 'redhat', environment: '/boot/grub/stage2', trial: '2', stock: 1 });
  });

  it('needs no initial file system when all is built in', async () => {
    const plan = await planBoot(host({}, {}, without), kernel, 'x');
    expect(plan?.initramfs).toBeUndefined();
    expect(plan?.resources[0]?.content).not.toContain('initramfs-2');
  });

  it('has one made here when the host cannot', async () => {
    const makeHere: BootHost['makeHere'] = ({ path, drivers }) => Promise.resolve({ kind: 'file', path, part: 'kernel', why: '', mode: 0o600, content: drivers.join(' ') });
    const plan = await planBoot({ ...host({}, {}, without), makeHere }, { ...kernel, modulesBuiltin: ['ata_piix'] }, 'x');
    expect(plan?.resources[0]).toMatchObject({ path: '/boot/initramfs-2.img', content: 'sd_mod ext3' });
    expect(plan?.resources[1]?.content).toContain('initrd /initramfs-2.img');
  });

  it.each([
    ['modules', host({}, {}, without), { ...kernel, modulesBuiltin: [] }, /sd_mod, ata_piix, ext3/],
    ['a name that only an initial file system understands', host({ cmdline: 'root=UUID=1' }, {}, without), kernel, /root=UUID=/],
    ['LVM', { ...host({ root: { ...facts.root, device: '/dev/mapper/a-b' } }, {}, without), makeHere: () => Promise.reject(new Error('must not be asked')) }, { ...kernel, modulesBuiltin: [] }, /not built in/],
    ['a kernel of the same name', host({ kernels: ['1', '2'] }, { '/boot/vmlinuz-2': 'another' }), kernel, /way back/],
    ['UEFI', host({}, { '/boot/grub/stage2': '' }), kernel, /./],
    ['no boot loader', host({ bootloader: { kind: 'none' } }), kernel, /GRUB 0\.97/],
    ['no menu', host({ bootloader: { kind: 'grub-legacy', config: '/boot/grub/menu.lst' } }), kernel, /menu\.lst/],
  ])('refuses %s', async (what, given, wanted, why) => {
    const read: BootHost['read'] = what === 'UEFI' ? (path) => (path.endsWith('stage2') ? Promise.resolve(undefined) : given.read(path)) : given.read;
    await expect(planBoot({ ...given, read }, wanted, 'x')).rejects.toMatchObject({ code: 'provision', why: expect.stringMatching(why) as string });
  });

  it('takes the same kernel again', async () => {
    expect(await planBoot(host({ kernels: ['2'] }, { '/boot/vmlinuz-2': 'same' }), kernel, sha256('same'))).toBeDefined();
  });
});

describe('the boot hook', () => {
  it('is a script and its links, or units and their links', () => {
    expect(hookResources({ init: 'sysv', rcFolder: '/etc/rc.d' }).map(({ path }) => path)).toEqual(['/etc/rc.d/init.d/build-kernel-boot', ...[2, 3, 4, 5].map((level) => `/etc/rc.d/rc${String(level)}.d/S00build-kernel-boot`)]);
    expect(hookResources({ init: 'systemd', rcFolder: '/etc' }).map(({ path }) => path)).toEqual([
      '/etc/systemd/system/build-kernel-boot.service',
      '/etc/systemd/system/build-kernel-confirm.service',
      '/etc/systemd/system/sysinit.target.wants/build-kernel-boot.service',
      '/etc/systemd/system/sysinit.target.wants/build-kernel-confirm.service',
    ]);
  });
});
