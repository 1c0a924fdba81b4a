import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, statfs, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { ExpectedError, fromSystem } from '../errors.js';
import { withoutCredentials } from './context.js';
import { readJson, remove, writeAtomic } from '../files.js';

/**
 * A download in progress: NAME.part holds the bytes, NAME.part.json what they are of. Both survive a kill at any
 * moment; the digest is computed while bytes come in, and over the bytes in hand when a download is taken up again.
 */

const metaSchema = z.object({
  /** Where the bytes came from. */
  url: z.string(),
  /** Strong ETag. */
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  /** Bytes of the whole file. */
  total: z.number().optional(),
});
export type PartMeta = z.output<typeof metaSchema>;

/**
 * Refuses a download that cannot fit.
 * @param bytes still to come
 * @throws ExpectedError space
 */
export async function requireSpace(path: string, bytes: number): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(dirname(path));
  // Some network and container file systems report nothing at all.
  if (blocks === 0 || bavail * bsize >= bytes) return;
  const mib = (count: number): string => `${String(Math.ceil(count / 1024 ** 2))} MiB`;
  throw new ExpectedError({
    code: 'space',
    what: `No space left in ${dirname(path)}: ${mib(bytes)} are needed, ${mib(bavail * bsize)} are free.`,
    fix: 'Free some space (build-kernel cache --prune) or name another folder with --cache; then run the same command again: it goes on where it stopped.',
  });
}

export class PartFile {
  readonly path: string;
  meta: PartMeta | undefined;
  size = 0;
  /** True when bytes of an earlier download are part of this one. */
  resumed = false;
  private hash: Hash = createHash('sha256');
  private handle: FileHandle;

  private constructor(path: string, handle: FileHandle) {
    this.path = path;
    this.handle = handle;
  }

  /** Opens the part, hashing what is there. */
  static async open(path: string): Promise<PartFile> {
    await mkdir(dirname(path), { recursive: true });
    const handle = await open(path, 'a+');
    const part = new PartFile(path, handle);
    const meta = metaSchema.safeParse(await readJson(`${path}.json`));
    if (!meta.success) {
      await handle.truncate(0);
      return part;
    }
    part.meta = meta.data;
    for await (const chunk of createReadStream(path)) {
      const bytes = chunk as Buffer;
      part.hash.update(bytes);
      part.size += bytes.length;
    }
    part.resumed = part.size > 0;
    return part;
  }

  /** True when the bytes in hand came from this URL. */
  isFrom(url: string): boolean {
    return this.meta?.url === withoutCredentials(url);
  }

  /** Forgets all bytes and starts with another description. */
  async restart(meta: PartMeta): Promise<void> {
    await this.handle.truncate(0);
    this.size = 0;
    this.resumed = false;
    this.hash = createHash('sha256');
    await this.describe(meta);
  }

  /** Records what the bytes are of, before more of them are written. */
  async describe(meta: PartMeta): Promise<void> {
    this.meta = { ...meta, url: withoutCredentials(meta.url) };
    try {
      await writeAtomic(`${this.path}.json`, JSON.stringify(this.meta));
    } catch (error) {
      throw fromSystem(error, `writing ${this.path}`);
    }
  }

  /** @throws ExpectedError space; what was written before stays for the next run */
  async write(chunk: Buffer): Promise<void> {
    try {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await this.handle.write(chunk, at);
        this.hash.update(chunk.subarray(at, at + bytesWritten));
        this.size += bytesWritten;
        at += bytesWritten;
      }
    } catch (error) {
      throw fromSystem(error, `writing ${this.path} (${String(this.size)} bytes so far)`);
    }
  }

  /** SHA-256 of the bytes in hand. */
  digest(): string {
    return this.hash.copy().digest('hex');
  }

  /** Makes the bytes durable. */
  async sync(): Promise<void> {
    try {
      await this.handle.sync();
    } catch (error) {
      throw fromSystem(error, `writing ${this.path}`);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  /** Removes bytes and description. */
  static async discard(path: string): Promise<void> {
    await remove(path);
    await remove(`${path}.json`);
  }
}
