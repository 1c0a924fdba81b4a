import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startSshd } from '../sshd.js';
import type { HostNetwork } from './network.js';

/**
 * The client inside as a host that ssh reaches: a real sshd on loopback whose sessions run in the guest, by way of the line
 * that the guest is asked over. For `probe:` of gateway.yaml.
 */
export interface SshClient {
  port: number;
  config: string;
  stop(): Promise<void>;
}

/** What sshd starts for each session: the command, or a script for `sh -s`, goes to the socket; the answer and its status come back. */
const FORWARD = `const [, , socket] = process.argv; const command = process.env.SSH_ORIGINAL_COMMAND || 'sh -s'; const chunks = [];
const send = (text) => { const peer = require('net').connect(socket, () => peer.end(text)); const answer = []; peer.on('data', (data) => answer.push(data));
  peer.on('end', () => { const { stdout, stderr, status } = JSON.parse(Buffer.concat(answer)); process.stderr.write(stderr); process.stdout.write(stdout, () => process.exit(status)); }); };
if (command === 'sh -s') process.stdin.on('data', (data) => chunks.push(data)).on('end', () => send(Buffer.concat(chunks))); else send(command);`;

export async function clientOverSsh(network: HostNetwork): Promise<SshClient> {
  const folder = mkdtempSync(join(tmpdir(), 'bk-client-'));
  const [socket, program] = [join(folder, 's'), join(folder, 'forward.cjs')];
  writeFileSync(program, FORWARD);
  const server = createServer({ allowHalfOpen: true }, (peer) => {
    const chunks: Buffer[] = [];
    peer.on('data', (data: Buffer) => chunks.push(data));
    peer.on('end', () => {
      network
        .guest('client')
        .sh(Buffer.concat(chunks).toString('utf8'), 120_000)
        .then(
          ({ stdout, stderr, ok, ended }) => peer.end(JSON.stringify({ stdout, stderr, status: ok ? 0 : Number(ended) || 1 })),
          (error: unknown) => peer.end(JSON.stringify({ stdout: '', stderr: String(error), status: 1 })),
        );
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  const sshd = await startSshd([`ForceCommand ${process.execPath} ${program} ${socket}`]);
  return {
    port: sshd.port,
    config: sshd.config,
    stop: async () => {
      await sshd.stop();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
