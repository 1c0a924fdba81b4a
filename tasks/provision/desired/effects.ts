import { SBIN } from './context.js';
import { quote, settingPath } from './words.js';

/** Probes: shell fragments that look and change nothing. sh, coreutils and ip; others where an effect says so. */

/** ssh gives a command a short PATH. */
const PATH = `PATH=${SBIN}:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin`;

export const probe = {
  setting: (name: string): string => `set -- $(cat ${quote(`/proc/sys/${settingPath(name)}`)} 2>/dev/null); echo "$*"`,
  module: (name: string): string => `if [ -d ${quote(`/sys/module/${name}`)} ]; then echo loaded; else echo "not loaded"; fi`,
  address: (address: string, device: string): string =>
    `case "$(ip -o addr show dev ${quote(device)} 2>&1)" in *${quote(` ${address}/`)}*) echo present;; *) echo absent;; esac`,
  route: (family: string, destination: string, via: string, device: string): string =>
    `if [ -n "$(ip ${family} route show ${quote(destination)} via ${quote(via)} dev ${quote(device)} 2>/dev/null)" ]; then echo present; else echo absent; fi`,
  mtu: (device: string): string => `cat ${quote(`/sys/class/net/${device}/mtu`)} 2>&1`,
  offload: (device: string, name: string): string => `${PATH} ethtool -k ${quote(device)} 2>/dev/null | while read -r name value rest; do if [ "$name" = ${quote(`${name}:`)} ]; then echo "$value"; fi; done`,
  /** Entries of a ring; with `max` that word, when they are all it can have. From the two tables of ethtool -g. */
  ring: (device: string, way: 'rx' | 'tx', max: boolean): string =>
    `${PATH} ethtool -g ${quote(device)} 2>/dev/null | { table= most= now=; while read -r first second _; do case "$first $second" in Pre-set*) table=most ;; Current*) table=now ;; ${quote(`${way.toUpperCase()}: `)}*) if [ "$table" = most ]; then most=$second; else now=$second; fi ;; esac; done; ${max ? 'if [ -n "$now" ] && [ "$now" = "$most" ]; then now=max; fi; ' : ''}echo "$now"; }`,
  /** A program by its name in /proc/PID/stat: 2.6.32 has no comm, and on a slow host no program is started for each process. */
  process: (name: string): string => `found=stopped; for file in /proc/[0-9]*/stat; do if read -r _ name _ <"$file" && [ "$name" = ${quote(`(${name})`)} ]; then found=running; break; fi; done 2>/dev/null; echo "$found"`,
  file: (path: string): string => `cat ${quote(path)} 2>/dev/null || echo "no ${path}"`,
  /** A command of ours on the host, with its words. */
  run: (...words: string[]): string => `${PATH} ${words.map(quote).join(' ')} 2>&1`,
};

export { PATH as PROBE_PATH };
