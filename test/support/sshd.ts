import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SshSettings } from '../../tasks/provision/target/index.js';

/** A real sshd on loopback with keys of its own, and a proxy before it that cuts connections. Needs root, as sshd does. */

export interface Sshd {
  folder: string;
  port: number;
  /** ssh configuration that knows its host key and has the user's key. */
  config: string;
  settings(more?: Partial<SshSettings>): SshSettings;
  stop(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('data', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

/** @param lines more of sshd_config */
export async function startSshd(lines: readonly string[] = []): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'bk-sshd-'));
  const port = await freePort();
  for (const name of ['host', 'user']) execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)]);
  copyFileSync(join(folder, 'user.pub'), join(folder, 'authorized_keys'));
  mkdirSync('/run/sshd', { recursive: true });
  const config = [
    `Port ${String(port)}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    'PidFile none',
    'StrictModes no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'UsePAM no',
    'MaxStartups 100',
    ...lines,
  ];
  writeFileSync(join(folder, 'sshd_config'), config.map((line) => `${line}\n`).join(''));
  const hostKey = execFileSync('cat', [join(folder, 'host.pub')], { encoding: 'utf8' }).split(' ').slice(0, 2).join(' ');
  writeFileSync(join(folder, 'known_hosts'), `[127.0.0.1]:${String(port)} ${hostKey}\ngateway ${hostKey}\n`);
  writeFileSync(join(folder, 'ssh_config'), `Host *\n  UserKnownHostsFile ${folder}/known_hosts\n  GlobalKnownHostsFile none\n  IdentityFile ${folder}/user\n  IdentitiesOnly yes\n  IdentityAgent none\n  HostKeyAlias gateway\n  StrictHostKeyChecking yes\n`);
  const daemon: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', join(folder, 'sshd_config')], { stdio: 'ignore' });
  for (let tries = 0; !(await answers(port)); tries += 1) {
    if (tries > 100) throw new Error('sshd does not answer');
    await sleep(100);
  }
  return {
    folder,
    port,
    config: join(folder, 'ssh_config'),
    settings: (more = {}) => ({ name: 'gw1', destination: 'root@127.0.0.1', port, config: join(folder, 'ssh_config'), oldAlgorithms: false, ...more }),
    stop: async () => {
      const ended = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill();
      await ended;
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
