import { join } from 'node:path';
import { exists, writeAtomic } from '../files.js';
import type { StageLog } from '../log.js';
import { initRepo } from './gitcmd.js';

/** What lets others fetch from a repository by commit id, and file by file. */
const SERVING: readonly (readonly [string, string, string])[] = [
  ['uploadpack', 'allowAnySHA1InWant', 'true'],
  ['uploadpack', 'allowFilter', 'true'],
];

/** A bare repository that a folder, git daemon, http-backend or a plain web server can give out. */
export async function exportableRepo(repo: string, log?: StageLog): Promise<void> {
  if (await exists(join(repo, 'build-kernel.ready'))) return;
  await initRepo(repo, SERVING, log);
  await writeAtomic(join(repo, 'git-daemon-export-ok'), '');
  await writeAtomic(join(repo, 'build-kernel.ready'), '');
}
