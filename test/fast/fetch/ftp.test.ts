import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { fetchSource } from '../../../tasks/lib/fetch/index.js';
import type { FileSource } from '../../../tasks/lib/sources.js';
import { context, failure, hex, sample, scratch, STALLS } from './support/context.js';
import { startVsftpd, vsftpdMissing, type Vsftpd } from './support/vsftpd.js';

const name = 'kernel-2.6.32-279.el6.src.rpm';
const spec = (urls: string[], sha256?: string): FileSource => ({ kind: 'file', name, urls, sha256 });

describe.skipIf(vsftpdMissing !== undefined)(`ftp, from a real vsftpd${vsftpdMissing === undefined ? '' : ` (left out: ${vsftpdMissing})`}`, () => {
  const { body, sha256 } = sample();
  let server: Vsftpd;
  beforeAll(async () => {
    const folder = scratch();
    const root = join(folder, 'root');
    mkdirSync(join(root, 'pub'), { recursive: true });
    writeFileSync(join(root, 'pub', name), body);
    server = await startVsftpd(root, folder);
  });

  it('downloads as anonymous', async () => {
    const url = `${server.origin}/pub/${name}`;
    expect(await fetchSource(spec([url], sha256), context())).toMatchObject({ digest: sha256, from: url, trust: { how: 'pinned-sha256' } });
  });

  it.each([
    ['broke', 'SIGKILL'],
    ['stalled', 'SIGSTOP'],
  ] as const)('goes on with REST after the session %s', async (_how, signal) => {
    let broken = false;
    const ctx = context({
      patience: STALLS,
      progress: ({ received }) => {
        if (received === 0 || broken) return;
        broken = true;
        server.configure([]);
        server.signalSessions(signal);
      },
    });
    // So slow that the session is met in the middle of the file.
    server.configure(['anon_max_rate=200000']);
    const before = server.log().length;
    const fetched = await fetchSource(spec([`${server.origin}/pub/${name}`]), ctx);
    expect(broken).toBe(true);
    expect(hex(readFileSync(fetched.path))).toBe(sha256);
    expect(server.log().slice(before)).toMatch(/FTP command: .*"REST [1-9]\d+"/);
  });

  it('goes to the next place when the file or the server is not there', async () => {
    const good = `${server.origin}/pub/${name}`;
    const fetched = await fetchSource(spec([`${server.origin}/pub/none.rpm`, 'ftp://127.0.0.1:1/x', good], sha256), context());
    expect(fetched.from).toBe(good);
    expect((await failure(fetchSource(spec([`${server.origin}/pub/none.rpm`]), context()))).why).toContain('550');
  });
});
