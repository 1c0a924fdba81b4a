import { mkdtemp } from 'node:fs/promises';
import { cpus } from 'node:os';
import { dirname, join } from 'node:path';
import type { ArtifactTree } from '../../lib/artifact.js';
import { ensureBusybox } from '../../lib/busybox.js';
import { ExpectedError } from '../../lib/errors.js';
import { fetchSource } from '../../lib/fetch/index.js';
import { fetchContext, type FetchOptions } from '../../lib/fetch/for-run.js';
import { StageLog } from '../../lib/log.js';
import type { BootHost } from './index.js';
import { makeInitramfs } from './initramfs.js';

/** Where busybox may come from, when the cache has none. */
const DEFAULTS: FetchOptions = { cache: '', lockFile: 'build-kernel.lock.json', offline: false, mirrors: [], allowUnsigned: false, allowSha1: false };

/**
 * Makes initial file systems for planBoot from an artifact's modules; busybox is built when the cache has none.
 * @param folder scratch; the file stays in it until it was sent
 */
export function initramfsHere(artifact: Pick<ArtifactTree, 'kernel' | 'manifest'>, folder: string, say: (text: string) => void = () => undefined): NonNullable<BootHost['makeHere']> {
  return async (need) => {
    const { release } = artifact.manifest;
    // A folder of its own: one artifact may be for several hosts.
    const into = await mkdtemp(join(folder, 'initramfs-'));
    const log = new StageLog(join(into, 'log'));
    const index = artifact.kernel.find(({ path }) => path === `/lib/modules/${release}/modules.dep`);
    if (index?.kind !== 'file') throw new ExpectedError({ code: 'package', what: 'The artifact has no modules.dep.', fix: 'Build it again: packaging runs depmod.' });
    const context = fetchContext(DEFAULTS, { log, progress: { note: say, progress: say } }, () => undefined);
    const busybox = await ensureBusybox({ cacheDir: context.cacheDir, fetch: (source) => fetchSource(source, context), jobs: cpus().length, log, progress: say });
    return makeInitramfs({ ...need, busybox, modules: dirname(index.source), folder: into, log });
  };
}
