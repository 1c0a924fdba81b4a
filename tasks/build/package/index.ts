import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sha256File } from '../../lib/digest.js';
import { checkInterrupted } from '../../lib/exec.js';
import { remove, writeAtomic } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';
import { MANIFEST_NAME, type FileKind, type Manifest, type ManifestFile } from '../../lib/manifest.js';
import { loadLicences } from '../../lib/supply/licences.js';
import { SBOM_NAME } from '../../lib/supply/names.js';
import { artifactSbom } from '../../lib/supply/sbom.js';
import { sealedFolder, writeSums } from '../../lib/supply/sums.js';
import type { CompileOutput, ToolsOutput } from '../types.js';
import { buildManifest, type ManifestParts } from './manifest.js';
import { requireSafe } from './names.js';
import { kernelDeb, kernelRpm, modulesDeb, toolsDeb, toolsRpm, type PackageContext } from './packages.js';
import { claimOut, moveInto, replaceFolder } from './replace.js';
import { initScripts, stageKernel, stageModules, stageTools, type Staged } from './staging.js';
import { makeTarball } from './tarball.js';
import { owned } from './tree.js';

export { buildManifest, ownVersion, trustWarning, type ManifestParts } from './manifest.js';

/** The package stage: a compiled kernel and its tools become an artifact folder with a manifest. */

export type Format = 'rpm' | 'deb';
export const FORMATS: readonly Format[] = ['rpm', 'deb'];

export interface PackageInput {
  /** Artifact folder; an artifact that stands there is replaced when the new one is whole. */
  out: string;
  /** Scratch folder of this stage, emptied first and removed at the end. */
  work: string;
  /** A kernel; or, with `built`, replacement modules for the distribution's. */
  compiled: CompileOutput;
  tools?: ToolsOutput;
  manifest: ManifestParts;
  /** SOURCE_DATE_EPOCH: the time of every file in every package, seconds since 1970. */
  epoch: number;
  /** Packages beside the tarballs (default both). */
  formats?: readonly Format[];
  log?: StageLog;
  progress?: (text: string) => void;
}

export interface PackageOutput {
  /** The artifact folder. */
  dir: string;
  files: ManifestFile[];
  manifest: Manifest;
}

interface Made {
  kind: FileKind;
  path: string;
  variant?: 'host' | 'static';
}

/** Packages that make sense: a kernel of the distribution that is Debian's takes no rpm. */
function possible(input: PackageInput): readonly Format[] {
  return input.compiled.built ? ['deb'] : FORMATS;
}

/** What an artifact must say that lacks some package, or whose packages leave something to their user. */
async function leftOut(input: PackageInput, formats: readonly Format[], tools: Staged | undefined): Promise<string[]> {
  const warnings: string[] = [];
  for (const format of possible(input)) if (!formats.includes(format)) warnings.push(`No ${format} packages were made: they were not asked for.`);
  if (!input.tools) warnings.push('No tools are in this artifact: they were not built.');
  else if (!input.tools.static && formats.length > 0) warnings.push('No packages of the tools were made: they hold the static build, which was not made.');
  if (tools && formats.includes('rpm')) {
    for (const { name, why } of (await initScripts(tools)).left) warnings.push(`The RPM of the tools does not register the init script ${name}: ${why}. Switch it on yourself: chkconfig ${name} on.`);
  }
  return warnings;
}

async function makeTarballs(input: PackageInput, kernel: Staged, tools: { variant: 'host' | 'static'; staged: Staged }[]): Promise<Made[]> {
  const { work, epoch, compiled, manifest } = input;
  const pack = async (name: string, { root, entries }: Staged): Promise<string> => {
    input.progress?.(name);
    checkInterrupted();
    const path = join(work, name);
    await makeTarball(path, root, owned(entries), epoch);
    return path;
  };
  const main: Made = compiled.built
    ? { kind: 'modules-tar', path: await pack(`modules-${manifest.flavour}-${compiled.release}.tar.gz`, kernel) }
    : { kind: 'kernel-tar', path: await pack(`kernel-${compiled.release}.tar.gz`, kernel) };
  const made: Made[] = [main];
  for (const { variant, staged } of tools) {
    made.push({ kind: 'tools-tar', variant, path: await pack(`tools-${manifest.flavour}-${variant}.tar.gz`, staged) });
  }
  return made;
}

