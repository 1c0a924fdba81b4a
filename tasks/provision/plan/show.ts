import { structuredPatch } from 'diff';
import type { Change, Plan } from '../types.js';

/** A plan as people read it before they say yes. */

/** Files of a part below one folder that are shown as one line. */
const TREE = 4;
/** Lines of a file that is new and long; --json has all. */
const NEW_LINES = 60;

const SIGN = { create: '+', change: '~', remove: '-' } as const;

export function showPlan(plan: Plan): string {
  const out: string[] = [];
  if (plan.warnings.length > 0) out.push(...plan.warnings.map((warning) => `warning: ${warning}`), '');
  for (const part of [...new Set(plan.changes.map((change) => change.part))]) {
    out.push(part, ...showPart(plan.changes.filter((change) => change.part === part)), '');
  }
  if (plan.drift.length > 0) {
    out.push('to be brought into effect');
    for (const { effect, seen } of plan.drift) out.push(`  ${effect.claim}${seen === '' ? '' : ` (seen: ${seen.split('\n')[0] ?? ''})`}`);
    out.push('');
  }
  const services = serviceLines(plan.changes);
  if (services.length > 0) out.push('at boot', ...services.map((line) => `  ${line}`), '');
  if (plan.kernel) {
    const { kernel } = plan;
    const what = kernel.kind === 'modules' ? `replacement modules for ${kernel.release}` : `${kernel.release}, with a boot entry of its own`;
    out.push(`kernel    ${what}${kernel.running ? ', running now' : ''}${kernel.append === '' ? '' : `; command line: ${kernel.append}`}`);
  }
  out.push(`reboot    ${plan.reboot ? 'yes, once for a trial; it becomes the default only when it is confirmed' : 'no'}`);
  if (plan.hang !== undefined) out.push(`hang      when the new kernel hangs, ${plan.hang}`);
  if (plan.changes.length > 0 || plan.reboot) for (const line of plan.interrupts) out.push(`interrupts ${line}`);
  out.push(`${plural(plan.changes.length, 'change')} on ${plan.host}; plan ${plan.id}`);
  return out.join('\n');
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}

function showPart(changes: readonly Change[]): string[] {
  const trees = new Map<string, Change[]>();
  for (const change of changes) {
    if (typeof change.content !== 'object') continue;
    const tree = change.path.split('/').slice(0, 4).join('/');
    trees.set(tree, [...(trees.get(tree) ?? []), change]);
  }
  const out: string[] = [];
  const shown = new Set<string>();
  for (const change of changes) {
    const tree = change.path.split('/').slice(0, 4).join('/');
    const members = typeof change.content === 'object' ? (trees.get(tree) ?? []) : [];
    if (members.length < TREE) {
      out.push(...showChange(change));
    } else if (!shown.has(tree)) {
      shown.add(tree);
      out.push(`  ${treeSign(members)} ${tree}/: ${plural(members.length, members.every(({ path }) => /\.ko(\.\w+)?$/.test(path)) ? 'module' : 'file')}, ${size(members.reduce((sum, member) => sum + sizeOf(member), 0))}    ${members[0]?.why ?? ''}`);
    }
  }
  return out;
}

function treeSign(members: readonly Change[]): string {
  return members.every(({ action }) => action === 'create') ? '+' : '~';
}

function sizeOf(change: Change): number {
  return typeof change.content === 'object' ? change.content.size : Buffer.byteLength(change.content ?? '');
}

/** Bytes as people say them. */
function size(bytes: number): string {
  if (bytes < 1000) return `${String(bytes)} B`;
  return bytes < 1_000_000 ? `${String(Math.round(bytes / 1000))} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function showChange(change: Change): string[] {
  const head = `  ${SIGN[change.action]} ${change.path}`;
  switch (change.kind) {
    case 'absent':
      return [`${head}: removed    ${change.why}`];
    case 'link':
      return [`${head} -> ${change.to ?? ''}${change.before.startsWith('link ') ? ` (was ${change.before.slice(5)})` : ''}    ${change.why}`];
    case 'file':
      return [`${head} (${(change.mode ?? 0).toString(8).padStart(4, '0')}, ${size(sizeOf(change))}${change.secret ? ', secret: not shown' : ''})    ${change.why}`, ...diffOf(change).map((line) => `      ${line}`)];
  }
}

/**
 * The unified diff of a change's text, without its two lines of file names.
 * @returns no lines for what is secret, binary or large; `whole` shows a new long file to its end
 */
export function diffOf(change: Change, whole = false): string[] {
  if (change.secret || typeof change.content !== 'string' || (change.was === undefined && change.action !== 'create')) return [];
  if (change.action === 'create') {
    if (change.content === '') return [];
    const lines = change.content.replace(/\n$/, '').split('\n').map((line) => `+${line}`);
    return whole || lines.length <= NEW_LINES + 10 ? lines : [...lines.slice(0, NEW_LINES), `… ${plural(lines.length - NEW_LINES, 'more line')} (--json shows all)`];
  }
  if (change.was === change.content) return ['(only mode or owner change)'];
  return structuredPatch(change.path, change.path, change.was ?? '', change.content, undefined, undefined, { context: 3 }).hunks.flatMap((hunk) => [
    `@@ -${String(hunk.oldStart)},${String(hunk.oldLines)} +${String(hunk.newStart)},${String(hunk.newLines)} @@`,
    ...hunk.lines,
  ]);
}

/** What the enabling links of units and init scripts mean. */
function serviceLines(changes: readonly Change[]): string[] {
  const lines = new Set<string>();
  for (const { path, kind } of changes) {
    const unit = /\/systemd\/system\/[^/]+\.(?:wants|requires)\/([^/]+)$/.exec(path)?.[1];
    const script = /\/rc[0-6]\.d\/([SK])\d\d([^/]+)$/.exec(path);
    if (unit !== undefined) lines.add(`${kind === 'absent' ? 'not started at boot any more' : 'started at boot'}: ${unit}`);
    else if (script?.[1] === 'K' && kind !== 'absent') lines.add(`stopped at shutdown: ${script[2] ?? ''}`);
    else if (script) lines.add(`${script[1] === 'S' && kind !== 'absent' ? 'started at boot' : 'not started at boot any more'}: ${script[2] ?? ''}`);
  }
  return [...lines];
}

/** A plan as --json has it: digests in place of large contents, nothing of what is secret. */
export function planDocument(plan: Plan): Record<string, unknown> {
  return {
    host: plan.host,
    id: plan.id,
    reboot: plan.reboot,
    kernel: plan.kernel === undefined ? undefined : { release: plan.kernel.release, kind: plan.kernel.kind, running: plan.kernel.running, append: plan.kernel.append },
    changes: plan.changes.map((change) => ({
      path: change.path,
      kind: change.kind,
      action: change.action,
      part: change.part,
      why: change.why,
      mode: change.mode === undefined ? undefined : change.mode.toString(8).padStart(4, '0'),
      to: change.to,
      before: change.before,
      after: change.after,
      secret: change.secret,
      size: change.kind === 'file' ? sizeOf(change) : undefined,
      diff: diffOf(change, true).join('\n') || undefined,
    })),
    services: serviceLines(plan.changes),
    drift: plan.drift.map(({ effect, seen }) => ({ id: effect.id, claim: effect.claim, seen })),
    hang: plan.hang,
    interrupts: plan.interrupts,
    warnings: plan.warnings,
  };
}
