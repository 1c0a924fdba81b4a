import { writeAtomic, exists } from '../files.js';
import { join } from 'node:path';
import { run } from '../exec.js';
import type { StageLog } from '../log.js';
import { git, PLAIN_FORMAT } from './gitcmd.js';

/** A bare repository that others may fetch from by commit id. */
export async function exportableRepo(repo: string, log?: StageLog): Promise<void> {
  if (await exists(join(repo, 'build-kernel.ready'))) return;
  await run(['git', 'init', '-q', '--bare', '--template=', repo], { log, env: PLAIN_FORMAT });
  for (const [key, value] of [
    ['uploadpack.allowAnySHA1InWant', 'true'],
    ['uploadpack.allowFilter', 'true'],
    // git daemon and http-backend serve it without further ado.
    ['http.uploadpack', 'true'],
  ] as const) {
    await git(repo, ['config', key, value], { log });
  }
  await writeAtomic(join(repo, 'git-daemon-export-ok'), '');
  await writeAtomic(join(repo, 'build-kernel.ready'), '');
}
