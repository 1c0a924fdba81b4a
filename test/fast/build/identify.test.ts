import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blobId, gitId } from '../../../tasks/build/gitid.js';
import { checkBase, describeIdentity, identify, loadIdentities, type IdentityEntry } from '../../../tasks/build/identify.js';
import { baseSchema, type Base } from '../../../tasks/lib/flavours/schema.js';
import { tempDir, writeTree, type Files } from './support/patch-tree.js';

const TREE: Files = { 'net/a.c': 'a\n', 'net.c': 'n\n', 'net-x/y.c': 'y\n', 'net/ipvs/b.c': 'b\n', 'net/link': '->a.c', 'net/run': 'r\n', 'net/\u00e9.c': 'e\n', 'mm/m.c': 'm\n' };

function tree(changes: Files = {}): string {
  const root = writeTree(tempDir(), { ...TREE, ...changes });
  chmodSync(join(root, 'net/run'), 0o755);
  mkdirSync(join(root, 'net/empty'));
  return root;
}

const base = (more: Partial<Base> = {}): Base => ({
  ...baseSchema.parse({ name: 'rhel-220', summary: 's', source: { kind: 'file', name: 'k.src.rpm', urls: ['https://example.org/k'] }, layout: 'srpm', release: '220', config: {} }),
  ...more,
});

describe('git ids from files', () => {
  it('are those that git gives', async () => {
    const root = tree();
    const git = (...args: string[]): string => execFileSync('git', ['-C', root, '-c', 'core.autocrlf=false', '-c', 'core.fileMode=true', ...args], { encoding: 'utf8' }).trim();
    git('init', '-q');
    git('add', '-A');
    const id = git('write-tree');
    expect(await gitId(root)).toBe(id);
    expect(await gitId(join(root, 'net'))).toBe(git('rev-parse', `${id}:net`));
    expect(await gitId(join(root, 'mm/m.c'))).toBe(git('rev-parse', `${id}:mm/m.c`));
    expect(await gitId(join(root, 'none'))).toBeUndefined();
    expect(blobId(Buffer.from(''))).toBe('e69de29bb2d1d6434b8b29ae775ad8c2e48c5391');
  });
});

describe('identify', () => {
  const known = async (root: string): Promise<IdentityEntry[]> => [
    { version: '220', trees: { net: (await gitId(join(root, 'net'), { plainModes: true }))!, mm: (await gitId(join(root, 'mm')))!, 'net.c': blobId(Buffer.from('n\n')) } },
    { version: '279', trees: { net: '1'.repeat(40), mm: (await gitId(join(root, 'mm')))!, 'net.c': '2'.repeat(40) } },
  ];

  it('names the version whatever the modes are and whatever a build left', async () => {
    const entries = await known(tree());
    const root = tree({ 'net/a.o': 'o', 'net/.a.o.cmd': 'c' });
    chmodSync(join(root, 'net/a.c'), 0o755);
    expect(await identify(root, '.', entries)).toMatchObject({ version: '220', versions: ['220'] });
  });

  it('names the nearest version when none is met', async () => {
    const entries = await known(tree());
    const identity = await identify(tree({ 'net.c': 'changed\n' }), '.', entries);
    expect(identity).toMatchObject({ versions: [], nearest: { versions: ['220'], equal: 2, total: 3, differ: ['net.c'] } });
    expect(describeIdentity(identity)).toContain('nearest to 220 (2 of 3 folders are equal; differing: net.c)');
    expect(describeIdentity(await identify(tempDir(), '.', entries))).toBeUndefined();
  });

  it('stops a wrong base by name, and lets the right one with changes pass with a warning', async () => {
    const entries = await known(tree());
    const warnings: string[] = [];
    const check = (root: string, more: Partial<Base>): Promise<string | undefined> => checkBase(base(more), root, 'dsnat-220', (text) => warnings.push(text), entries);
    expect(await check(tree(), { identity: '220' })).toBe('220');
    await expect(check(tree(), { identity: '279' })).rejects.toMatchObject({ code: 'base', exitStatus: 6, what: 'This is 220, dsnat-220 needs 279.', fix: expect.stringContaining('k.src.rpm') as string });
    expect(warnings).toEqual([]);
    expect(await check(tree({ 'net.c': 'changed\n' }), { identity: '220' })).toContain('nearest to 220');
    expect(warnings).toEqual(['The source is not exactly 220: net.c differs (2 of 3 folders are equal).']);
  });

  it('holds a base to its proof', async () => {
    const id = (await gitId(join(tree(), 'net')))!;
    expect(await checkBase(base({ proof: { net: id } }), tree(), undefined, undefined, [])).toBeUndefined();
    await expect(checkBase(base({ proof: { net: id } }), tree({ 'net/a.c': 'x\n' }), 'dsnat-220', undefined, [])).rejects.toMatchObject({ code: 'base', why: expect.stringContaining(`not ${id}`) as string });
    const gone = tree();
    rmSync(join(gone, 'net'), { recursive: true });
    await expect(checkBase(base({ proof: { net: id } }), gone, 'dsnat-220', undefined, [])).rejects.toMatchObject({ why: 'net is missing' });
  });
});

describe('the published identities', () => {
  it('tell all versions apart, but for those that are the same source', async () => {
    const entries = await loadIdentities();
    const groups = new Map<string, string[]>();
    for (const { version, trees } of entries) {
      const key = JSON.stringify(Object.entries(trees).sort());
      groups.set(key, [...(groups.get(key) ?? []), version]);
    }
    expect([...groups.values()].filter((versions) => versions.length > 1)).toEqual([['2.6.32-71.el6', '2.6.32-71.7.1.el6'], ['lvs-v1', 'lvs-v3']]);
    expect(entries.length).toBe(56);
    expect(new Set(entries.map(({ trees }) => Object.keys(trees).join())).size).toBe(1);
  });
});
