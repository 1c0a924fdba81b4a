import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileLibrary } from './support/compiled.js';
import { hex, sample, scratch } from './support/context.js';
import { FaultServer } from './support/httpserver.js';

/** Several processes on one cache, and processes that die. */

let program: string;
let server: FaultServer;
beforeAll(async () => {
  const folder = scratch();
  const library = compileLibrary(folder);
  program = join(folder, 'fetch.js');
  writeFileSync(
    program,
    `import { fetchSource } from ${JSON.stringify(library)};
     const [cacheDir, spec] = process.argv.slice(2);
     const ctx = { cacheDir, lockFile: cacheDir + '/lock.json', offline: false, mirrors: [], allowUnsigned: false, allowSha1: false, patience: { backoffMs: 10, stallSeconds: 20 } };
     fetchSource(JSON.parse(spec), ctx).then((fetched) => console.log(JSON.stringify(fetched)), (error) => { console.error(error); process.exit(1); });`,
  );
  server = await FaultServer.start();
});

function start(cacheDir: string, url: string, sha256: string): ChildProcess {
  return spawn(process.execPath, [program, cacheDir, JSON.stringify({ kind: 'file', name: 'big', urls: [url], sha256 })], { stdio: ['ignore', 'pipe', 'inherit'] });
}

function ended(child: ChildProcess): Promise<{ code: number | null; stdout: string }> {
  let stdout = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stdout })));
}

describe('processes', () => {
  it('two that want the same file download it once', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/shared', { body, slow: 30 });
    const cacheDir = scratch();
    const [first, second] = await Promise.all([ended(start(cacheDir, url, sha256)), ended(start(cacheDir, url, sha256))]);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(JSON.parse(first.stdout)).toEqual(JSON.parse(second.stdout));
    expect(server.requests('/shared')).toHaveLength(1);
  });

  it('one that is killed in the middle is followed by one that goes on from there', async () => {
    const { body, sha256 } = sample();
    const url = server.on('/killed', { body, headers: { etag: '"v"' }, stallAfter: 600_000 }, { body, headers: { etag: '"v"' } });
    const cacheDir = scratch();
    const child = start(cacheDir, url, sha256);
    const partial = join(cacheDir, 'downloads', 'partial');
    const received = (): number => {
      try {
        const name = readdirSync(partial).find((each) => each.endsWith('.part'));
        return name === undefined ? 0 : readFileSync(join(partial, name)).length;
      } catch {
        return 0;
      }
    };
    while (received() < 600_000) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill('SIGKILL');
    await ended(child);
    const { code, stdout } = await ended(start(cacheDir, url, sha256));
    expect(code).toBe(0);
    expect(hex(readFileSync((JSON.parse(stdout) as { path: string }).path))).toBe(sha256);
    expect(server.requests('/killed')[1]?.headers.range).toBe('bytes=600000-');
    expect(readdirSync(partial)).toEqual([]);
  });
});
