import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { carryOut, takeBack, writeBundle } from '../../../../tasks/provision/run/index.js';
import { changes, input, plan } from '../engine/support.js';
import type { Target } from '../../../../tasks/provision/types.js';

/** A host that says these states one after the other, and answers so often after a reboot. */
function host(id: string, states: string[], ups: boolean[]): Target {
  return {
    name: 'gw1',
    kind: 'ssh',
    root: '',
    sh: (script) => Promise.resolve({ exitCode: 0, stderr: '', stdout: script.includes(' status') ? `run ${id} ${states.length > 1 ? (states.shift() ?? '') : (states[0] ?? '')}` : '' }),
    put: () => Promise.resolve(),
    get: () => Promise.resolve(undefined),
    waitUp: () => Promise.resolve(ups.shift() ?? false),
    close: () => Promise.resolve(),
  };
}

const made = writeBundle(input({ plan: plan(changes(), true) }), join(mkdtempSync(join(tmpdir(), 'bk-arrive-')), 'b'));

it('waits on when what answers is the boot before the trial', async () => {
  const bundle = await made;
  expect(await carryOut(host(bundle.id, ['applied', 'trial', 'tried'], [true, true]), bundle, { bootSeconds: 60 })).toBe('tried');
});

it.each([
  ['reverted', [true], 'did not come up'],
  ['trial', [true, false], 'did not answer'],
])('says what became of it: %s', async (state, ups, what) => {
  const bundle = await made;
  await expect(carryOut(host(bundle.id, ['applied', state], ups), bundle, { bootSeconds: 60 })).rejects.toMatchObject({ what: expect.stringContaining(what) as string });
});

it('boots a host again only out of a run that it was booted into', async () => {
  expect(await takeBack(host('r', ['reverted'], []), 'r', true)).toBe(false);
  for (const state of ['tried', 'confirmed', 'reverting']) expect(await takeBack(host('r', [state], []), 'r', true)).toBe(true);
  // Cut off before its reboot: the kernel that runs is the one from before.
  for (const state of ['applying', 'applied', 'trial']) expect(await takeBack(host('r', [state], []), 'r', true)).toBe(false);
});
