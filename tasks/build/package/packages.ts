import { join } from 'node:path';
import type { StageLog } from '../../lib/log.js';
import { buildDeb } from './deb.js';
import { kernelDebName, kernelRpmName, modulesDebName, toolsName } from './names.js';
import { buildRpm } from './rpm.js';
import { scriptlet } from './scriptlets.js';
import { initScripts, type Staged } from './staging.js';

/** What the four packages are: kernel and tools, as RPM and as deb. */

export interface PackageContext {
  flavour: string;
  release: string;
  /** Seconds since 1970. */
  epoch: number;
  /** Scratch folder. */
  work: string;
  log?: StageLog;
}

const kernelText = ({ flavour, release }: PackageContext): { summary: string; description: string } => ({
  summary: `Linux ${release}, LVS SNAT gateway (${flavour})`,
  description: `Kernel, System.map, config and modules of ${release}, made by build-kernel.`,
});

const toolsText = ({ flavour, release }: PackageContext): { summary: string; description: string } => ({
  summary: `LVS tools that match ${release} (${flavour})`,
  description: 'Statically linked: they run whatever the C library of the host.\nServices are registered, not switched on.',
});

/** Distribution packages that own the same paths as ours do. */
function rivals({ entries }: Staged): string[] {
  const programs = new Set(entries.filter(({ type }) => type !== 'dir').map(({ path }) => path.split('/').pop() ?? ''));
  return ['ipvsadm', 'keepalived', 'iptables'].filter((name) => programs.has(name));
}

export async function kernelRpm(context: PackageContext, staged: Staged): Promise<string> {
  const { flavour, release, work } = context;
  const name = kernelRpmName(flavour, release);
  const values = { RELEASE: release, PACKAGE: name.name };
  return buildRpm({
    ...context,
    ...name,
    ...kernelText(context),
    ...staged,
    work: join(work, 'kernel'),
    // installonlypkg: yum and dnf install a second release beside the first. kernel-snat: the same word for every flavour.
    provides: ['installonlypkg(kernel)', `kernel-snat = ${name.version}-${name.release}`],
    post: await scriptlet('rpm-kernel-post', values),
    preun: await scriptlet('rpm-kernel-preun', values),
  });
}

export async function kernelDeb(context: PackageContext, staged: Staged): Promise<string> {
  const { flavour, release, work } = context;
  return buildDeb({
    ...context,
    ...kernelDebName(release),
    ...kernelText(context),
    section: 'kernel',
    root: staged.root,
    work: join(work, 'kernel'),
    fields: { Depends: 'kmod', Recommends: 'linux-initramfs-tool', Provides: `kernel-snat-${flavour}, linux-image` },
    scripts: { postinst: await scriptlet('deb-kernel-postinst', { RELEASE: release }), postrm: await scriptlet('deb-kernel-postrm', { RELEASE: release }) },
  });
}

/** Replacement modules for a kernel of the distribution. */
export async function modulesDeb(context: PackageContext, staged: Staged, kernel: string): Promise<string> {
  const { flavour, release, work } = context;
  const MODULES = staged.entries.filter(({ type }) => type === 'file').map(({ path }) => path.split('/').pop() ?? '');
  const values = { RELEASE: release, MODULES };
  return buildDeb({
    ...context,
    ...modulesDebName(flavour, release, kernel),
    summary: `LVS SNAT gateway (${flavour}): modules for Linux ${release}`,
    description: `Take the place of the kernel's own: ${MODULES.join(', ')}.\nRemoving the package brings those back.`,
    section: 'kernel',
    root: staged.root,
    work: join(work, 'modules'),
    fields: { Depends: 'kmod', Recommends: `linux-image-${release} | linux-image-${release}-unsigned` },
    scripts: {
      postinst: await scriptlet('deb-modules-postinst', values),
      prerm: await scriptlet('deb-modules-prerm', values),
      postrm: await scriptlet('deb-modules-postrm', values),
    },
  });
}

export async function toolsRpm(context: PackageContext, staged: Staged): Promise<string> {
  const { flavour, release, work } = context;
  const { register: SCRIPTS } = await initScripts(staged);
  return buildRpm({
    ...context,
    ...toolsName(flavour, release, 'rpm'),
    ...toolsText(context),
    ...staged,
    work: join(work, 'tools'),
    conflicts: rivals(staged),
    ...(SCRIPTS.length > 0 ? { post: await scriptlet('rpm-tools-post', { SCRIPTS }), preun: await scriptlet('rpm-tools-preun', { SCRIPTS }) } : {}),
  });
}

export async function toolsDeb(context: PackageContext, staged: Staged): Promise<string> {
  const { flavour, release, work } = context;
  const name = toolsName(flavour, release, 'deb');
  // EL6's init scripts source /etc/rc.d/init.d/functions, which Debian has not: there they are examples.
  const elsewhere = `usr/share/${name.name}/el6`;
  const others = rivals(staged).join(', ');
  return buildDeb({
    ...context,
    ...name,
    ...toolsText(context),
    section: 'net',
    root: staged.root,
    place: (path) => (/^etc\/(rc\.d|init\.d|sysconfig)(\/|$)/.test(path) ? `${elsewhere}/${path}` : path),
    work: join(work, 'tools'),
    fields: others === '' ? {} : { Conflicts: others, Replaces: others },
  });
}
