import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SshSettings } from '../../tasks/provision/target/index.js';
import { startInetd } from './inetd.js';
import { marked, until } from './processes.js';

/** A real sshd on loopback with keys of its own, and a proxy before it that cuts connections. Sessions are those of whoever runs the tests. */

export interface Sshd {
  folder: string;
  port: number;
  /** ssh configuration that knows its host key and has the user's key. */
  config: string;
  settings(more?: Partial<SshSettings>): SshSettings;
  /** Waits until all that sessions began has ended: a connection that is cut does not end a script that arrived. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

/** In the environment of every session. */
const MARK = 'BUILD_KERNEL_TEST_SSHD';

/**
 * @param lines more of sshd_config
 * @param environment of the sessions
 */
export async function startSshd(lines: readonly string[] = [], environment: Readonly<Record<string, string>> = {}): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'bk-sshd-'));
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  copyFileSync(join(folder, 'user.pub'), join(folder, 'authorized_keys'));
  // sshd separates privileges into it when root starts it.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const config = [
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    'PidFile none',
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'UsePAM no',
    `SetEnv ${Object.entries({ ...environment, [MARK]: folder }).map(([name, value]) => `${name}=${value}`).join(' ')}`,
    ...lines,
  ];
  writeFileSync(join(folder, 'sshd_config'), config.map((line) => `${line}\n`).join(''));
  const server = await startInetd(['/usr/sbin/sshd', '-i', '-f', join(folder, 'sshd_config')]);
  const { port } = server;
  const hostKey = readFileSync(join(folder, 'host.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
  writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${String(port)} ${hostKey}\ngateway ${hostKey}\n`);
  writeFileSync(join(folder, 'ssh_config'), `Host *\n  UserKnownHostsFile ${folder}/known_hosts\n  GlobalKnownHostsFile none\n  IdentityFile ${folder}/user\n  IdentitiesOnly yes\n  IdentityAgent none\n  HostKeyAlias gateway\n  StrictHostKeyChecking yes\n`);
  const quiet = async (): Promise<void> => {
    if (!(await until(() => marked(MARK, folder).length === 0))) throw new Error(`still at work: ${marked(MARK, folder).map((pid) => readFileSync(`/proc/${String(pid)}/cmdline`, 'latin1').replaceAll('\0', ' ')).join('; ')}`);
  };
  return {
    folder,
    port,
    config: join(folder, 'ssh_config'),
    settings: (more = {}) => ({ name: 'gw1', destination: 'root@127.0.0.1', port, config: join(folder, 'ssh_config'), oldAlgorithms: false, ...more }),
    quiet,
    stop: async () => {
      await server.stop();
      // What sessions began goes on without them.
      await quiet();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface Cutter {
  port: number;
  /** Bytes that may pass from the client before every connection is cut; Infinity: none is. */
  limit: number;
  /** Bytes that have passed from the client since `limit` was set, by connection. */
  passed: number;
  stop(): Promise<void>;
}

/** A TCP proxy on loopback that cuts each connection after `limit` bytes from the client. */
export async function startCutter(to: number): Promise<Cutter> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((client) => {
    const upstream = connect(to, '127.0.0.1');
    let left = cutter.limit;
    const end = (): void => {
      client.destroy();
      upstream.destroy();
      sockets.delete(client);
      sockets.delete(upstream);
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', end);
      socket.on('close', end);
    }
    client.on('data', (data) => {
      cutter.passed += data.length;
      if (data.length < left) {
        left -= data.length;
        upstream.write(data);
        return;
      }
      // The last bytes arrive, then nothing.
      upstream.write(data.subarray(0, left), end);
    });
    upstream.on('data', (data) => {
      client.write(data);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutter: Cutter = {
    port: (server.address() as AddressInfo).port,
    limit: Infinity,
    passed: 0,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return cutter;
}
