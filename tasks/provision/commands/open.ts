import { resolve } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import type { LoadedSpec } from '../spec/load.js';
import { folderTarget, localTarget, SshTarget } from '../target/index.js';
import type { Target } from '../types.js';
import type { WhereOptions } from './options.js';

/** Which host a command is for, and how it is reached. */

/**
 * The one host of gateway.yaml that a command is for.
 * @throws ExpectedError usage when it is not clear which
 */
export function chooseHost(spec: Pick<LoadedSpec, 'hosts' | 'path'>, { host, local, folder }: WhereOptions): string {
  if (host !== undefined) return host;
  const [only, ...more] = spec.hosts;
  if (only !== undefined && more.length === 0) return only;
  if (only === undefined && local) return 'localhost';
  if (only === undefined && folder !== undefined) return 'image';
  throw new ExpectedError({
    code: 'usage',
    what: only === undefined ? 'Which host is meant?' : `${spec.path} names several hosts.`,
    fix: only === undefined ? 'Say --host NAME, --local or --folder DIR.' : `Say which: --host ${[only, ...more].join(', --host ')}.`,
  });
}

/**
 * Opens the target; connects at its first use. The caller closes it.
 * @param ssh how gateway.yaml reaches the host
 */
export function openTarget(name: string, ssh: ReturnType<LoadedSpec['ssh']>, { host, local, folder, sshConfig, identity }: WhereOptions): Target {
  if (local) return localTarget();
  if (folder !== undefined && host === undefined) return folderTarget(resolve(folder));
  return new SshTarget({
    ...ssh,
    name,
    ...(sshConfig === undefined ? {} : { config: resolve(sshConfig) }),
    ...(identity === undefined ? {} : { identity: resolve(identity) }),
    ...(folder === undefined ? {} : { root: folder.replace(/\/+$/, '') }),
  });
}
