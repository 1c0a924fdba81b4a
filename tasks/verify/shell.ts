import { createServer } from 'node:net';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { ExpectedError } from '../lib/errors.js';
import { exists, remove } from '../lib/files.js';
import type { FetchOptions } from '../lib/fetch/for-run.js';
import type { Io } from '../lib/io.js';
import { StageLog } from '../lib/log.js';
import { runStages } from '../lib/ui/stages.js';
import { preparation, type Prepared, type WhatToVerify } from './command.js';
import { makeInitramfs } from './guest/initramfs.js';
import { GuestFault, Lab } from './lab/lab.js';
import { TOPOLOGIES, type NodeName } from './lab/topology.js';
import type { GuestOptions } from './options.js';

/** `build-kernel shell`: the guests of verify, with a shell for the engineer who wants to look. */

export interface ShellOptions extends GuestOptions {
  /** vms: whose console the terminal gets. */
  node: string;
  /** Opens QEMU's gdb stub. */
  gdb: boolean;
  /** With gdb: waits for it before the first instruction. */
  wait: boolean;
  /** Work folder of builds, where vmlinux with its symbols may lie. */
  work: string;
}

function nodeName(name: string): NodeName {
  const found = TOPOLOGIES.gateway.find((node) => node.name === name);
  if (!found) throw new ExpectedError({ code: 'usage', what: `There is no node ${name}.`, fix: `There are: ${TOPOLOGIES.gateway.map((node) => node.name).join(', ')}.` });
  return found.name;
}

/** A port of loopback that nobody listens on. */
async function freePort(): Promise<number> {
  return new Promise((done, failed) => {
    const server = createServer();
    server.on('error', failed);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        done(typeof address === 'object' && address ? address.port : 0);
      });
    });
  });
}

export async function shell(io: Io, what: WhatToVerify, options: ShellOptions, fetchOptions: FetchOptions): Promise<void> {
  if (io.json || !process.stdin.isTTY || !process.stdout.isTTY) {
    throw new ExpectedError({ code: 'usage', what: 'shell needs a terminal.', fix: 'For scripts there is build-kernel verify, with --json.' });
  }
  const node = nodeName(options.node);
  const scratch = await mkdtemp(join(tmpdir(), 'bk-'));
  const log = new StageLog(join(scratch, 'shell.log'));
  const got: { prepared?: Prepared } = {};
  let lab: Lab | undefined;
  try {
    await runStages(
      preparation(what, options, fetchOptions, scratch, log, (prepared) => {
        got.prepared = prepared;
      }),
      { verbose: io.verbose },
    );
    const { prepared } = got;
    if (!prepared) throw new Error('nothing was prepared');
    const { system, userland, qemu, topology } = prepared;
    const initramfs = await makeInitramfs({ system, userland, nic: options.nic, folder: scratch, log });
    const port = options.gdb ? await freePort() : undefined;
    if (port !== undefined) {
      const symbols = resolve(options.work, system.subject, 'obj', 'vmlinux');
      io.print(`gdb ${(await exists(symbols)) ? symbols : `vmlinux   (in the build's work folder: ${symbols})`} -ex 'target remote 127.0.0.1:${String(port)}'`);
    }
    io.print('Ctrl-A X ends all guests. The server answers TCP on 192.0.2.10:80 and UDP on 192.0.2.10:53; `traffic` sends.');
    lab = new Lab({
      system,
      initramfs,
      qemu,
      topology,
      nodes: 'gateway',
      nic: options.nic,
      bootTimeout: options.bootTimeout,
      cpus: options.cpus,
      folder: join(scratch, 'out'),
      sockets: join(scratch, 's'),
      terminal: node,
      ...(port === undefined ? {} : { gdb: { address: `tcp:127.0.0.1:${String(port)}`, wait: options.wait } }),
    });
    await lab.start();
    await lab.node('server').start(['traffic', 'serve', '-t', '80', '-u', '53']);
    await lab.terminalEnds();
  } catch (error) {
    if (!(error instanceof GuestFault)) throw error;
    io.print(`${error.fault.node}: ${error.fault.kind}: ${error.fault.what}`);
  } finally {
    await lab?.stop();
    log.close();
    await remove(scratch);
  }
}
