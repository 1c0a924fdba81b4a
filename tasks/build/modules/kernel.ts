import { readFile } from 'node:fs/promises';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import type { Fetch } from '../../lib/fetch/alternatives.js';
import { loadBase, loadFlavours } from '../../lib/flavours/catalog.js';
import type { ModulesSpec } from '../../lib/flavours/schema.js';
import type { StageLog } from '../../lib/log.js';
import type { Fetched } from '../../lib/sources.js';
import type { DistroKernel } from '../types.js';

/** Finds the distribution's current kernel and fetches its headers; nothing is installed. */

async function control(deb: string, field: string, log?: StageLog): Promise<string> {
  const { stdout } = await run(['dpkg-deb', '-f', deb, field], { log, fail: { code: 'unpack', what: `${deb} is no Debian package.` } });
  return stdout.trim();
}

/** Version of a package file: 6.1.192-2. */
export function packageVersion(deb: string, log?: StageLog): Promise<string> {
  return control(deb, 'Version', log);
}

/** 6.1.192-2 → 6.1.192 */
export function upstream(version: string): string {
  return version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
}

async function dependsOn(deb: Fetched, pattern: RegExp, log?: StageLog): Promise<string[]> {
  const list = await control(deb.path, 'Depends', log);
  const names = list.split(/[,|]/).map((entry) => entry.trim().split(/[ (:]/)[0] ?? '');
  return names.filter((name) => pattern.test(name));
}

/** What this host is, for messages. */
async function hostName(): Promise<string> {
  const text = await readFile('/etc/os-release', 'utf8').catch(() => '');
  return /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(text)?.[1] ?? 'this host';
}

/** Where there is no series for the distribution's kernel: what works all the same. */
async function elsewhere(): Promise<string> {
  const own: string[] = [];
  const fromApt: string[] = [];
  for (const { name, kind, build, base } of await loadFlavours()) {
    if (kind !== 'flavour' || build !== 'kernel' || base === undefined) continue;
    const { source } = await loadBase(base);
    (source.kind === 'apt' ? fromApt : own).push(source.kind === 'apt' ? `${name} (needs ${source.package})` : name);
  }
  return [
    `These flavours bring a kernel of their own and build on any host: ${own.join(', ')}.`,
    ...(fromApt.length > 0 ? [`These build a whole kernel where apt has its source: ${fromApt.join(', ')}.`] : []),
    'For another host with that kernel: build there, or bring its packages with --offline --mirror DIR (build-kernel fetch FLAVOUR --into DIR).',
  ].join('\n');
}

/**
 * The distribution's current kernel: the package that always depends on its headers leads to them, online from apt,
 * offline from the cache or a mirror.
 * @param flavour for messages
 * @throws ExpectedError base: it is another kernel than the series is made for; environment: a host without apt or
 *   such packages, with what works there; network, offline
 */
export async function distroKernel(spec: ModulesSpec['kernel'], flavour: string, fetch: Fetch, log?: StageLog): Promise<DistroKernel> {
  const get = async (name: string): Promise<Fetched> => fetch({ kind: 'apt', package: name, source: false });
  const meta = await get(spec.headers).catch(async (error: unknown) => {
    if (!(error instanceof ExpectedError) || error.code !== 'environment') throw error;
    throw new ExpectedError({
      code: 'environment',
      what: `${flavour} makes modules for the distribution's kernel ${spec.version}, and ${await hostName()} has no ${spec.headers} to name it.`,
      why: [error.what, error.why].filter(Boolean).join('\n'),
      fix: await elsewhere(),
      cause: error,
    });
  });
  const [name] = await dependsOn(meta, /^linux-headers-\d/, log);
  const version = await packageVersion(meta.path, log);
  // linux-headers-amd64 is of the release's version, but some distributions number their meta packages themselves.
  if (name === undefined || !new RegExp(`^linux-headers-${spec.version.replace('.', '\\.')}[.-]`).test(name)) {
    throw new ExpectedError({
      code: 'base',
      what: `${flavour} is made for the distribution's kernel ${spec.version}; that of ${await hostName()} is another.`,
      why: `${spec.headers} ${version} leads to ${name ?? 'no headers'}`,
      fix: await elsewhere(),
    });
  }
  const headers = await get(name);
  const more = await dependsOn(headers, /^linux-(headers|kbuild)-\d/, log);
  const all = [headers];
  for (const each of more) all.push(await get(each));
  const own = await packageVersion(headers.path, log);
  for (const deb of all) {
    const its = await packageVersion(deb.path, log);
    if (its !== own) throw mismatch(`${headers.name} and ${deb.name} are of different builds of the kernel.`, [`${headers.name}: ${own}`, `${deb.name}: ${its}`]);
  }
  return { release: name.replace(/^linux-headers-/, ''), version: own, headers: [meta, ...all] };
}

function mismatch(what: string, why: string[]): ExpectedError {
  return new ExpectedError({
    code: 'base',
    what,
    why: why.join('\n'),
    fix: "An archive was in the middle of an update, or the cache holds only one of them: run apt-get update, then the same command again without --offline; for a mirror, build-kernel fetch FLAVOUR --into DIR.",
  });
}

/**
 * Source and headers must be of one kernel: the modules are made from the one against the other.
 * @param source version of the source: 6.1.192-2, or 6.1.192
 * @returns a warning when only the packaging differs
 * @throws ExpectedError base
 */
export function requireSameVersion(source: string, kernel: Pick<DistroKernel, 'release' | 'version'>): string | undefined {
  if (upstream(source) !== upstream(kernel.version) && source !== upstream(kernel.version)) {
    throw mismatch(`The kernel source is ${upstream(source)}, the headers of ${kernel.release} are ${upstream(kernel.version)}.`, [
      `source: ${source}`,
      `headers: ${kernel.version}`,
    ]);
  }
  if (!source.includes('-') || source === kernel.version) return undefined;
  return `The kernel source is ${source}, the headers are ${kernel.version}: the same kernel, packaged twice. The symbols are compared all the same.`;
}
