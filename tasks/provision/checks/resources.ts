import { sha256 } from '../../lib/digest.js';
import { shellQuote } from '../../lib/exec.js';
import type { FileResource, Resource, Target } from '../types.js';
import { blockOf, firstDifference } from './content.js';
import { ask, type Answer } from './frames.js';
import type { CheckResult, CheckStatus } from './types.js';

/** Text files up to this size come back whole, so that a report can say which line differs; of others only the digest. */
const WHOLE = 96 * 1024;

/**
 * The first line says what a path is (`file MODE UID`, `link`, `folder`, `other`, `absent`), the rest is the content, its
 * digest or where the link leads.
 */
const LOOK = (root: string): string => `root=${root === '' ? "''" : shellQuote([root])}
look() {
  path=$root$1
  if [ -h "$path" ]; then echo link; readlink "$path"
  elif [ -f "$path" ]; then
    echo "file $(stat -c '%a %u' "$path")"
    if [ "$2" = whole ] && [ "$(head -c ${String(WHOLE + 1)} "$path" | wc -c)" -le ${String(WHOLE)} ]; then echo whole; cat "$path"
    else echo digest; sha256sum < "$path"; fi
  elif [ -d "$path" ]; then echo folder
  elif [ -e "$path" ]; then echo other
  else
    # What stands in a folder that may not be entered is not absent.
    up=$path
    while [ ! -e "$up" ] && [ "$up" != / ] && [ -n "$up" ]; do up=\${up%/*}; [ -n "$up" ] || up=/; done
    if [ -d "$up" ] && [ ! -x "$up" ]; then echo "may not enter $up" >&2; exit 1; fi
    echo absent
  fi
}`;

interface Seen {
  kind: 'file' | 'link' | 'folder' | 'other' | 'absent';
  mode?: number;
  uid?: number;
  /** Content, when it came whole. */
  text?: string;
  sha256?: string;
  to?: string;
}

/**
 * Compares files, blocks, links and absences with what the host has, all in one round trip.
 * @param onTrial the run is not confirmed yet: a file may still have its text for the trial
 */
export async function checkResources(target: Target, resources: readonly Resource[], onTrial = false): Promise<CheckResult[]> {
  const answers = await ask(
    target,
    resources.map((resource) => ({ script: `look ${shellQuote([resource.path])} ${wantsWhole(resource) ? 'whole' : 'digest'}`, most: WHOLE + 4096 })),
    { prelude: LOOK(target.root), limit: 120 },
  );
  return resources.map((resource, index) => judge(onTrial ? asOnTrial(resource, answers[index]) : resource, answers[index], target.root === ''));
}

/** The resource as the trial has it, when that is what is there. */
function asOnTrial(resource: Resource, answer: Answer | undefined): Resource {
  if (resource.kind !== 'file' || resource.trial === undefined) return resource;
  return (answer && readSeen(answer))?.sha256 === sha256(resource.trial) ? { ...resource, content: resource.trial } : resource;
}

function wantsWhole(resource: Resource): boolean {
  return resource.kind === 'block' || (resource.kind === 'file' && typeof resource.content === 'string' && resource.secret !== true);
}

function judge(resource: Resource, answer: Answer | undefined, ownerCounts: boolean): CheckResult {
  const seen = answer && readSeen(answer);
  if (!seen) return result(resource, 'error', '', answer?.timedOut === true ? 'no end in time' : answer?.stderr.trim() || 'it could not be read');
  const differences = compare(resource, seen, ownerCounts);
  return differences.length === 0 ? result(resource, 'pass', inWords(seen)) : result(resource, 'fail', differences.join('; '));
}

function readSeen({ status, stdout, stderr }: Answer): Seen | undefined {
  const [head = '', ...rest] = stdout.split('\n');
  const [kind, mode, uid] = head.split(' ');
  switch (kind) {
    case 'absent':
    case 'folder':
    case 'other':
      return { kind };
    case 'link':
      return { kind, to: rest.join('\n').replace(/\n$/, '') };
    case 'file': {
      if (status !== 0 || mode === undefined || stderr.trim() !== '') return undefined;
      const body = rest.slice(1).join('\n');
      const content = rest[0] === 'whole' ? { text: body, sha256: sha256(body) } : { sha256: body.slice(0, 64) };
      return { kind, mode: Number.parseInt(mode, 8), uid: Number(uid), ...content };
    }
    default:
      return undefined;
  }
}

function compare(resource: Resource, seen: Seen, ownerCounts: boolean): string[] {
  if (resource.kind === 'absent') return seen.kind === 'absent' ? [] : [`it is there: ${inWords(seen)}`];
  if (resource.kind === 'link') return seen.kind === 'link' && seen.to === resource.to ? [] : [inWords(seen)];
  if (seen.kind !== 'file') return [inWords(seen)];
  if (resource.kind === 'block') return compareBlock(resource.name, resource.content, seen);
  const differences = compareContent(resource, seen);
  if (seen.mode !== resource.mode) differences.push(`mode ${octal(seen.mode)}`);
  if (ownerCounts && seen.uid !== 0) differences.push(`owner ${String(seen.uid)}`);
  return differences;
}

function compareBlock(name: string, content: string, seen: Seen): string[] {
  if (seen.text === undefined) return ['the file is too large to be looked at'];
  const blocks = blockOf(seen.text, name);
  if (blocks.length === 0) return ['the block is missing'];
  if (blocks.length > 1) return [`the block is there ${String(blocks.length)} times`];
  const difference = firstDifference(blocks[0] ?? '', content.trimEnd());
  return difference === undefined ? [] : [`in the block, ${difference}`];
}

function compareContent(resource: FileResource, seen: Seen): string[] {
  const { content, secret } = resource;
  if (seen.sha256 === (typeof content === 'string' ? sha256(content) : content.sha256)) return [];
  if (secret === true) return ['the content differs (it is secret and not shown)'];
  if (typeof content === 'string' && seen.text !== undefined) return [firstDifference(seen.text, content) ?? 'the content differs in white space at the end'];
  return [`other content, sha256 ${(seen.sha256 ?? '').slice(0, 12)}…`];
}

function octal(mode = 0): string {
  return mode.toString(8).padStart(4, '0');
}

function inWords(seen: Seen): string {
  switch (seen.kind) {
    case 'file':
      return `a file, mode ${octal(seen.mode)}`;
    case 'link':
      return `a link to ${seen.to ?? ''}`;
    case 'folder':
      return 'a folder';
    case 'other':
      return 'neither a file nor a folder';
    case 'absent':
      return 'missing';
  }
}

function result(resource: Resource, status: CheckStatus, seen: string, reason?: string): CheckResult {
  const id = resource.kind === 'block' ? `block ${resource.name} in ${resource.path}` : `${resource.kind} ${resource.path}`;
  return { id, part: resource.part, kind: 'resource', claim: resource.why, status, expected: expected(resource), seen, ...(reason === undefined ? {} : { reason }) };
}

function expected(resource: Resource): string {
  switch (resource.kind) {
    case 'file':
      return `a file as planned, mode ${octal(resource.mode)}`;
    case 'block':
      return `the block ${resource.name} as planned`;
    case 'link':
      return `a link to ${resource.to}`;
    case 'absent':
      return 'not there';
  }
}
