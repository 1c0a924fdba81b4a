import { ENGINE_FOLDER } from '../run/index.js';
import type { Target } from '../types.js';

/** What a run on a host did, from its own files. */

export interface Journal {
  id: string;
  /** The host has to boot when it is taken back. */
  reboot: boolean;
  /** Minutes until it is taken back when nobody confirms it. */
  minutes: number;
  changes: readonly { path: string; kind: string; before: string; after: string }[];
}

export async function readJournal(target: Target, id: string): Promise<Journal | undefined> {
  // One after the other: of two sessions at once over one connection dropbear loses a reply now and then (5 of 60).
  const index = await target.get(`${ENGINE_FOLDER}/runs/${id}/index`);
  const boot = await target.get(`${ENGINE_FOLDER}/runs/${id}/boot`);
  if (!index || !boot) return undefined;
  const settings = new Map(boot.toString('utf8').split('\n').map((line) => line.split(' ') as [string, string]));
  const lines = index.toString('utf8').split('\n').filter((line) => line !== '').map((line) => line.split('\t'));
  return {
    id,
    reboot: settings.get('reboot') === 'yes',
    minutes: Number(settings.get('minutes') ?? 0),
    changes: lines.filter((fields) => fields[9] === 'apply').map(([, kind = '', path = '', , before = '', after = '']) => ({ path, kind, before, after })),
  };
}

/** What taking a run back does, for people: every path, and what it will be again. */
export function showWayBack({ id, reboot, changes }: Journal, host: string): string {
  const lines = [...changes].reverse().map(({ path, before }) => {
    if (before === 'absent') return `  - ${path}`;
    return before.startsWith('link ') ? `  ~ ${path} -> ${before.slice(5)} again` : `  ~ ${path} as it was`;
  });
  const trees = new Map<string, number>();
  const shown = lines.filter((line) => {
    const tree = /^ {2}- (\/lib\/modules\/[^/]+)\//.exec(line)?.[1];
    if (tree === undefined) return true;
    trees.set(tree, (trees.get(tree) ?? 0) + 1);
    return false;
  });
  return [
    ...shown,
    ...[...trees].map(([tree, count]) => `  - ${tree}/: ${String(count)} file${count === 1 ? '' : 's'}`),
    '',
    `reboot    ${reboot ? 'yes, out of the kernel or modules that are taken back' : 'no'}`,
    `${String(changes.length)} change${changes.length === 1 ? '' : 's'} of run ${id} on ${host} will be taken back`,
  ].join('\n');
}
