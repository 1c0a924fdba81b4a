import { mkdir, readdir, readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { ensureBusybox } from '../lib/busybox.js';
import { sha256, sha256File } from '../lib/digest.js';
import { EXIT_STATUS, ExpectedError } from '../lib/errors.js';
import { clearing } from '../lib/exec.js';
import { fetchContext, type FetchOptions } from '../lib/fetch/for-run.js';
import { fetchSource } from '../lib/fetch/index.js';
import { writeAtomic } from '../lib/files.js';
import type { Io } from '../lib/io.js';
import { isOldKernel } from '../lib/kernel-release.js';
import { withLock } from '../lib/lock.js';
import { StageLog } from '../lib/log.js';
import { defaultCacheDir } from '../lib/paths.js';
import { loadLicences } from '../lib/supply/licences.js';
import { besideImage, gpgSignature, SBOM_NAME, sshSignature, SUMS_NAME } from '../lib/supply/names.js';
import { artifactSbom, type ImageContents } from '../lib/supply/sbom.js';
import { sealedFile, sealedFolder, writeSums } from '../lib/supply/sums.js';
import { runStages, type StageProgress, type StageTask } from '../lib/ui/stages.js';
import { makeAppliance, APPLIANCE_APPEND } from './appliance/make.js';
import { deliver, refuseOthers, scratchFor } from './deliver.js';
import { makeDisk } from './disk/make.js';
import { lookAtGiven } from './given.js';
import { describeFiles, IMAGE_MANIFEST, writeImageManifest, type ImageManifest } from '../lib/image-manifest.js';
import { removeImageTree } from './namespace.js';
import { makeOciArchive } from './oci.js';
import { busyboxProgram, grubProgram } from './programs.js';
import { debianRoot, distribution } from './rootfs/debian.js';
import type { FinishedImage, ImageOptions, ImageParts, ImageSource } from './types.js';

/** `build-kernel image gateway.yaml -o gw.qcow2`: a gateway as an image, booted and checked before it is called done. */

interface Made {
  /** Files of the image, in scratch. */
  files: string[];
  finished?: FinishedImage;
  packages: ImageContents['packages'];
  programs: NonNullable<ImageContents['programs']>;
  root?: { name: string; sha256: string };
  append: string;
}

interface Work<S extends ImageSource> {
  source: S;
  parts: ImageParts<S>;
  options: ImageOptions;
  /** sha256 of gateway.yaml as it was read. */
  gateway: string;
  /** Text of root's authorized_keys. */
  authorizedKeys?: string;
  fetchOptions: FetchOptions;
  cacheDir: string;
  scratch: string;
  log: StageLog;
}

const DISK_APPEND = '';

async function appliance<S extends ImageSource>({ source, parts, fetchOptions, cacheDir, scratch, log, options }: Work<S>, p: StageProgress): Promise<Made> {
  const progress = (text: string): void => {
    p.progress(text);
  };
  const context = fetchContext(fetchOptions, { log, progress: p }, () => undefined);
  const busybox = await ensureBusybox({ cacheDir, fetch: (each) => fetchSource(each, context), jobs: cpus().length, log, progress });
  const into = join(scratch, 'out', basename(resolve(options.output)));
  const { kernel, initramfs, disk } = await makeAppliance(source, parts, { into, scratch, busybox, log, progress });
  return {
    files: [kernel, initramfs, disk, join(into, 'boot.ipxe'), join(into, 'pxelinux.cfg')],
    finished: { kind: 'appliance', path: into, kernel, initramfs, append: APPLIANCE_APPEND },
    packages: [],
    programs: [await busyboxProgram(busybox), await grubProgram()],
    append: APPLIANCE_APPEND,
  };
}

async function disk<S extends ImageSource>(work: Work<S>, p: StageProgress): Promise<Made> {
  const { source, parts, options, fetchOptions, cacheDir, scratch, log } = work;
  const progress = (text: string): void => {
    p.progress(text);
  };
  let root: { tar: string; sha256: string; packages: ImageContents['packages']; epoch: number; name: string };
  const { release, build } = source.artifact.manifest;
  if (options.root === undefined && build !== 'modules' && isOldKernel(release)) {
    throw new ExpectedError({ code: 'usage', what: `A disk of ${source.gateway.flavour} needs a root of its kernel's age.`, why: `This distribution's programs do not run on ${release}.`, fix: 'Give one with --root TAR (an EL6 root), or make an appliance of it: --kind appliance.' });
  }
  if (options.root === undefined) root = { ...(await debianRoot({ cacheDir, extra: options.packages, offline: fetchOptions.offline, log, progress })), name: 'debian' };
  else {
    const tar = resolve(options.root);
    root = { tar, sha256: await sha256File(tar), packages: [], epoch: source.artifact.manifest.epoch, name: basename(tar) };
  }
  const format = options.output.endsWith('.qcow2') ? 'qcow2' : 'raw';
  const image = join(scratch, 'out', basename(options.output));
  const { uefi } = await makeDisk(source, parts, {
    root,
    image,
    format,
    free: options.free,
    ...(work.authorizedKeys === undefined ? {} : { authorizedKeys: work.authorizedKeys }),
    epoch: Math.max(root.epoch, source.artifact.manifest.epoch),
    scratch: join(scratch, 'disk'),
    log,
    progress,
  });
  return { files: [image], finished: { kind: 'disk', path: image, format, uefi, append: DISK_APPEND }, packages: root.packages, programs: [await grubProgram()], root: { name: root.name, sha256: root.sha256 }, append: DISK_APPEND };
}

async function oci<S extends ImageSource>({ source, options, scratch, log }: Work<S>): Promise<Made> {
  const { artifact } = source;
  const { manifest, folder } = artifact;
  const there = new Set(await readdir(folder));
  const beside = [SBOM_NAME, SUMS_NAME, gpgSignature(SUMS_NAME), sshSignature(SUMS_NAME)];
  const file = join(scratch, 'out', basename(options.output));
  await makeOciArchive({
    files: [
      ...manifest.files.map(({ name }) => ({ name, path: join(folder, name), mediaType: name.endsWith('.gz') ? 'application/vnd.oci.image.layer.v1.tar+gzip' : 'application/octet-stream' })),
      { name: 'manifest.json', path: join(folder, 'manifest.json'), mediaType: 'application/json' },
      // With them verify-artifact can check what somebody gets from a registry, signature and all.
      ...beside.filter((name) => there.has(name)).map((name) => ({ name, path: join(folder, name), mediaType: name.endsWith('.json') ? 'application/vnd.cyclonedx+json' : 'text/plain' })),
    ],
    artifactType: 'application/vnd.build-kernel.artifact.v1',
    annotations: { 'org.opencontainers.image.title': manifest.flavour, 'org.opencontainers.image.version': manifest.release },
    // Letters, digits and _.- are all that a registry takes.
    tag: `${manifest.flavour}-${manifest.release}`.replaceAll(/[^\w.-]/g, '-').slice(0, 128),
    epoch: manifest.epoch,
    file,
    scratch,
    log,
  });
  return { files: [file], packages: [], programs: [], append: '' };
}

async function finish<S extends ImageSource>({ source, options, scratch, gateway }: Work<S>, made: Made, verified: boolean): Promise<ImageManifest> {
  const { manifest } = source.artifact;
  const files = await describeFiles(made.files);
  const image: ImageManifest = {
    schema: 1,
    kind: options.kind,
    host: source.gateway.host,
    flavour: manifest.flavour,
    release: manifest.release,
    inputs: { gateway, artifact: Object.fromEntries(manifest.files.map(({ name, sha256: digest }) => [name, digest])), ...(made.root ? { root: made.root } : {}) },
    files,
    verified,
    append: made.append,
  };
  const part = join(scratch, 'out', basename(resolve(options.output)));
  const at = options.kind === 'appliance' ? { manifest: join(part, IMAGE_MANIFEST), sbom: join(part, SBOM_NAME) } : besideImage(part);
  const { id, codename } = await distribution();
  await writeAtomic(at.sbom, `${artifactSbom(manifest, await loadLicences(), { name: basename(options.output), files, packages: made.packages, programs: made.programs, ...(options.root === undefined || !made.root ? {} : { root: made.root }), ...(made.packages.length > 0 ? { distribution: { id, codename } } : {}) })}\n`);
  await writeImageManifest(at.manifest, image);
  await writeSums(options.kind === 'appliance' ? sealedFolder(part) : sealedFile(part));
  return image;
}

/**
 * @param file gateway.yaml
 * @throws ExpectedError usage, package, environment, network, base, verify (the image is not kept as done), space
 */
export async function image<S extends ImageSource>(io: Io, file: string, options: ImageOptions, fetchOptions: FetchOptions, parts: ImageParts<S>): Promise<void> {
  const output = resolve(options.output);
  await refuseOthers(output, options.kind);
  const given = await lookAtGiven(options);
  const cacheDir = resolve(fetchOptions.cache || defaultCacheDir());
  await mkdir(dirname(output), { recursive: true });
  const scratch = scratchFor(output);
  let work: Work<S> | undefined;
  let made: Made | undefined;
  let manifest: ImageManifest | undefined;
  let holds: boolean | undefined;
  const stages = (log: StageLog, mask: number): StageTask[] => [
    {
      title: 'read gateway and artifact',
      run: async (p) => {
        const source = await parts.open(file, options.host, join(scratch, 'artifact'));
        for (const warning of source.warnings) p.note(warning);
        work = { source, parts, options, ...given, gateway: sha256(await readFile(file)), fetchOptions, cacheDir, scratch, log };
      },
    },
    {
      title: `make the ${options.kind}`,
      run: async (p) => {
        await mkdir(join(scratch, 'out'));
        // Files of an image have the modes that its programs need, whatever this user's new files have.
        process.umask(0o022);
        try {
          made = options.kind === 'appliance' ? await appliance(work!, p) : options.kind === 'disk' ? await disk(work!, p) : await oci(work!);
        } finally {
          process.umask(mask);
        }
      },
    },
    {
      title: 'boot and check it',
      enabled: options.kind !== 'oci' && options.verify,
      run: async () => {
        holds = await parts.verify(made!.finished!, work!.source);
      },
    },
    {
      title: `write ${options.output}`,
      run: async () => {
        if (holds === false) return;
        manifest = await finish(work!, made!, holds === true);
        await deliver(scratch, output, options.kind, mask);
      },
    },
  ];
  await withLock(`${output}.lock`, `The image ${output}`, async () => {
    // What a killed run left; it has the size of a disk.
    await removeImageTree(scratch);
    await mkdir(scratch, { mode: 0o700 });
    const log = new StageLog(join(cacheDir, 'image', 'logs', `${basename(output)}-${sha256(output).slice(0, 8)}.log`));
    try {
      await runStages(stages(log, process.umask()), { json: io.json, verbose: io.verbose });
    } finally {
      log.close();
      await clearing(() => removeImageTree(scratch));
    }
  });
  if (holds === false) {
    io.result({ image: null, verified: false });
    io.print('The image was not kept: its checks do not hold (above). --no-verify keeps it all the same.');
    process.exitCode = EXIT_STATUS.verify;
    return;
  }
  io.result({ image: output, ...manifest });
  io.print(`${output}: ${manifest?.verified === true ? 'booted, checks hold' : options.kind === 'oci' ? 'an archive for registries (oras cp --from-oci-layout, skopeo copy oci-archive:)' : 'not verified'}`);
}
