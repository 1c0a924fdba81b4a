import { posix } from 'node:path';
import { sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import type { BlockResource, Change, Resource, Target } from '../types.js';
import { spliceBlock } from './block.js';
import { readState, stateWord, type PathState } from './state.js';

/** What must change on a host so that it has every resource. */

/** Files larger than this are shown by their size only. */
const SHOWN = 256 * 1024;

/**
 * Compares resources with the host. Reads files, changes none.
 * @returns one change for each path that is not as it must be, in the order of the resources
 * @throws ExpectedError preflight for a path that is a folder, a damaged block, two resources that contradict each other
 */
export async function findChanges(target: Target, resources: readonly Resource[]): Promise<Change[]> {
  const states = await readState(target, [...new Set(resources.map(({ path }) => path))]);
  const placed = await followBlocks(target, resources, states);
  const byPath = new Map<string, Resource[]>();
  for (const resource of placed) byPath.set(resource.path, [...(byPath.get(resource.path) ?? []), resource]);

  const changes: Change[] = [];
  for (const [path, group] of byPath) {
    const state = states.get(path) ?? { kind: 'absent' };
    if (state.kind === 'folder' || state.kind === 'other') {
      throw new ExpectedError({
        code: 'preflight',
        what: `${path} on ${target.name} is ${state.kind === 'folder' ? 'a folder' : 'neither a file nor a link'}.`,
        why: `It must be ${group[0]?.kind === 'absent' ? 'absent' : `a ${group[0]?.kind ?? 'file'}`}: ${group[0]?.why ?? ''}`,
        fix: 'Move it away by hand, after a look at what it is.',
      });
    }
    const change = await changeOf(target, group, state);
    if (change) changes.push(change);
  }
  return changes;
}

/** A block goes into the file that a link leads to: EL6's /etc/rc.local is one. */
async function followBlocks(target: Target, resources: readonly Resource[], states: Map<string, PathState>): Promise<Resource[]> {
  const placed: Resource[] = [];
  for (const resource of resources) {
    let { path } = resource;
    for (let hops = 0; resource.kind === 'block' && hops < 8; hops += 1) {
      const state = states.get(path);
      if (state?.kind !== 'link') break;
      path = posix.resolve(posix.dirname(path), state.to);
      if (!states.has(path)) for (const [at, found] of await readState(target, [path])) states.set(at, found);
    }
    placed.push(path === resource.path ? resource : { ...resource, path });
  }
  return placed;
}

async function changeOf(target: Target, group: readonly Resource[], state: PathState): Promise<Change | undefined> {
  const [first] = group;
  if (!first) return undefined;
  const base = { path: first.path, part: first.part, why: [...new Set(group.map(({ why }) => why))].join('; '), before: stateWord(state) };
  const action = state.kind === 'absent' ? 'create' : 'change';
  const blocks = group.filter((resource): resource is BlockResource => resource.kind === 'block');
  if (group.length > 1 && blocks.length !== group.length) {
    throw new ExpectedError({ code: 'usage', what: `Two things are wanted of ${first.path}: ${group.map(({ kind, why }) => `${kind} (${why})`).join(', ')}.`, fix: 'This is a contradiction in what the flavour and gateway.yaml ask for; please report it.' });
  }
  switch (first.kind) {
    case 'absent':
      if (state.kind === 'absent') return undefined;
      return { ...base, kind: 'absent', action: 'remove', after: 'absent', ...(await textBefore(target, first.path, state)) };
    case 'link':
      if (state.kind === 'link' && state.to === first.to) return undefined;
      return { ...base, kind: 'link', action, to: first.to, after: `link ${first.to}` };
    case 'file': {
      const after = typeof first.content === 'string' ? sha256(first.content) : first.content.sha256;
      // In an image's root folder the files are whoever's it is.
      if (state.kind === 'file' && state.sha256 === after && state.mode === first.mode && (state.uid === 0 || target.root !== '')) return undefined;
      const was = first.secret || typeof first.content !== 'string' ? {} : await textBefore(target, first.path, state);
      return { ...base, kind: 'file', action, mode: first.mode, content: first.content, after, ...was, ...(first.secret ? { secret: true } : {}), ...(first.trial === undefined ? {} : { trial: first.trial }) };
    }
    case 'block':
      return blockChange(target, blocks, state, { ...base, action });
  }
}

async function blockChange(target: Target, blocks: readonly BlockResource[], state: PathState, base: Pick<Change, 'path' | 'part' | 'why' | 'before' | 'action'>): Promise<Change | undefined> {
  const bytes = state.kind === 'file' ? await target.get(base.path) : undefined;
  const before = bytes?.toString('utf8');
  if (bytes && before !== undefined && !Buffer.from(before, 'utf8').equals(bytes)) {
    throw new ExpectedError({ code: 'preflight', what: `${base.path} on ${target.name} is not text in UTF-8.`, fix: 'Convert it (iconv -t UTF-8), so that a block can be put into it.' });
  }
  let text = before;
  for (const block of blocks) text = spliceBlock(text, block);
  if (text === undefined || text === before) return undefined;
  const mode = state.kind === 'file' ? state.mode : (blocks[0]?.create.mode ?? 0o644);
  // The file that was read is the one that the change is for, whatever happened since the digests were taken.
  return { ...base, kind: 'file', mode, content: text, before: bytes ? sha256(bytes) : base.before, after: sha256(text), ...(before === undefined ? {} : { was: before }) };
}

async function textBefore(target: Target, path: string, state: PathState): Promise<{ was?: string }> {
  if (state.kind !== 'file' || state.size > SHOWN) return {};
  const bytes = await target.get(path);
  return bytes && !bytes.includes(0) ? { was: bytes.toString('utf8') } : {};
}
