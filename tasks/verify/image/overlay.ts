import { appendFile, chmod, copyFile, mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../lib/exec.js';
import type { StageLog } from '../../lib/log.js';

/**
 * The agent on top of an appliance, without changing a byte of it: the kernel unpacks one archive after the other, and
 * rdinit= names the overlay's first process, which starts the appliance's own.
 */

/** On the gateway the appliance boots as it is, the agent beside it; elsewhere the agent is all that runs. */
const INIT = `#!/bin/sh
# The shell opens it for what runs in the background, and nothing has made it yet.
[ -e /dev/null ] || mknod /dev/null c 1 3
mount -t proc proc /proc
read -r line </proc/cmdline
case " $line " in
  *' bk.role=gateway '*)
    umount /proc
    (
      tries=0
      while [ ! -e /run/appliance-started ] && [ "$tries" -lt 900 ]; do
        usleep 100000
        tries=$((tries + 1))
      done
      exec /bin/traffic agent
    ) &
    exec /init
    ;;
esac
/etc/rc.d/rc.sysinit
exec /bin/traffic
`;

export const OVERLAY_APPEND = 'rdinit=/bk-init';
export const OVERLAY_GATEWAY = 'bk.role=gateway';

/** @returns path of appliance and overlay in one file */
export async function overlayInitramfs(initramfs: string, traffic: string, scratch: string, log?: StageLog): Promise<string> {
  const root = join(scratch, 'overlay');
  await mkdir(join(root, 'bin'), { recursive: true });
  await copyFile(traffic, join(root, 'bin/traffic'));
  await chmod(join(root, 'bin/traffic'), 0o755);
  await writeFile(join(root, 'bk-init'), INIT, { mode: 0o755 });
  const archive = join(scratch, 'overlay.cpio');
  await run(['cpio', '--quiet', '-o', '-H', 'newc', '-R', '0:0', '-F', archive], { cwd: root, input: 'bin\nbin/traffic\nbk-init\n', log });
  const both = join(scratch, 'with-agent.img');
  await copyFile(initramfs, both);
  // The next archive begins at a multiple of four.
  await appendFile(both, Buffer.alloc((4 - ((await stat(both)).size % 4)) % 4));
  await run(['sh', '-c', 'cat "$1" >>"$2"', 'sh', archive, both], { log });
  return both;
}
