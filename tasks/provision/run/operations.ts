import { ExpectedError } from '../../lib/errors.js';
import { sha256 } from '../../lib/digest.js';
import type { Change, Plan } from '../types.js';
import type { BootPlan } from '../boot/types.js';

/** One line of a run's index. */
export interface Operation {
  kind: 'file' | 'link' | 'absent' | 'initramfs' | 'modules';
  path: string;
  /** Permission bits. */
  mode: number;
  before: string;
  after: string;
  /** hook: on the disk before anything else is touched. */
  phase: 'hook' | 'apply' | 'confirm';
  content?: string | { source: string; sha256: string; size: number };
  /** initramfs: the program, and the release it is made for. modules: the release. */
  tool?: string;
  release?: string;
}

/** Changes whose files take an unfinished run back: written first, removed last. */
export const HOOK_PART = 'boot hook';
/** Changes of the boot menu: when everything they name is there. */
export const MENU_PART = 'boot menu';

/** Control characters end or split a line of the index. */
function checkName(name: string, what: string): void {
  if (/[\x00-\x1f\x7f\\]/.test(name) || name === '') {
    throw new ExpectedError({
      code: 'usage',
      what: `A ${what} that cannot be provisioned: ${JSON.stringify(name)}`,
      why: 'It holds a control character or a backslash.',
      fix: 'Rename the file in the artifact or in gateway.yaml.',
    });
  }
}

function checkPath(path: string): void {
  checkName(path, 'path');
  if (!path.startsWith('/') || path.endsWith('/') || path.split('/').slice(1).some((part) => part === '' || part === '.' || part === '..')) {
    throw new ExpectedError({ code: 'usage', what: `A path that cannot be provisioned: ${JSON.stringify(path)}`, why: 'It is not absolute and plain.' });
  }
}

function fromChange(change: Change): Operation[] {
  const { path, kind, before, after, content, mode = 0o644, to, trial } = change;
  checkPath(path);
  if (before.startsWith('link ')) checkName(before, 'link');
  if (kind === 'absent') return [{ kind, path, mode: 0, before, after: 'absent', phase: 'apply' }];
  if (kind === 'link') {
    checkName(to ?? '', 'link');
    return [{ kind, path, mode: 0, before, after: `link ${to ?? ''}`, phase: 'apply' }];
  }
  if (trial === undefined) return [{ kind, path, mode, before, after, content, phase: 'apply' }];
  const meanwhile = sha256(trial);
  return [
    { kind, path, mode, before, after: meanwhile, content: trial, phase: 'apply' },
    { kind, path, mode, before: meanwhile, after, content, phase: 'confirm' },
  ];
}

/** True when the plan changes something that an initial file system holds. */
function changesKernel(plan: Plan): boolean {
  const { kernel } = plan;
  return kernel !== undefined && plan.changes.some(({ path }) => path === kernel.image || path.startsWith(`/lib/modules/${kernel.release}/`));
}

/** Kernels whose modules change: depmod will write their indexes anew, at the next start of the gateway or by anybody's hand. */
function changedModules(plan: Plan): Operation[] {
  const releases = new Set(plan.changes.flatMap(({ path }) => /^\/lib\/modules\/([^/]+)\//.exec(path)?.[1] ?? []));
  return [...releases].map((release) => ({ kind: 'modules', path: `/lib/modules/${release}`, mode: 0, before: 'kept', after: 'kept', phase: 'apply', release }));
}

/** The operations of a plan in the order in which they are carried out. */
export function operationsOf(plan: Plan, boot?: BootPlan): Operation[] {
  const rank = ({ part }: Change): number => (part === HOOK_PART ? 0 : part === MENU_PART ? 2 : 1);
  const ordered = [...plan.changes].sort((a, b) => rank(a) - rank(b));
  const hook = ordered.filter((change) => rank(change) === 0).flatMap(fromChange).map((operation): Operation => ({ ...operation, phase: 'hook' }));
  const before = ordered.filter((change) => rank(change) === 1).flatMap(fromChange);
  const menu = ordered.filter((change) => rank(change) === 2).flatMap(fromChange);
  const { initramfs } = boot ?? {};
  const made: Operation[] =
    initramfs && (changesKernel(plan) || initramfs.before === 'absent')
      ? [{ kind: 'initramfs', path: initramfs.path, mode: 0o600, before: initramfs.before, after: 'made', phase: 'apply', tool: initramfs.tool, release: initramfs.release }]
      : [];
  // The indexes are kept before the modules change, and given back when the modules are gone again.
  const all = [...changedModules(plan), ...before, ...made, ...menu];
  return [...hook, ...all.filter(({ phase }) => phase === 'apply'), ...all.filter(({ phase }) => phase === 'confirm')];
}
