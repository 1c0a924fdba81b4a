import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import type { Plan } from '../types.js';
import type { BootPlan } from '../boot/types.js';
import { operationsOf, type Operation } from './operations.js';

/** A plan as the engine reads it: index, payload in parts, scripts. */

const BLOCK = 4096;
/** A part is closed when it has this many bytes: what a cut connection has to send again. */
const PART_SIZE = 8 * 1024 * 1024;

export interface BundleInput {
  plan: Plan;
  /** What the boot loader is told; undefined: no entry of its own. */
  boot?: BootPlan;
  activate: string;
  deactivate: string;
  restored: string;
  /** Minutes until an unconfirmed run is taken back. */
  confirmMinutes: number;
}

export interface Bundle {
  /** Name of its run on the host: the plan's. */
  id: string;
  /** Folder on this machine with the files, mode 0700. */
  folder: string;
  files: readonly { name: string; sha256: string; size: number }[];
  operations: readonly Operation[];
  reboot: boolean;
}

interface Placed {
  part: number;
  block: number;
  length: number;
}

/** Contents one after the other, each from a block's start; a new part after PART_SIZE bytes. */
class Payload {
  private part = -1;
  private size = 0;
  private handle: FileHandle | undefined;
  private hash = createHash('sha256');
  readonly files: { name: string; sha256: string; size: number }[] = [];
  private readonly placed = new Map<string, Placed>();

  constructor(private readonly folder: string) {}

  private async write(data: Buffer): Promise<void> {
    await this.handle?.writeFile(data);
    this.hash.update(data);
    this.size += data.length;
  }

  async close(): Promise<void> {
    if (!this.handle) return;
    await this.handle.close();
    this.files.push({ name: `payload.${String(this.part)}`, sha256: this.hash.digest('hex'), size: this.size });
    this.handle = undefined;
  }

  private async room(): Promise<void> {
    if (this.handle && this.size < PART_SIZE) return;
    await this.close();
    this.part += 1;
    this.size = 0;
    this.hash = createHash('sha256');
    this.handle = await open(join(this.folder, `payload.${String(this.part)}`), 'wx', 0o600);
  }

  /** @throws ExpectedError trust when a file's bytes are not those the plan was made with */
  async add(operation: Operation): Promise<Placed> {
    const { content = '', after, path } = operation;
    const known = this.placed.get(after);
    if (known) return known;
    await this.room();
    const block = this.size / BLOCK;
    const start = this.size;
    const hash = createHash('sha256');
    const chunks: AsyncIterable<Buffer> | Buffer[] = typeof content === 'string' ? [Buffer.from(content)] : (createReadStream(content.source) as AsyncIterable<Buffer>);
    for await (const chunk of chunks) {
      hash.update(chunk);
      await this.write(chunk);
    }
    if (hash.digest('hex') !== after) {
      throw new ExpectedError({
        code: 'trust',
        what: `The content of ${path} is not the plan's.`,
        why: typeof content === 'string' ? undefined : `${content.source} was changed since the plan was made.`,
        fix: 'Run the same command again: it makes a new plan.',
      });
    }
    const length = this.size - start;
    await this.write(Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK));
    const placed = { part: this.part, block, length };
    this.placed.set(after, placed);
    return placed;
  }
}

function bootFile({ plan, boot, confirmMinutes }: BundleInput): string {
  // Without a reboot the boot loader is not told anything, whatever kernel runs.
  const { entry, token } = plan.reboot && boot ? boot : { entry: undefined, token: undefined };
  const lines: [string, string][] = [
    ['method', entry?.method ?? 'none'],
    ['reboot', plan.reboot ? 'yes' : 'no'],
    ['minutes', String(confirmMinutes)],
  ];
  if (token !== undefined) lines.push(['token', token]);
  if (entry && boot?.watchdog) lines.push(['watchdog', boot.watchdog]);
  if (entry) lines.push(['environment', entry.environment], ['trial', entry.trial], ['stock', String(entry.stock)]);
  return lines.map(([key, value]) => `${key} ${value}\n`).join('');
}

/**
 * Writes a plan's bundle.
 * @param folder made here; must not be there
 * @throws ExpectedError usage for names the engine cannot carry, trust when a file changed since the plan was made
 */
export async function writeBundle(input: BundleInput, folder: string): Promise<Bundle> {
  await mkdir(folder, { mode: 0o700 });
  const operations = operationsOf(input.plan, input.boot);
  const payload = new Payload(folder);
  const lines: string[] = [];
  try {
    for (const [at, operation] of operations.entries()) {
      const { kind, path, mode, before, after, phase, tool, release } = operation;
      const place = kind === 'file' ? await payload.add(operation) : undefined;
      const fields = [at + 1, kind, path, mode.toString(8), before, after, place?.part ?? tool ?? 0, place?.block ?? release ?? 0, place?.length ?? 0, phase];
      lines.push(`${fields.join('\t')}\n`);
    }
  } finally {
    await payload.close();
  }
  const texts: Record<string, string> = {
    index: lines.join(''),
    undo: [...lines].reverse().join(''),
    boot: bootFile(input),
    activate: input.activate,
    deactivate: input.deactivate,
    restored: input.restored,
  };
  const files = [...payload.files];
  for (const [name, text] of Object.entries(texts)) {
    await writeFile(join(folder, name), text, { mode: 0o600, flag: 'wx' });
    files.push({ name, sha256: sha256(text), size: Buffer.byteLength(text) });
  }
  // Names that sha256sum -c reads on the host, before anything is changed there.
  const parts = files.map(({ name, sha256: digest }) => `${digest}  ${name}\n`).join('');
  await writeFile(join(folder, 'parts'), parts, { mode: 0o600, flag: 'wx' });
  files.push({ name: 'parts', sha256: sha256(parts), size: Buffer.byteLength(parts) });
  return { id: input.plan.id, folder, files, operations, reboot: input.plan.reboot };
}
