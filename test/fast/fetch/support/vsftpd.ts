import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { onCleanup } from './cleanup.js';

/** vsftpd (the ftp server that the old mirrors ran), as the user who runs the tests. Debian package: vsftpd. */

const program = ['/usr/sbin/vsftpd', '/usr/local/sbin/vsftpd'].find((path) => spawnSync('test', ['-x', path]).status === 0);

/** The reason to leave the tests out, or undefined. */
export const vsftpdMissing = program === undefined ? 'vsftpd is not installed (apt install vsftpd)' : undefined;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface Vsftpd {
  origin: string;
  /** Commands it got, as logged. */
  log: () => string;
  /** SIGKILL ends every session at once, as a crash would; SIGSTOP lets them hang. */
  signalSessions: (signal: NodeJS.Signals) => void;
}

/** Serves a folder to anonymous users. `options` are lines of vsftpd.conf. */
export async function startVsftpd(root: string, scratch: string, options: string[] = []): Promise<Vsftpd> {
  const port = await freePort();
  const config = join(scratch, `vsftpd-${String(port)}.conf`);
  const log = join(scratch, `vsftpd-${String(port)}.log`);
  const settings = [
    ...['listen=YES', 'background=NO', 'listen_address=127.0.0.1', `listen_port=${String(port)}`],
    ...['anonymous_enable=YES', 'local_enable=NO', `anon_root=${root}`, 'run_as_launching_user=YES', 'no_anon_password=YES'],
    ...['seccomp_sandbox=NO', 'xferlog_enable=YES', 'log_ftp_protocol=YES', `vsftpd_log_file=${log}`, 'xferlog_std_format=NO', 'mdtm_write=NO'],
    ...options,
  ];
  writeFileSync(config, `${settings.join('\n')}\n`);
  const child = spawn(program ?? 'vsftpd', [config], { stdio: 'ignore' });
  onCleanup(() => {
    child.kill('SIGKILL');
  });
  const until = Date.now() + 5000;
  for (;;) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => {
        socket.destroy();
        resolve(true);
      }).on('error', () => resolve(false));
    });
    if (open) break;
    if (Date.now() > until || child.exitCode !== null) throw new Error(`vsftpd did not start (exit ${String(child.exitCode)})`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    origin: `ftp://127.0.0.1:${String(port)}`,
    log: () => readFileSync(log, 'utf8'),
    signalSessions: (signal) => {
      const pid = String(child.pid);
      for (const session of readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter((each) => each !== '')) {
        process.kill(Number(session), signal);
      }
    },
  };
}
