import { statSync } from 'node:fs';
import { copyFile, mkdtemp, open, readFile, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ExpectedError, errno } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { remove } from '../../lib/files.js';
import type { Target } from '../types.js';
import { quote, toResult, unwrap, wrapScript } from './script.js';

/** This host, or a folder on it that is an image's root. */

async function writeWhole(path: string, data: Buffer | { file: string }, mode: number): Promise<void> {
  const part = `${path}.${String(process.pid)}.tmp`;
  try {
    if (!Buffer.isBuffer(data)) await copyFile(data.file, part);
    const handle = await open(part, Buffer.isBuffer(data) ? 'w' : 'r+', mode);
    try {
      if (Buffer.isBuffer(data)) await handle.writeFile(data);
      // open(2) applies the umask, and leaves the mode of a file that is there.
      await handle.chmod(mode);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    // Another of us has brought the same run to its end.
    if (errno(error) === 'ENOENT') throw new ExpectedError({ code: 'busy', what: `${path} was taken away while it was written.`, why: 'Somebody else is at work there.', fix: 'Run the same command again.', cause: error });
    throw error;
  }
}

function makeTarget(name: string, kind: 'local' | 'folder', root: string): Target {
  const place = (path: string): string => `${root}${path}`;
  return {
    name,
    kind,
    root,
    async sh(script, args, options) {
      const { text, mark } = wrapScript(script, args, root);
      const scratch = await mkdtemp(join(tmpdir(), 'bk-sh-'));
      try {
        // A file, so that a script may also print what is not text.
        const stdoutFile = join(scratch, 'out');
        const { exitCode, stderr } = await run(['sh', '-s'], {
          input: text,
          stdoutFile,
          timeout: options?.timeout,
          ok: Array.from({ length: 256 }, (_, status) => status),
          fail: { code: 'provision', what: `A step on ${name} did not end.` },
        });
        const reply = unwrap(await readFile(stdoutFile), mark);
        if (!reply) {
          throw new ExpectedError({ code: 'provision', what: `A step on ${name} ended before its end (status ${String(exitCode)}).`, why: stderr });
        }
        return toResult(name, reply.output, reply.exitCode, stderr, options);
      } finally {
        await remove(scratch);
      }
    },
    async put(path, data, mode = 0o600) {
      await writeWhole(place(path), data, mode);
    },
    async get(path) {
      return readFile(place(path)).catch((error: unknown) => {
        if (errno(error) === 'ENOENT' || errno(error) === 'ENOTDIR') return undefined;
        throw error;
      });
    },
    waitUp: () => Promise.resolve(kind === 'folder'),
    close: () => Promise.resolve(),
  };
}

/**
 * This host.
 * @throws ExpectedError environment when this process is not root's
 */
export function localTarget(): Target {
  if (process.getuid?.() !== 0) {
    throw new ExpectedError({
      code: 'environment',
      what: 'Provisioning this host needs root.',
      why: `this process runs as user ${String(process.getuid?.())}`,
      fix: `Run the same command with sudo: sudo ${process.argv.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : quote(arg))).join(' ')}`,
    });
  }
  return makeTarget('this host', 'local', '');
}

/**
 * A folder that is an image's root. Needs no root: files are then the user's, and an image maker sets owner 0:0.
 * @param folder absolute, with no slash at its end
 * @throws ExpectedError usage when it is this host's root, or no folder
 */
export function folderTarget(folder: string): Target {
  if (folder === '/') throw new ExpectedError({ code: 'usage', what: 'The folder / is this host.', fix: 'Use --local.' });
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw new ExpectedError({ code: 'usage', what: `There is no folder ${folder}.`, fix: "Name an image's root folder: the one with etc, usr and boot in it." });
  return makeTarget(`folder ${folder}`, 'folder', folder);
}
