import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestOf } from '../../../tasks/lib/digest.js';
import { run } from '../../../tasks/lib/exec.js';
import { cachedFolder, type HostsContext } from './context.js';
import { el6Programs } from './programs.js';

/** Keys of test hosts: one for who logs in, one per kind of sshd. They guard nothing but guests on loopback. */
export interface HostKeys {
  /** Private key file of the user, and its line for authorized_keys. */
  user: string;
  authorized: string;
  /** Host keys: the server's private file and "ssh-rsa AAAA…". RSA, as EL6's sshd has nothing newer. */
  openssh: { file: string; public: string };
  dropbear: { file: string; public: string };
}

const publicPart = (text: string): string => /^ssh-rsa \S+/m.exec(text)?.[0] ?? '';

export async function hostKeys(context: HostsContext): Promise<HostKeys> {
  const dropbearkey = join(await el6Programs(context), 'usr/bin/dropbearkey');
  const folder = await cachedFolder(context, 'keys', digestOf(['rsa', 2048]), async (into) => {
    for (const name of ['user', 'openssh']) await run(['ssh-keygen', '-q', '-t', 'rsa', '-b', '2048', '-N', '', '-C', 'test-host', '-f', join(into, name)]);
    await run([dropbearkey, '-t', 'rsa', '-s', '2048', '-f', join(into, 'dropbear')]);
    await run([dropbearkey, '-y', '-f', join(into, 'dropbear')], { stdoutFile: join(into, 'dropbear.pub') });
  });
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  return {
    user: join(folder, 'user'),
    authorized: (await read('user.pub')).trim(),
    openssh: { file: join(folder, 'openssh'), public: publicPart(await read('openssh.pub')) },
    dropbear: { file: join(folder, 'dropbear'), public: publicPart(await read('dropbear.pub')) },
  };
}
