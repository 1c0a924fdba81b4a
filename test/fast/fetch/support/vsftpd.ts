import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { startInetd } from '../../../support/inetd.js';
import { onCleanup } from './cleanup.js';

/** vsftpd (the ftp server that the old mirrors ran), as the user who runs the tests. Debian package: vsftpd. */

const program = ['/usr/sbin/vsftpd', '/usr/local/sbin/vsftpd'].find((path) => spawnSync('test', ['-x', path]).status === 0);

/** The reason to leave the tests out, or undefined. */
export const vsftpdMissing = program === undefined ? 'vsftpd is not installed (apt install vsftpd)' : undefined;

export interface Vsftpd {
  origin: string;
  /** Commands it got, as logged. */
  log: () => string;
  /** Lines of vsftpd.conf for the sessions that follow. */
  configure: (options: string[]) => void;
  /** SIGKILL ends every session at once, as a crash would; SIGSTOP lets them hang. */
  signalSessions: (signal: NodeJS.Signals) => void;
}

/** Serves a folder to anonymous users. */
export async function startVsftpd(root: string, scratch: string): Promise<Vsftpd> {
  const config = join(scratch, `vsftpd-${randomUUID()}.conf`);
  const log = config.replace(/conf$/, 'log');
  const settings = [
    'listen=NO',
    ...['anonymous_enable=YES', 'local_enable=NO', `anon_root=${root}`, 'run_as_launching_user=YES', 'no_anon_password=YES'],
    ...['seccomp_sandbox=NO', 'xferlog_enable=YES', 'log_ftp_protocol=YES', `vsftpd_log_file=${log}`, 'xferlog_std_format=NO', 'mdtm_write=NO'],
  ];
  const configure = (options: string[]): void => writeFileSync(config, `${[...settings, ...options].join('\n')}\n`);
  configure([]);
  writeFileSync(log, '');
  const server = await startInetd([program ?? 'vsftpd', config]);
  onCleanup(() => server.stop());
  return { origin: `ftp://127.0.0.1:${String(server.port)}`, log: () => readFileSync(log, 'utf8'), configure, signalSessions: (signal) => server.signal(signal) };
}
