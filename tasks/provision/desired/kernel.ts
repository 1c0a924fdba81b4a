import { textOf, type ArtifactTree } from '../../lib/artifact.js';
import { CHROUTE_MODULES } from '../../lib/gateway/chroute.js';
import type { DesiredKernel, FileResource, Resource } from '../types.js';
import { ETC, file, usesIpvs, type Context, type Part } from './context.js';
import { probe } from './effects.js';
import { lines } from './words.js';

/** The kernel (image, System.map, config, modules, firmware) or replacement modules, and the modules that must be loaded. */

function asResource(entry: ArtifactTree['kernel'][number], why: string): Resource {
  if (entry.kind === 'link') return { kind: 'link', part: 'kernel', path: entry.path, to: entry.to, why };
  return { kind: 'file', part: 'kernel', path: entry.path, mode: entry.mode, why, content: { source: entry.source, sha256: entry.sha256, size: entry.size } } satisfies FileResource;
}

function parseConfig(text: string): Record<string, 'y' | 'm'> {
  return Object.fromEntries([...text.matchAll(/^(CONFIG_\w+)=([ym])$/gm)].map(([, name = '', value]) => [name, value === 'y' ? 'y' : 'm'] as const));
}

/** What preflight and the boot entry must know of the kernel. */
export async function desiredKernel({ manifest, kernel }: ArtifactTree): Promise<DesiredKernel | undefined> {
  const { release } = manifest;
  if (kernel.length === 0) return undefined;
  if (manifest.build === 'modules') return { release, kind: 'modules', modulesAlias: '', modulesBuiltin: [], config: {}, append: '' };
  const modules = `/lib/modules/${release}`;
  return {
    release,
    kind: 'kernel',
    image: `/boot/vmlinuz-${release}`,
    modulesAlias: (await textOf(kernel, `${modules}/modules.alias`)) ?? '',
    modulesBuiltin: ((await textOf(kernel, `${modules}/modules.builtin`)) ?? '').split('\n').filter(Boolean).map((path) => path.replace(/^.*\//, '').replace(/\.ko$/, '').replaceAll('-', '_')),
    config: parseConfig((await textOf(kernel, `/boot/config-${release}`)) ?? ''),
    append: '',
  };
}

/** Modules that the gateway's rules need, in the order they are loaded. */
export function modulesNeeded({ gateway }: Context): string[] {
  return [...(usesIpvs(gateway) ? ['ip_vs'] : []), ...(gateway.tuning.conntrack.max !== undefined || gateway.tuning.conntrack.buckets !== undefined ? ['nf_conntrack'] : []), ...(gateway.redirects.length > 0 ? [...CHROUTE_MODULES] : [])];
}

export function kernel(context: Context): Part {
  const { artifact: { manifest, kernel: entries } } = context;
  const own = manifest.build === 'modules';
  const needed = modulesNeeded(context);
  return {
    resources: [
      ...entries.map((entry) => asResource(entry, own ? `modules that make ${manifest.release} a gateway` : `kernel ${manifest.release}`)),
      file('kernel', `${ETC}/modules`, lines(needed.map((name) => [name])), 'modules that the rules need'),
    ],
    effects: [
      { id: 'kernel', part: 'kernel', claim: `kernel ${manifest.release} runs`, probe: 'uname -r', expect: { equals: manifest.release } },
      ...needed.map((name) => ({
        id: `module ${name}`,
        part: 'kernel',
        claim: `module ${name} is loaded`,
        probe: probe.module(name),
        expect: { equals: 'loaded' },
      })),
      ...(own && needed.includes('ip_vs')
        ? [{ id: 'module ip_vs own', part: 'kernel', claim: 'ip_vs is the one with the SNAT gateway', probe: 'if [ -e /proc/sys/net/ipv4/vs/snat_guard ]; then echo ours; else echo "the distribution\'s"; fi', expect: { equals: 'ours' } }]
        : []),
    ],
  };
}
