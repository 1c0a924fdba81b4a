// What the benchmarks boot: the guest system of a nat-snat artifact, prepared as verify prepares it.
import { join } from 'node:path';
import { fetchContext } from '../../dist/lib/fetch/for-run.js';
import { fetchSource } from '../../dist/lib/fetch/index.js';
import { StageLog } from '../../dist/lib/log.js';
import { defaultCacheDir } from '../../dist/lib/paths.js';
import { systemFromArtifact } from '../../dist/verify/guest/artifact.js';
import { makeInitramfs } from '../../dist/verify/guest/initramfs.js';
import { ensureUserland } from '../../dist/verify/guest/userland.js';
import { findQemu } from '../../dist/verify/vm/qemu.js';

/**
 * @param artifact folder of a nat-snat build
 * @param dir scratch folder
 * @returns what a Lab takes: system, initramfs, qemu (emulated)
 */
export async function prepareGuest(artifact, dir) {
  const log = new StageLog(join(dir, 'bench.log'));
  try {
    const cacheDir = defaultCacheDir();
    const context = fetchContext({ cache: cacheDir, lockFile: join(dir, 'lock.json'), offline: false, mirrors: [], allowUnsigned: false, allowSha1: false }, { log, progress: { note() {}, progress() {} } }, () => {});
    const fetch = (source) => fetchSource(source, context);
    const qemu = { ...(await findQemu('netns')), accelerator: 'tcg' };
    const userland = await ensureUserland({ cacheDir, fetch, jobs: 2, log });
    const { system } = await systemFromArtifact(artifact, join(dir, 'system'), { fetch, cacheDir, log, progress() {} });
    return { system, initramfs: await makeInitramfs({ system, userland, nic: 'virtio-net', folder: dir, log }), qemu };
  } finally {
    log.close();
  }
}

/** The artifact and the file after --svg, from a script's arguments. */
export function readArguments(script) {
  const args = process.argv.slice(process.argv.findIndex((arg) => arg.endsWith(script)) + 1);
  return {
    svg: args.includes('--svg') ? args[args.indexOf('--svg') + 1] : undefined,
    artifact: args.find((arg, index) => !arg.startsWith('--') && args[index - 1] !== '--svg') ?? 'artifacts/nat-snat',
  };
}

/** Runs a script on a node. @throws Error with what it said */
export async function must(node, script, timeout = 60_000) {
  const ran = await node.sh(script, timeout);
  if (!ran.ok) throw new Error(`${script}: ${ran.ended}: ${ran.stderr}${ran.stdout}`);
  return ran.stdout;
}
