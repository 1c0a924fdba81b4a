import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { flavourNames, loadBase, loadCompat, loadFlavours, loadPublished, loadRecipe } from '../../../tasks/lib/flavours/catalog.js';
import { chooseCompat } from '../../../tasks/build/compile/compiler.js';
import { parseConfig } from '../../../tasks/build/configure/symbols.js';
import { loadToolSet } from '../../../tasks/build/tools/load.js';
import type { Flavour } from '../../../tasks/lib/flavours/schema.js';
import { patchesDir } from '../../../tasks/lib/paths.js';
import { cli, scratch } from '../../support/cli.js';
import { sha256Of } from '../../support/shape-flavour.js';

/** The data files that ship: all valid, and every file and name they mention exists. */

const folder = scratch('list');
let flavours: Flavour[];
beforeAll(async () => {
  flavours = await loadFlavours();
});
const bytes = (path: string): Buffer => readFileSync(join(patchesDir, path));

describe('the shipped data', () => {
  it('has the published flavours', async () => {
    expect(await flavourNames()).toEqual(
      expect.arrayContaining([
        'dsnat-220', 'dsnat-279', 'lvs-snat-279', 'nat-snat-279', 'fullnat-v2', 'fullnat-tarball', 'lvs-snat-v2',
        'lvs-snat-v2-first', 'lvs-snat-v2-tree', 'fullnat-v3-rps', 'iptables-snat', 'chroute', 'toa',
      ]),
    );
  });

  it('names only bases, tool sets, fragments and conflicts that exist', async () => {
    const names = await flavourNames();
    for (const flavour of flavours) {
      if (flavour.base) await loadBase(flavour.base);
      if (flavour.tools) await loadToolSet(flavour.tools);
      for (const fragment of flavour.config) expect(parseConfig(bytes(fragment).toString(), fragment).size).toBeGreaterThan(0);
      for (const other of Object.keys(flavour.conflicts)) expect(names).toContain(other);
      for (const patch of flavour.patches) expect([patch.git, patch.file, patch.url].filter(Boolean)).toHaveLength(1);
      if (flavour.kind === 'flavour') expect(flavour.base, flavour.name).toBeDefined();
    }
  });

  it('names only published recipes that exist, and each of them is named', async () => {
    const named = new Set(flavours.flatMap(({ published }) => published));
    for (const name of named) expect((await loadPublished(name)).name).toBe(name);
    const there = readdirSync(join(patchesDir, 'published')).map((file) => file.replace(/\.yaml$/, ''));
    expect([...named].sort()).toEqual(there.sort());
  });

  it('pins every compat patch by its digest, and each says GPL-2.0-only', async () => {
    for (const { steps } of [await loadCompat('el6')]) {
      for (const { file, sha256 } of steps.flatMap(({ patches }) => patches)) {
        expect(sha256Of(bytes(file)), file).toBe(sha256);
        expect(bytes(file).toString()).toContain('SPDX-License-Identifier: GPL-2.0-only');
      }
    }
  });

  it('leaves no compat patch out of its series', async () => {
    const listed = (await loadCompat('el6')).steps.flatMap(({ patches }) => patches.map(({ file }) => file));
    const there = readdirSync(join(patchesDir, 'compat/el6')).map((name) => `compat/el6/${name}`);
    expect(listed.sort()).toEqual(there.sort());
  });

  it('gives gcc 4 none of what later compilers need', async () => {
    const compat = await loadCompat('el6');
    const choose = (version: string): ReturnType<typeof chooseCompat> => chooseCompat(compat, { command: 'gcc', version, banner: '' }, 'rhel-220', 'dsnat-220');
    expect(choose('4.4.7').cc).toEqual([]);
    expect(choose('4.4.7').patches.map(({ file }) => file)).not.toContain('compat/el6/compiler-gcc.patch');
    expect(choose('12.2.0').cc).toContain('-std=gnu89');
    expect(choose('12.2.0').patches.map(({ file }) => file)).toContain('compat/el6/compiler-gcc.patch');
  });
});

describe('a recipe', () => {
  it('takes an add-on, and refuses alternatives with the reason', async () => {
    expect((await loadRecipe('dsnat-220', ['chroute'])).addons).toHaveLength(1);
    await expect(loadRecipe('distro-snat', ['chroute'])).rejects.toMatchObject({ code: 'usage', what: expect.stringContaining('does not fit distro-snat') as unknown });
    await expect(loadRecipe('dsnat-279', ['lvs-snat-279'])).rejects.toMatchObject({ code: 'usage', why: expect.stringContaining('23 IPVS files') as unknown });
    await expect(loadRecipe('toa')).rejects.toMatchObject({ code: 'usage', why: expect.stringContaining('malformed') as unknown });
    await expect(loadRecipe('chroute')).rejects.toMatchObject({ code: 'usage', fix: expect.stringContaining('--with chroute') as unknown });
    await expect(loadRecipe('dsnat-22')).rejects.toMatchObject({ fix: expect.stringContaining('Did you mean dsnat-220?') as unknown });
  });
});

describe('list', () => {
  it('--json is one object with flavours', async () => {
    const { json, status } = await cli(['list', '--json'], { cwd: folder });
    expect(status).toBe(0);
    const listed = (json as { flavours: { name: string; summary: string; base: string; patches: Record<string, unknown>[] }[] }).flavours;
    for (const { name, summary, base, patches } of listed) {
      expect([name, summary, base].every((text) => text.length > 0)).toBe(true);
      for (const patch of patches) {
        expect(patch).toMatchObject({ source: expect.any(String) as unknown, path: expect.any(String) as unknown, strip: expect.any(Number) as unknown, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as unknown });
      }
    }
    expect(listed.find(({ name }) => name === 'dsnat-220')?.patches).toMatchObject([{ commit: '6dd1678e0f16a8d29da9f7ec5d47077fa2f54514' }]);
  });
});
