import { describe, expect, it } from 'vitest';
import { armsWatchdog, ifItHangs, preflight, refuseUnfit, type Finding, type PreflightInput } from '../../../../tasks/provision/preflight/index.js';
import { rootModules } from '../../../../tasks/provision/preflight/drivers.js';
import { compareReleases } from '../../../../tasks/lib/kernel-release.js';
import type { Change, DesiredKernel, Gateway, HostFacts } from '../../../../tasks/provision/types.js';

/** A machine as its facts.sh said it: QEMU's e1000 and a virtio disk behind a transitional PCI device. */
const facts: HostFacts = {
  arch: 'x86_64',
  release: '6.1.0-56-amd64',
  distribution: { id: 'debian', version: '12' },
  init: 'systemd',
  rcFolder: '/etc',
  bootloader: { kind: 'grub2', config: '/boot/grub/grub.cfg' },
  initramfsTool: 'update-initramfs',
  freeKib: { '/boot': 200_000, '/lib/modules': 900_000, '/var/lib': 900_000 },
  interfaces: [
    { device: 'eth0', mac: '52:54:00:00:00:01', driver: 'e1000', modalias: 'pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00', up: true, addresses: ['192.0.2.2/24'], queues: 1 },
    { device: 'eth1', mac: '52:54:00:00:00:02', driver: 'virtio_net', modalias: 'virtio:d00000001v00001AF4', modaliases: ['virtio:d00000001v00001AF4', 'pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00'], up: true, addresses: [], queues: 2 },
  ],
  modaliases: [],
  root: { device: '/dev/vda1', fstype: 'ext4', drivers: ['virtio_blk', 'virtio-pci'], modaliases: ['virtio:d00000002v00001AF4', 'pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00'] },
  secureBoot: false,
  bmcWatchdog: true,
  programs: {},
  managementPath: { address: '192.0.2.2', device: 'eth0', client: '192.0.2.9' },
  kernels: ['6.1.0-56-amd64'],
  cpus: 2,
  numaNodes: 1,
  cmdline: '',
  offline: false,
};

const kernel: DesiredKernel = {
  release: '2.6.32-220.el6',
  kind: 'kernel',
  image: '/boot/vmlinuz-2.6.32-220.el6',
  modulesAlias: 'alias pci:v00008086d0000100Esv*sd*bc*sc*i* e1000\nalias virtio:d00000001v* virtio_net\nalias virtio:d00000002v* virtio_blk\nalias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n',
  modulesBuiltin: [],
  config: { CONFIG_EXT4_FS: 'm', CONFIG_VIRTIO_BLK: 'm', CONFIG_VIRTIO_PCI: 'm', CONFIG_IPMI_SI: 'm', CONFIG_IPMI_WATCHDOG: 'm' },
  append: '',
};

const gateway: Gateway = {
  host: 'gw1',
  flavour: 'dsnat-220',
  addons: [],
  artifact: '/a',
  language: 'dsnat', ports: { first: 1024, last: 65535 },
  interfaces: [
    { device: 'eth0', role: 'outside', addresses: ['192.0.2.2/24'], routes: [] },
    { device: 'eth1', role: 'inside', addresses: ['10.0.0.1/24'], routes: [] },
  ],
  snat: [{ from: '10.0.0.0/24', pool: ['192.0.2.10-192.0.2.20'] }],
  protocols: ['tcp'],
  services: [],
  redirects: [],
  rulesBy: 'script',
  tuning: { offloads: {}, rings: {}, irq: { policy: 'none', irqbalance: 'keep' }, rps: false, conntrack: {}, sysctls: {} },
  access: { ports: [22], leakGuard: true },
  confirmMinutes: 10,
  watchdog: true,
} as Gateway;

const change = (path: string, size: number): Change => ({ path, kind: 'file', action: 'create', part: 'kernel', why: '', content: { source: '/s', sha256: '0', size }, before: 'absent', after: '0' });

