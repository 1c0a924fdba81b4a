import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';
import { macOf, type TopologyNode } from '../lab/topology.js';

/** The agent into a copy of a disk image, by debugfs: nothing is mounted, and the image itself is only read. */

const UNIT = `[Unit]
Description=Agent of build-kernel verify
After=multi-user.target

[Service]
ExecStart=/usr/local/sbin/traffic agent
Environment=PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
`;

/** The same for init scripts: the last of run level 3. */
const SCRIPT = `#!/bin/sh
case $1 in
  start)
    PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin
    export PATH
    /usr/local/sbin/traffic agent </dev/null >/dev/null 2>&1 &
    ;;
esac
`;

/** First sector of the root partition (its type is that of the Discoverable Partitions Specification). */
async function rootOffset(raw: string): Promise<number> {
  const { stdout } = await run(['sfdisk', '--json', raw]);
  const { partitiontable } = JSON.parse(stdout) as { partitiontable: { partitions: { start: number; type: string }[] } };
  const root = partitiontable.partitions.find(({ type }) => type.toUpperCase() === '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709');
  if (!root) throw new ExpectedError({ code: 'verify', what: 'The disk has no root partition that can be recognised.', fix: 'Make the image with build-kernel image.' });
  return root.start * 512;
}

/**
 * @param names network devices of the gateway, which are given the names of gateway.yaml by their addresses
 * @returns path of the raw copy
 */
export async function copyWithAgent(image: { path: string; format: 'raw' | 'qcow2' }, traffic: string, nodes: readonly TopologyNode[], scratch: string, log?: StageLog): Promise<string> {
  await mkdir(scratch, { recursive: true });
  const raw = join(scratch, 'with-agent.raw');
  await run(['qemu-img', 'convert', '-f', image.format, '-O', 'raw', image.path, raw], { log });
  const file = `${raw}?offset=${String(await rootOffset(raw))}`;
  const { stdout: systemd } = await run(['debugfs', '-R', 'stat /etc/systemd/system', file], { log });
  const gateway = nodes.find(({ role }) => role === 'gateway');
  const files: { from: string; to: string; mode: string }[] = [{ from: traffic, to: '/usr/local/sbin/traffic', mode: '0100755' }];
  const text = async (name: string, to: string, content: string, mode = '0100644'): Promise<void> => {
    await writeFile(join(scratch, name), content);
    files.push({ from: join(scratch, name), to, mode });
  };
  const commands: string[] = [];
  if (/Type: directory/.test(systemd)) {
    await text('agent.service', '/etc/systemd/system/bk-agent.service', UNIT);
    for (const [index, { name, segment }] of (gateway?.interfaces ?? []).entries()) {
      await text(`${String(index)}.link`, `/etc/systemd/network/00-bk-${String(index)}.link`, `[Match]\nMACAddress=${gateway ? macOf(nodes, gateway, segment) : ''}\n\n[Link]\nName=${name}\n`);
    }
    commands.push('mkdir /etc/systemd/network', 'symlink /etc/systemd/system/multi-user.target.wants/bk-agent.service ../bk-agent.service');
  } else {
    // Devices have their names by the order of the cards there.
    await text('agent.init', '/etc/rc.d/rc3.d/S99zz-agent', SCRIPT, '0100755');
  }
  commands.push(...files.flatMap(({ from, to, mode }) => [`write ${from} ${to}`, `set_inode_field ${to} mode ${mode}`]));
  await writeFile(join(scratch, 'debugfs'), `${commands.join('\n')}\n`);
  const { stdout, stderr } = await run(['debugfs', '-w', '-f', join(scratch, 'debugfs'), file], { log });
  // It ends with 0 whatever happens; a folder that is there already is no fault.
  const faults = `${stdout}\n${stderr}`.split('\n').filter((line) => /: (?!.*(already exists|Allocated inode))/.test(line) && !/^debugfs( \d|:)|^Allocated/.test(line));
  if (faults.length > 0) throw new ExpectedError({ code: 'verify', what: 'The agent could not be put into a copy of the image.', why: faults.join('\n') });
  return raw;
}
