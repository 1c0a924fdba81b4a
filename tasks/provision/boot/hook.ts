import { HOOK_PART } from '../run/operations.js';
import { ENGINE, ENGINE_FOLDER } from '../run/engine.js';
import type { HostFacts, Resource } from '../types.js';

/**
 * What takes an unfinished or unconfirmed run back by itself: the engine, early at every boot, and its timer. Written
 * before everything else of a run, removed after everything else.
 */

const WHY = 'takes a change back that nobody confirmed';

const BOOT_UNIT = `# From build-kernel. Takes back a change that was cut off or not confirmed, before anything of it is used.
[Unit]
Description=Take back an unconfirmed gateway change
DefaultDependencies=no
RequiresMountsFor=${ENGINE_FOLDER} /boot /etc /lib/modules
After=local-fs.target systemd-remount-fs.service
Before=sysinit.target systemd-modules-load.service systemd-sysctl.service network-pre.target
ConditionPathExists=${ENGINE_FOLDER}/pending

[Service]
Type=oneshot
RemainAfterExit=yes
TimeoutStartSec=600
ExecStart=/bin/sh ${ENGINE} boot
`;

// No Conflicts=shutdown.target: it must outlive the reboot that it asks for, in case that hangs.
const GUARD_UNIT = `# From build-kernel. Takes a change back when it is not confirmed in time.
[Unit]
Description=Wait for a gateway change to be confirmed
DefaultDependencies=no
After=build-kernel-boot.service
ConditionPathExists=${ENGINE_FOLDER}/pending

[Service]
Type=simple
ExecStart=/bin/sh ${ENGINE} guard
`;

const INIT_SCRIPT = `#!/bin/sh
# build-kernel-boot  Takes back a gateway change that was cut off or not confirmed, before anything of it is used.
### BEGIN INIT INFO
# Provides:          build-kernel-boot
# Required-Start:    $local_fs
# Required-Stop:
# Default-Start:     2 3 4 5
# Default-Stop:
# Short-Description: Take back an unconfirmed gateway change
### END INIT INFO
case "$1" in
  start) [ ! -L ${ENGINE_FOLDER}/pending ] || /bin/sh ${ENGINE} boot ;;
esac
exit 0
`;

/** Files and links of the boot hook on a host. */
export function hookResources(facts: Pick<HostFacts, 'init' | 'rcFolder'>): Resource[] {
  const part = HOOK_PART;
  const why = WHY;
  if (facts.init === 'systemd') {
    const folder = '/etc/systemd/system';
    return [
      { kind: 'file', path: `${folder}/build-kernel-boot.service`, content: BOOT_UNIT, mode: 0o644, part, why },
      { kind: 'file', path: `${folder}/build-kernel-confirm.service`, content: GUARD_UNIT, mode: 0o644, part, why },
      { kind: 'link', path: `${folder}/sysinit.target.wants/build-kernel-boot.service`, to: '../build-kernel-boot.service', part, why },
      { kind: 'link', path: `${folder}/sysinit.target.wants/build-kernel-confirm.service`, to: '../build-kernel-confirm.service', part, why },
    ];
  }
  return [
    { kind: 'file', path: `${facts.rcFolder}/init.d/build-kernel-boot`, content: INIT_SCRIPT, mode: 0o755, part, why },
    ...['2', '3', '4', '5'].map((level): Resource => ({ kind: 'link', path: `${facts.rcFolder}/rc${level}.d/S00build-kernel-boot`, to: '../init.d/build-kernel-boot', part, why })),
  ];
}