function found(more: Partial<PreflightInput>): Finding[] {
  return preflight({ gateway, facts, kernel, changes: [], ...more });
}
const ids = (findings: readonly Finding[]): string[] => findings.map(({ level, id }) => `${level} ${id}`);

describe('drivers of the new kernel for this host', () => {
  it('finds nothing missing when aliases and configuration have all', () => {
    expect(found({})).toEqual([]);
  });

  it('names the NIC, the driver it has now and the symbol that is missing', () => {
    const [finding, ...more] = found({ kernel: { ...kernel, modulesAlias: kernel.modulesAlias.replace(/^.*e1000$/m, '') } });
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ level: 'error', id: 'driver eth0' });
    expect(finding?.what).toContain('driver e1000, pci:v00008086d0000100E');
    expect(finding?.fix).toContain('CONFIG_E1000=m');
    expect(() => {
      refuseUnfit('gw1', [finding!]);
    }).toThrow(/cannot become/);
  });

  it('takes a driver that is built in for one', () => {
    expect(found({ kernel: { ...kernel, modulesAlias: kernel.modulesAlias.replace(/^.*e1000$/m, ''), modulesBuiltin: ['e1000'] } })).toEqual([]);
    expect(found({ kernel: { ...kernel, modulesAlias: kernel.modulesAlias.replace(/^.*e1000$/m, ''), config: { ...kernel.config, CONFIG_E1000: 'y' } } })).toEqual([]);
  });

  it('only warns of a NIC that the gateway does not use', () => {
    const extra = { ...facts.interfaces[0]!, device: 'eth7', driver: 'igb', modalias: 'pci:v00008086d000010C9sv0sd0bc02sc00i00' };
    expect(ids(found({ facts: { ...facts, interfaces: [...facts.interfaces, extra] } }))).toEqual(['warning driver eth7']);
    const bond = [{ device: 'eth0', lower: ['eth7'] }];
    expect(ids(found({ facts: { ...facts, interfaces: [...facts.interfaces, extra], stacked: bond } }))).toEqual(['error driver eth7']);
  });

  it('knows that 2.6.32 drives no virtio device without the old interface', () => {
    const modern = facts.interfaces.map((nic) => (nic.device === 'eth1' ? { ...nic, modaliases: ['virtio:d00000001v00001AF4', 'pci:v00001AF4d00001041sv00001AF4sd00001100bc02sc00i00'] } : nic));
    expect(ids(found({ facts: { ...facts, interfaces: modern } }))).toEqual(['error driver eth1']);
  });

  it('needs a driver for the disk, and a program for an initial file system when that is a module and the disk is stacked', () => {
    expect(ids(found({ facts: { ...facts, root: { ...facts.root, drivers: ['sd', 'megaraid_sas'], modaliases: [] } }, kernel: { ...kernel, config: { ...kernel.config, CONFIG_BLK_DEV_SD: 'y' } } }))).toEqual(['error driver megaraid_sas']);
    const { initramfsTool, ...without } = facts;
    expect(initramfsTool).toBeDefined();
    expect(ids(found({ facts: without }))).toEqual([]);
    expect(ids(found({ facts: { ...without, root: { ...facts.root, device: '/dev/mapper/vg-root' } } }))).toEqual(['error initramfs']);
    expect(found({ facts: without, kernel: { ...kernel, config: { ...kernel.config, CONFIG_EXT4_FS: 'y', CONFIG_VIRTIO_BLK: 'y', CONFIG_VIRTIO_PCI: 'y' } } })).toEqual([]);
    expect(ids(found({ facts: { ...facts, root: { ...facts.root, fstype: 'xfs' } } }))).toEqual(['error root file system']);
  });
});

