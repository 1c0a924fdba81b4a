import type { Change } from '../types.js';
import type { Finding, PreflightInput } from './types.js';

/** Whether there is room, and may be written, where files go. */

/** KiB that an initial file system may take: dracut's with all drivers. */
const INITRAMFS_KIB = 40 * 1024;

function kib(change: Change): number {
  const bytes = typeof change.content === 'object' ? change.content.size : Buffer.byteLength(change.content ?? '');
  // Whole blocks, as file systems give them.
  return Math.ceil(bytes / 4096) * 4;
}

function mb(value: number): string {
  return `${String(Math.ceil(value / 1024))} MiB`;
}

export function checkSpace({ facts, changes, kernel }: PreflightInput): Finding[] {
  const files = changes.filter(({ kind }) => kind === 'file');
  if (files.length === 0) return [];
  const all = files.reduce((sum, change) => sum + kib(change), 0);
  const below = (folder: string): Change[] => files.filter(({ path }) => path.startsWith(`${folder}/`));
  const boot = below('/boot').reduce((sum, change) => sum + kib(change), 0);
  const needs: Record<string, number> = {
    '/boot': boot + (kernel?.kind === 'kernel' && boot > 0 && !facts.offline ? INITRAMFS_KIB : 0),
    '/lib/modules': below('/lib/modules').reduce((sum, change) => sum + kib(change), 0),
    // The bundle as it arrives, and copies of what is replaced.
    '/var/lib': all + files.filter(({ action }) => action === 'change').reduce((sum, change) => sum + kib(change), 0),
  };
  const findings: Finding[] = [];
  // Folders with the same figure are on one file system, as far as can be told: what they need adds up.
  const groups = new Map<number, string[]>();
  for (const [folder, free] of Object.entries(facts.freeKib)) groups.set(free, [...(groups.get(free) ?? []), folder]);
  for (const [free, folders] of groups) {
    const need = folders.reduce((sum, folder) => sum + (needs[folder] ?? 0), 0);
    if (need === 0 || need + 1024 <= free) continue;
    findings.push({ level: 'error', id: `space ${folders.join(' ')}`, what: `${folders.join(', ')} on the host: ${mb(free)} are free, ${mb(need + 1024)} are needed.`, fix: 'Free some space there: old kernels, logs, package caches.' });
  }
  for (const folder of facts.readOnly ?? []) {
    if ((needs[folder] ?? 0) === 0) continue;
    findings.push({ level: 'error', id: `read-only ${folder}`, what: `${folder} is on a file system that is mounted read-only.`, fix: `Mount it for writing (mount -o remount,rw ${folder === '/boot' ? '/boot' : '/'}), after a look at why it is not: a disk with errors is mounted so.` });
  }
  return findings;
}