async function makePackages(input: PackageInput, formats: readonly Format[], kernel: Staged, tools: Staged | undefined): Promise<Made[]> {
  const context: PackageContext = { flavour: input.manifest.flavour, release: input.compiled.release, epoch: input.epoch, work: input.work, log: input.log };
  const makers = { rpm: { kernel: kernelRpm, tools: toolsRpm }, deb: { kernel: kernelDeb, tools: toolsDeb } };
  if (formats.length > 0) input.progress?.(formats.map((format) => `${format}s`).join(' and '));
  // Side by side: rpmbuild's gzip and dpkg-deb's xz take one core each. All end before the first failure is thrown,
  // so that none writes into a folder that is being removed.
  const made = await Promise.allSettled(
    formats.map(async (format): Promise<Made[]> => {
      const kernelPackage: Made = input.compiled.built
        ? { kind: 'modules-deb', path: await modulesDeb(context, kernel, input.manifest.modules?.kernel ?? '') }
        : { kind: `kernel-${format}`, path: await makers[format].kernel(context, kernel) };
      return tools ? [kernelPackage, { kind: `tools-${format}`, path: await makers[format].tools(context, tools) }] : [kernelPackage];
    }),
  );
  const failed = made.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return made.flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
}

/**
 * Makes the artifact folder: tarballs, RPMs, debs, manifest.json, bill of materials and SHA256SUMS. The
 * same inputs give the same bytes in every file but the manifest (and SHA256SUMS over it), which also tells times and paths.
 * @throws ExpectedError package (a kernel that is not whole, unresolved symbols, a packager that failed, an RPM that
 *   EL6 cannot read), environment (no rpmbuild, dpkg-deb or depmod), usage (`out` holds something else), space
 */
export async function packageArtifact(input: PackageInput): Promise<PackageOutput> {
  const start = Date.now();
  const { out, work, compiled, tools, epoch, log } = input;
  const formats = (input.formats ?? FORMATS).filter((format) => possible(input).includes(format));
  requireSafe('flavour', input.manifest.flavour);
  requireSafe('kernel release', compiled.release);
  await claimOut(out);
  await remove(work);

  let kernel: Staged;
  if (compiled.built) kernel = await stageModules(compiled.root, join(work, 'kernel-root'), compiled.release, epoch);
  else {
    input.progress?.('depmod');
    kernel = await stageKernel(compiled.root, join(work, 'kernel-root'), compiled.release, epoch, log);
  }
  const roots: { variant: 'host' | 'static'; staged: Staged }[] = [];
  for (const variant of ['host', 'static'] as const) {
    const from = tools?.[variant];
    if (from !== undefined) roots.push({ variant, staged: await stageTools(from, join(work, `tools-${variant}`), epoch) });
  }
  const packaged = roots.find(({ variant }) => variant === 'static')?.staged;
  const made = [...(await makeTarballs(input, kernel, roots)), ...(await makePackages(input, formats, kernel, packaged))];

  const manifest = await buildManifest(input.manifest, { release: compiled.release, epoch, tools, warnings: await leftOut(input, formats, packaged) });
  for (const { kind, variant, path } of made) {
    const { size } = await stat(path);
    manifest.files.push({ name: basename(path), kind, ...(variant ? { variant } : {}), sha256: await sha256File(path), size });
  }
  manifest.timings = { ...manifest.timings, package: Date.now() - start };
  await replaceFolder(out, async (folder) => {
    for (const { path } of made) await moveInto(path, join(folder, basename(path)));
    await writeAtomic(join(folder, MANIFEST_NAME), `${JSON.stringify(manifest, null, 2)}\n`);
    await writeAtomic(join(folder, SBOM_NAME), `${artifactSbom(manifest, await loadLicences())}\n`);
    await writeSums(sealedFolder(folder));
  });
  await remove(work);
  return { dir: out, files: manifest.files, manifest };
}