describe('a root file system that another driver mounts too', () => {
  const root = { ...facts.root, fstype: 'ext3' };
  const with3 = (release: string, config: DesiredKernel['config']): string[] => ids(found({ facts: { ...facts, root }, kernel: { ...kernel, release, config: { ...kernel.config, ...config } } }));

  it("is ext3 by ext4, where that is so: by its configuration, or since ext3's own is gone", () => {
    expect(with3('2.6.32-220.el6', {})).toEqual(['error root file system']);
    expect(with3('2.6.32-220.el6', { CONFIG_EXT3_FS: 'm' })).toEqual([]);
    expect(with3('3.10.0', { CONFIG_EXT4_USE_FOR_EXT23: 'y' })).toEqual([]);
    expect(with3('6.1.0-56-amd64', {})).toEqual([]);
    const modules = (release: string, config: DesiredKernel['config']): string[] => rootModules({ root }, { ...kernel, release, config: { ...kernel.config, ...config } });
    expect(modules('6.1.0-56-amd64', {})).toContain('ext4');
    expect(modules('6.1.0-56-amd64', { CONFIG_EXT4_FS: 'y' })).not.toContain('ext4');
    expect(modules('2.6.32-220.el6', { CONFIG_EXT3_FS: 'm' })).toContain('ext3');
  });
});

describe('room and rights', () => {
  it('counts what goes below a folder, together where figures show one file system', () => {
    expect(found({ changes: [change('/boot/vmlinuz', 5_000_000)] })).toEqual([]);
    expect(ids(found({ facts: { ...facts, freeKib: { ...facts.freeKib, '/boot': 30_000 } }, changes: [change('/boot/vmlinuz', 5_000_000)] }))).toEqual(['error space /boot']);
    const small = { ...facts, freeKib: { '/boot': 200_000, '/lib/modules': 150_000, '/var/lib': 150_000 } };
    expect(found({ facts: small, changes: [change('/lib/modules/a', 60_000_000)] })).toEqual([]);
    expect(ids(found({ facts: small, changes: [change('/lib/modules/a', 100_000_000)] }))).toEqual(['error space /lib/modules /var/lib']);
  });

  it('refuses a read-only /boot only when something goes there', () => {
    const readOnly = { ...facts, readOnly: ['/boot'] };
    expect(ids(found({ facts: readOnly, changes: [change('/boot/vmlinuz', 5)] }))).toEqual(['error read-only /boot']);
    expect(found({ facts: readOnly, changes: [change('/etc/x', 5)] })).toEqual([]);
  });
});

describe('the way in', () => {
  it('refuses a pool or a FULLNAT service on the address ssh comes in by', () => {
    expect(ids(found({ gateway: { ...gateway, snat: [{ from: '10.0.0.0/24', pool: ['192.0.2.1-192.0.2.5'] }] } }))).toEqual(['error management']);
    const service = { mode: 'fullnat' as const, protocol: 'tcp' as const, address: '192.0.2.2', port: 80, servers: [], scheduler: 'rr' };
    expect(ids(found({ gateway: { ...gateway, services: [service] } }))).toEqual(['error management']);
    expect(ids(found({ gateway: { ...gateway, services: [{ ...service, mode: 'nat' }] } }))).toEqual(['warning management']);
  });

  it('names a device that is not there, and an address that would go', () => {
    expect(ids(found({ gateway: { ...gateway, interfaces: [...gateway.interfaces, { device: 'eth9', role: 'other', addresses: [], routes: [] }] } }))).toEqual(['error device eth9']);
    expect(ids(found({ gateway: { ...gateway, interfaces: [{ ...gateway.interfaces[0]!, addresses: ['192.0.2.3/24'] }, gateway.interfaces[1]!] } }))).toEqual(['warning management address']);
  });
});

