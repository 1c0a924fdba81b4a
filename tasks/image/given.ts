import { open, readFile } from 'node:fs/promises';
import { archiveType } from '../lib/archive.js';
import { ExpectedError, errno } from '../lib/errors.js';
import type { ImageOptions } from './types.js';

/** Files that the user gives for a disk, looked at before anything is made: what is wrong with them would show after minutes. */

const PUBLIC_KEY = /(^|\s)(ssh-[a-z0-9-]+|ecdsa-sha2-\S+|sk-\S+@openssh\.com) AAAA/;

/** @throws ExpectedError usage: missing, or no list of public keys */
async function authorizedKeys(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (errno(error) !== 'ENOENT' && errno(error) !== 'EISDIR') throw error;
    throw new ExpectedError({ code: 'usage', what: `There is no file ${path}.`, fix: 'Name a file of public keys with --authorized-keys, for example ~/.ssh/id_ed25519.pub.' });
  });
  if (/PRIVATE KEY/.test(text)) throw new ExpectedError({ code: 'usage', what: `${path} is a private key: it does not go into an image.`, fix: `Name its public half (${path}.pub).` });
  if (!text.split('\n').some((line) => !line.startsWith('#') && PUBLIC_KEY.test(line))) throw new ExpectedError({ code: 'usage', what: `${path} holds no public ssh key.`, fix: 'Name a file with lines such as "ssh-ed25519 AAAA… NAME".' });
  return text.endsWith('\n') ? text : `${text}\n`;
}

/** @throws ExpectedError usage: missing, or no tar archive */
async function rootTar(path: string): Promise<void> {
  const type = await open(path, 'r').then(
    async (handle) => {
      const file = (await handle.stat()).isFile();
      await handle.close();
      return file ? archiveType(path) : 'unknown';
    },
    (error: unknown) => {
      if (errno(error) !== 'ENOENT') throw error;
      throw new ExpectedError({ code: 'usage', what: `There is no file ${path}.`, fix: 'Check the path given with --root.' });
    },
  );
  if (type === 'unknown' || type === 'rpm' || type === 'deb') throw new ExpectedError({ code: 'usage', what: `${path} is no tar archive.`, fix: 'Pack the folder of a root with tar, as root, so that owners are kept: tar -C FOLDER -cf root.tar .' });
}

/** @returns text of root's authorized_keys, when given */
export async function lookAtGiven(options: Pick<ImageOptions, 'root' | 'authorizedKeys'>): Promise<{ authorizedKeys?: string }> {
  if (options.root !== undefined) await rootTar(options.root);
  return options.authorizedKeys === undefined ? {} : { authorizedKeys: await authorizedKeys(options.authorizedKeys) };
}
