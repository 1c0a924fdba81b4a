import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';
import { requirePlainPath } from '../../lib/plain-path.js';
import type { PackageName } from './names.js';
import { requireOldRpm } from './rpm-check.js';
import { owned, type Entry } from './tree.js';

/** RPMs that the rpm 4.8 of EL6 reads, made by today's rpmbuild. */

export interface RpmInput extends PackageName {
  summary: string;
  description: string;
  /** Staged root; entries is its listing. */
  root: string;
  entries: readonly Entry[];
  provides?: string[];
  conflicts?: string[];
  /** Shell texts. */
  post?: string;
  preun?: string;
  /** Seconds since 1970. */
  epoch: number;
  /** Scratch folder of this package. */
  work: string;
  log?: StageLog;
}

/** Files that depmod writes again on the host. */
const GENERATED = /^lib\/modules\/[^/]+\/modules\.(?!order|builtin$)[\w.]+$/;

/** One line of %files. In quotes rpmbuild takes blanks and glob characters as they are; a quote itself it cannot take. */
function filesLine({ path, type }: Entry): string {
  if (path.includes('"')) throw new ExpectedError({ code: 'package', what: `rpmbuild cannot package a file whose name has a double quote: ${path}.` });
  const quoted = `"/${path.replaceAll('%', '%%')}"`;
  if (type === 'dir') return `%dir ${quoted}`;
  if (GENERATED.test(path)) return `%verify(not md5 size mtime) ${quoted}`;
  if (path.startsWith('etc/') && !path.includes('/init.d/')) return `%config(noreplace) ${quoted}`;
  return quoted;
}

/**
 * Settings that keep the result readable by rpm 4.8 (2010) and equal from one build to the next:
 * gzip because zstd and xz came later, MD5 file digests because others add rpmlib(FileDigests), nothing that
 * searches, strips or compresses files (it would change signed or reproducible modules).
 */
const DEFINES: Record<string, string> = {
  _binary_payload: 'w9.gzdio',
  _source_payload: 'w9.gzdio',
  _binary_filedigest_algorithm: '1',
  _source_filedigest_algorithm: '1',
  _build_id_links: 'none',
  _missing_build_ids_terminate_build: '0',
  debug_package: '%{nil}',
  __os_install_post: '%{nil}',
  __spec_install_post: '%{nil}',
  _enable_debug_packages: '0',
  _buildhost: 'build-kernel',
  use_source_date_epoch_as_buildtime: '1',
  clamp_mtime_to_source_date_epoch: '1',
  source_date_epoch_from_changelog: '0',
  vendor: 'build-kernel',
  packager: '%{nil}',
};

/** The spec file's text. Its input is a staged root: nothing is built in it. */
export function specText(input: RpmInput): string {
  const script = (section: string, text: string | undefined): string[] => (text === undefined ? [] : ['', `%${section}`, text.trimEnd().replaceAll('%', '%%')]);
  return [
    `Name: ${input.name}`,
    `Version: ${input.version}`,
    `Release: ${input.release}`,
    `Summary: ${input.summary}`,
    'License: GPLv2',
    'Group: System Environment/Kernel',
    'AutoReqProv: no',
    ...(input.provides ?? []).map((text) => `Provides: ${text}`),
    ...(input.conflicts ?? []).map((text) => `Conflicts: ${text}`),
    '',
    '%description',
    input.description,
    '',
    '%install',
    'cp -a "$STAGED_ROOT/." "%{buildroot}/"',
    ...script('post', input.post),
    ...script('preun', input.preun),
    '',
    '%files',
    '%defattr(-,root,root,-)',
    ...owned(input.entries).map(filesLine),
    '',
  ].join('\n');
}

/**
 * Builds one RPM.
 * @returns its path, below the scratch folder
 * @throws ExpectedError usage (a path rpmbuild cannot stand), package (rpmbuild failed, or the result needs a newer rpm than EL6's), environment (no rpmbuild)
 */
export async function buildRpm(input: RpmInput): Promise<string> {
  const top = join(input.work, 'rpm');
  requirePlainPath(top, '--work');
  await mkdir(join(top, 'home'), { recursive: true });
  const spec = join(top, `${input.name}.spec`);
  await writeFile(spec, specText(input));
  const defines = { ...DEFINES, _topdir: top, _rpmdir: join(top, 'RPMS'), _rpmfilename: 'out.rpm', _tmppath: join(top, 'tmp') };
  const argv = Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  await run(['rpmbuild', '-bb', '--nodeps', '--target', 'x86_64', '--buildroot', join(top, 'BUILDROOT'), ...argv, spec], {
    cwd: top,
    // HOME: a .rpmmacros of whoever builds must not change the package.
    env: { SOURCE_DATE_EPOCH: String(input.epoch), STAGED_ROOT: input.root, HOME: join(top, 'home') },
    log: input.log,
    discard: true,
    fail: { code: 'package', what: `rpmbuild failed for ${input.name}.` },
  });
  const file = join(top, `${input.name}-${input.version}-${input.release}.x86_64.rpm`);
  await rename(join(top, 'RPMS', 'out.rpm'), file);
  await requireOldRpm(file, input.log);
  return file;
}
