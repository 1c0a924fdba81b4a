import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Host, HOME, input, scratchFolder } from './support.js';

/** A file system that is full at some point of apply: refused before, or taken back whole. */

const scratch = scratchFolder();
afterAll(scratch.remove);
const namespaces = spawnSync('unshare', ['-rm', 'true']).status === 0;

/** In a mount namespace of its own: $1 the prepared root, $2 place, $3 KiB, $4 run, $5 programs in front. Prints statuses and whether all is as it was. */
const SCRIPT = `
mount -t tmpfs -o size="$3"k tmpfs "$2" || exit 9
cp -a "$1/." "$2" || exit 8
list() { (cd "$2" && find . -path ./${HOME} -prune -o -printf '%y %m %p %l\\n' && find . -path ./${HOME} -prune -o -type f -print0 | xargs -0 sha256sum) | sort; }
list "$@" >"$5/before"
export ROOT="$2" SYNC=true WHO=test
PATH="$5:$PATH" sh "$2/${HOME}/engine" apply "$4" >"$5/said" 2>&1; applied=$?
state=$(cat "$2/${HOME}/runs/$4/state")
PATH="$5:$PATH" sh "$2/${HOME}/engine" revert "$4" >>"$5/said" 2>&1; reverted=$?
list "$@" >"$5/after"
same=no; cmp -s "$5/before" "$5/after" && same=yes
echo "$applied $state $reverted $same"
`;

describe.skipIf(!namespaces)('a full disk', () => {
  async function at(kib: number, lyingDf: boolean): Promise<{ applied: number; state: string; reverted: number; same: boolean }> {
    const host = new Host(scratch.path, { name: 'dash', argv: ['/usr/bin/dash'] });
    const id = await host.stage(input());
    const front = join(scratch.path, `front-${String(Math.random())}`);
    const place = join(front, 'place');
    mkdirSync(place, { recursive: true });
    if (lyingDf) {
      writeFileSync(join(front, 'df'), '#!/bin/sh\necho x\necho "x 9999999 1 9999999 1% /"\n');
      chmodSync(join(front, 'df'), 0o755);
    }
    const { stdout, stderr } = spawnSync('unshare', ['-rm', 'sh', '-c', SCRIPT, 'sh', host.root, place, String(kib), id, front], { encoding: 'utf8' });
    const [applied, state = '', reverted, same] = stdout.trim().split(' ');
    expect(stderr).toBe('');
    return { applied: Number(applied), state, reverted: Number(reverted), same: same === 'yes' };
  }

  it('is seen before anything is changed', async () => {
    expect(await at(600, false)).toEqual({ applied: 78, state: 'staged', reverted: 0, same: true });
    expect(await at(4000, false)).toEqual({ applied: 0, state: 'applied', reverted: 0, same: true });
  });

  it('in the middle of apply: everything is taken back', async () => {
    const states = new Set<string>();
    let ended = 0;
    for (let kib = 172; kib < 400 && ended < 2; kib += 12) {
      const found = await at(kib, true).catch(() => undefined);
      // Too small for the root itself.
      if (!found || found.state === '') continue;
      expect({ kib, ...found }).toMatchObject({ kib, reverted: 0, same: true });
      states.add(`${found.state} ${String(found.applied)}`);
      if (found.applied === 0) ended += 1;
    }
    expect([...states]).toContain('applied 0');
    expect([...states].filter((state) => state.startsWith('applying')).length).toBeGreaterThan(0);
  });
});
