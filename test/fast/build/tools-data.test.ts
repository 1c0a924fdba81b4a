import { readdir } from 'node:fs/promises';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadFlavours } from '../../../tasks/lib/flavours/catalog.js';
import { isElf } from '../../../tasks/build/tools/elf.js';
import { loadLibrary, loadRecipe, loadToolSet, toolSetNames } from '../../../tasks/build/tools/load.js';
import { fetchFirst, tarballOf } from '../../../tasks/lib/fetch/alternatives.js';
import { sha256File } from '../../../tasks/lib/digest.js';
import { ExpectedError } from '../../../tasks/lib/errors.js';
import { patchesDir } from '../../../tasks/lib/paths.js';
import type { Fetched, SourceSpec } from '../../../tasks/lib/sources.js';

const tools = join(patchesDir, 'tools');

async function stems(folder: string): Promise<string[]> {
  return (await readdir(join(tools, folder))).filter((name) => name.endsWith('.yaml')).map((name) => name.replace(/\.yaml$/, ''));
}

describe('the data files of the tools stage', () => {
  it('has a tool set for every flavour that names one', async () => {
    const known = await toolSetNames();
    for (const { name, tools: set } of await loadFlavours()) if (set !== undefined) expect(known, name).toContain(set);
  });

  it('has a recipe for every tool and a library for every recipe', async () => {
    for (const name of await toolSetNames()) {
      const set = await loadToolSet(name);
      expect(set.name).toBe(name);
      for (const tool of set.tools) {
        const recipe = await loadRecipe(tool.recipe);
        expect(recipe.name).toBe(tool.recipe);
        if (recipe.sources.length === 0) expect(set.source, `${name}: ${tool.recipe} has no source`).toBeDefined();
        for (const library of recipe.libraries) await loadLibrary(library);
      }
      // ipvsadm 1.26 links keepalived's libipvs.a.
      const order = set.tools.map(({ recipe }) => recipe);
      if (order.includes('ipvsadm-1.26')) expect(order.indexOf('keepalived-1.2.2')).toBeLessThan(order.indexOf('ipvsadm-1.26'));
      if (order.includes('keepalived-1.2.2')) expect(set.header).toBeDefined();
    }
  });

  it('requires LVS support of keepalived', async () => {
    expect((await loadRecipe('keepalived-1.2.2')).configure?.require).toContain('Use IPVS Framework : Yes');
  });

  it('pins every patch by its digest', async () => {
    const steps = [...(await Promise.all((await stems('recipes')).map((name) => loadRecipe(name)))), ...(await Promise.all((await stems('libraries')).map((name) => loadLibrary(name))))];
    for (const { patches } of steps) for (const { file, sha256 } of patches) expect(await sha256File(join(patchesDir, file)), file).toBe(sha256);
  });

  it('stages no program without checking it, and no live configuration of keepalived', async () => {
    for (const name of await stems('recipes')) {
      const { install } = await loadRecipe(name);
      expect(install.some((entry) => 'elf' in entry && entry.elf), name).toBe(true);
      expect(install.map((entry) => ('from' in entry ? entry.to : entry.link))).not.toContain('/etc/keepalived/keepalived.conf');
    }
  });

  it('holds no compiled file', async () => {
    for (const entry of await readdir(tools, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect(await isElf(join(entry.parentPath, entry.name)), entry.name).toBe(false);
    }
  });

  it('suggests the nearest name for one that does not exist', async () => {
    await expect(loadToolSet('dsnat-297')).rejects.toMatchObject({ code: 'usage', fix: expect.stringContaining('dsnat-279') as string });
    await expect(loadToolSet('../tools/stock')).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('sources of libraries', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tools-sources-'));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  const apt: SourceSpec = { kind: 'apt', package: 'popt', source: true };
  const file: SourceSpec = { kind: 'file', name: 'popt-1.19.tar.gz', urls: ['https://example.org/popt-1.19.tar.gz'] };
  const fetched = (kind: Fetched['kind'], path: string): Fetched => ({ name: 'popt', kind, path, digest: '', from: '', trust: { how: 'apt' } });

  it('goes on to the next source when there is no apt or no network', async () => {
    const tried: string[] = [];
    const got = await fetchFirst('popt', [apt, file], (source) => {
      tried.push(source.kind);
      return source.kind === 'apt' ? Promise.reject(new ExpectedError({ code: 'environment', what: 'no apt' })) : Promise.resolve(fetched('file', 'x'));
    });
    expect(tried).toEqual(['apt', 'file']);
    expect(got.kind).toBe('file');
  });

  it('tells all reasons when none can be had, and does not look past a file that was tampered with', async () => {
    const failing = (code: 'offline' | 'trust') => (source: SourceSpec) => Promise.reject(new ExpectedError({ code, what: `${source.kind} failed` }));
    await expect(fetchFirst('popt', [apt, file], failing('offline'))).rejects.toMatchObject({ code: 'offline', why: 'apt failed\nfile failed' });
    await expect(fetchFirst('popt', [apt, file], failing('trust'))).rejects.toMatchObject({ code: 'trust', what: 'apt failed' });
  });

  it("takes a source package's upstream archive, not the distribution's", async () => {
    const path = join(folder, 'popt');
    await mkdir(path);
    for (const name of ['popt_1.19+dfsg-1.debian.tar.xz', 'popt_1.19+dfsg-1.dsc', 'popt_1.19+dfsg.orig.tar.xz']) await writeFile(join(path, name), name);
    expect((await tarballOf(fetched('apt', path))).path).toBe(join(path, 'popt_1.19+dfsg.orig.tar.xz'));
    await rm(join(path, 'popt_1.19+dfsg.orig.tar.xz'));
    await expect(tarballOf(fetched('apt', path))).rejects.toMatchObject({ code: 'unpack' });
  });
});