describe('a new kernel that hangs', () => {
  const { bmcWatchdog, ...none } = facts;

  it('is reset by the BMC where there is one that both kernels can drive', () => {
    expect(bmcWatchdog).toBe(true);
    expect(armsWatchdog({ gateway, facts, kernel })).toBe(true);
    expect(ifItHangs({ gateway, facts, kernel })).toContain('BMC');
  });

  it('is said to need a hand otherwise, unless the operator does not want it armed', () => {
    const { CONFIG_IPMI_WATCHDOG, ...config } = kernel.config;
    expect(CONFIG_IPMI_WATCHDOG).toBe('m');
    expect(ids(found({ kernel: { ...kernel, config } }))).toEqual(['warning watchdog']);
    expect(armsWatchdog({ gateway, facts, kernel: { ...kernel, config } })).toBe(false);
    expect(ids(found({ facts: none }))).toEqual(['warning watchdog']);
    expect(found({ facts: none })[0]?.what).toContain('somebody has to reset the host');
    const off = { ...gateway, watchdog: false };
    expect(found({ gateway: off })).toEqual([]);
    expect(armsWatchdog({ gateway: off, facts, kernel })).toBe(false);
    expect(ifItHangs({ gateway: off, facts, kernel })).toContain('somebody');
  });

  it('is no matter when it runs already, or when only modules are replaced', () => {
    expect(found({ facts: { ...none, release: kernel.release } })).toEqual([]);
    expect(ifItHangs({ gateway, facts: { ...facts, release: kernel.release }, kernel })).toBeUndefined();
    expect(ifItHangs({ gateway, facts, kernel: { ...kernel, kind: 'modules' } })).toBeUndefined();
  });
});

describe('the system', () => {
  it('architecture, boot loader, Secure Boot', () => {
    expect(ids(found({ facts: { ...facts, arch: 'aarch64' } }))).toEqual(['error architecture']);
    expect(ids(found({ facts: { ...facts, bootloader: { kind: 'none' } } }))).toEqual(['error boot loader']);
    expect(ids(found({ facts: { ...facts, secureBoot: true } }))).toEqual(['error secure boot']);
  });

  it('without ethtool offloads stay', () => {
    const tuned = { ...gateway, tuning: { ...gateway.tuning, offloads: { eth0: { gro: 'off' as const } }, rings: { eth1: { rx: 'max' as const } } } };
    expect(found({ gateway: tuned })).toMatchObject([{ level: 'warning', id: 'ethtool', what: expect.stringContaining('eth0 gro off, eth1 ring rx max') as string }]);
    expect(found({ gateway: tuned, facts: { ...facts, programs: { ethtool: '/sbin/ethtool' } } })).toEqual([]);
  });

  it('UEFI starts only a kernel that knows it', () => {
    const host = { ...facts, uefi: true };
    expect(ids(found({ facts: host }))).toEqual(['error UEFI']);
    expect(found({ facts: host, kernel: { ...kernel, config: { ...kernel.config, CONFIG_EFI: 'y' } } })).toEqual([]);
    expect(found({ facts: host, kernel: { ...kernel, kind: 'modules', release: facts.release ?? '' } })).toEqual([]);
  });

  it('debug messages that the kernel was built without', () => {
    const debugging = { ...gateway, tuning: { ...gateway.tuning, debugLevel: 3 } };
    expect(ids(found({ gateway: debugging }))).toEqual(['error debug']);
    expect(found({ gateway: debugging, kernel: { ...kernel, config: { ...kernel.config, CONFIG_IP_VS_DEBUG: 'y' } } })).toEqual([]);
  });
  it('replacement modules need the kernel they are for, and no newer one', () => {
    const modules: DesiredKernel = { release: '6.1.0-56-amd64', kind: 'modules', modulesAlias: '', modulesBuiltin: [], config: {}, append: '' };
    expect(found({ kernel: modules })).toEqual([]);
    expect(ids(found({ kernel: modules, facts: { ...facts, release: '6.1.0-9-amd64', kernels: ['6.1.0-9-amd64'] } }))).toEqual(['error kernel']);
    expect(ids(found({ kernel: modules, facts: { ...facts, kernels: ['6.1.0-9-amd64', '6.1.0-56-amd64', '6.1.0-60-amd64'] } }))).toEqual(['warning newer kernel']);
    expect(compareReleases('6.1.0-9-amd64', '6.1.0-56-amd64')).toBeLessThan(0);
  });
});
