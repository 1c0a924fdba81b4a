import { describe, expect, it, vi } from 'vitest';
import { execa } from 'execa';
import { PassThrough } from 'node:stream';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { tmpdir } from 'node:os';
import ts from 'typescript';
import { ExpectedError } from '../../../../tasks/lib/errors.js';
import { chooseLook, isCI } from '../../../../tasks/lib/ui/choose.js';
import { PlainLines } from '../../../../tasks/lib/ui/plain.js';
import { runStages } from '../../../../tasks/lib/ui/stages.js';

function sink(): { stream: NodeJS.WriteStream; text: () => string } {
  const stream = new PassThrough();
  let text = '';
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { stream: Object.assign(stream, { isTTY: false }) as unknown as NodeJS.WriteStream, text: () => text };
}

describe('the choice of the look', () => {
  const tty = { isTTY: true };
  it('redraws only on a terminal of a person', () => {
    expect(chooseLook({ stderr: tty, env: { TERM: 'xterm' } })).toBe('terminal');
    expect(chooseLook({ stderr: { isTTY: false }, env: {} })).toBe('plain');
    expect(chooseLook({ stderr: tty, env: { CI: 'true' } })).toBe('plain');
    expect(chooseLook({ stderr: tty, env: { TERM: 'dumb' } })).toBe('plain');
    expect(chooseLook({ stderr: { isTTY: true, columns: 0 }, env: {} })).toBe('plain');
    expect(chooseLook({ stderr: { isTTY: true, columns: 80, rows: 0 }, env: {} })).toBe('plain');
    expect(chooseLook({ stderr: { isTTY: true, columns: 100 }, env: {} })).toBe('terminal');
    expect(chooseLook({ stderr: tty, env: {}, verbose: true })).toBe('plain');
    expect(chooseLook({ stderr: tty, env: {}, interactive: true })).toBe('plain');
    expect(chooseLook({ stderr: tty, env: {}, json: true })).toBe('silent');
  });
  it('knows a CI that says no', () => {
    expect([isCI({ CI: 'false' }), isCI({ CI: '0' }), isCI({ CI: '' }), isCI({}), isCI({ CI: '1' })]).toEqual([false, false, false, false, true]);
  });
});

describe('plain lines', () => {
  it('lets one progress line in ten seconds through, the first at once', () => {
    let now = Date.UTC(2026, 10, 30, 12);
    const written: string[] = [];
    const lines = new PlainLines({ write: (text) => written.push(text) }, undefined, () => now);
    for (const second of [0, 1, 9, 10, 11, 25]) {
      now = Date.UTC(2026, 10, 30, 12) + second * 1000;
      lines.progress('Compile', `${String(second)} objects`);
    }
    expect(written).toEqual([
      '2026-11-30T12:00:00Z Compile: 0 objects\n',
      '2026-11-30T12:00:10Z Compile: 10 objects\n',
      '2026-11-30T12:00:25Z Compile: 25 objects\n',
    ]);
  });
  it('says what was held back when its time has come, also when nothing follows, unless the stage has ended', () => {
    vi.useFakeTimers();
    try {
      const written: string[] = [];
      const lines = new PlainLines({ write: (text) => written.push(text.replace(/^\S+ /, '').trimEnd()) });
      lines.progress('Guests', 'fetching');
      lines.progress('Guests', 'unpacking');
      lines.progress('Guests', 'building, takes minutes');
      lines.progress('Other', 'first');
      lines.progress('Other', 'second');
      lines.done('Other');
      vi.advanceTimersByTime(60_000);
      expect(written).toEqual(['Guests: fetching', 'Other: first', 'Guests: building, takes minutes']);
    } finally {
      vi.useRealTimers();
    }
  });
  it('stamps every line and drops control sequences', () => {
    const written: string[] = [];
    new PlainLines({ write: (text) => written.push(text) }, 0, () => 0).event('A', '\u001B[31mone\u001B[0m\r\n\ntwo\n');
    expect(written).toEqual(['1970-01-01T00:00:00Z A: one\n', '1970-01-01T00:00:00Z A: two\n']);
  });
});

describe('runStages', () => {
  it('shows start, notes, skips and times in a pipe, on standard error only', async () => {
    const err = sink();
    const out = sink();
    const results = await runStages(
      [
        { title: 'Fetch', run: async (p) => p.note('from the cache') },
        { title: 'Never', enabled: false, run: async () => Promise.reject(new Error('ran')) },
        { title: 'Unpack', run: async (p) => p.skip('same inputs as the last build') },
      ],
      { stderr: err.stream, stdout: out.stream, env: {} },
    );
    expect(results.map(({ title, status }) => `${title} ${status}`)).toEqual(['Fetch done', 'Unpack skipped']);
    expect(results[1]?.reason).toBe('same inputs as the last build');
    expect(err.text().replaceAll(/^\S+ /gm, '').replaceAll(/after .*/g, 'after N')).toBe(
      'Fetch: started\nFetch: from the cache\nFetch: done after N\nUnpack: started\nUnpack: skipped: same inputs as the last build\n',
    );
    expect(out.text()).toBe('');
  });

  it('passes the failure on unchanged and runs nothing after it', async () => {
    const err = sink();
    const failure = new ExpectedError({ code: 'patch', what: 'Hunk 3 failed.' });
    let later = false;
    const run = runStages(
      [
        { title: 'Patch', run: async () => Promise.reject(failure) },
        { title: 'Compile', run: async () => void (later = true) },
      ],
      { stderr: err.stream, env: {} },
    );
    await expect(run).rejects.toBe(failure);
    expect(later).toBe(false);
    expect(err.text()).toMatch(/Patch: failed after/);
  });

  it('says nothing with json', async () => {
    const err = sink();
    const out = sink();
    await runStages([{ title: 'A', run: async (p) => p.note('b') }], { json: true, stderr: err.stream, stdout: out.stream });
    expect(err.text() + out.text()).toBe('');
  });
});

describe('on a real terminal', () => {
  const program = `
    import { runStages } from './stages.js';
    const stages = [
      { title: 'Patch', run: async (p) => { p.note('one hunk at offset -2'); } },
      { title: 'Unpack', run: async (p) => { p.skip('same inputs'); } },
      { title: 'Compile', run: async (p) => { p.progress('1 of 2'); await new Promise((r) => setTimeout(r, 300)); if (process.env.FAIL) throw new Error('boom'); } },
    ];
    await runStages(stages).then(() => console.log('RESULT'), (e) => console.log('ERROR ' + e.message));
  `;
  const inPty = async (env: Record<string, string>, columns = 100): Promise<string> => {
    const dir = await mkdtemp(join(tmpdir(), 'stages-'));
    try {
      // Node 20 reads no TypeScript: the folder is transpiled, a tenth of a second's work.
      for (const name of await readdir('tasks/lib/ui')) {
        const text = await readFile(join('tasks/lib/ui', name), 'utf8');
        const { outputText } = ts.transpileModule(text, { compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 } });
        await writeFile(join(dir, name.replace(/ts$/, 'js')), outputText);
      }
      await writeFile(join(dir, 'package.json'), '{"type":"module"}');
      await writeFile(join(dir, 'program.js'), program);
      await symlink(resolve('node_modules'), join(dir, 'node_modules'));
      // script(1) gives the program a pty.
      const { stdout } = await execa('script', ['-qec', `stty rows 24 cols ${String(columns)}; node ${join(dir, 'program.js')}`, '/dev/null'], {
        env: { PATH: process.env['PATH'], CI: '', TERM: 'xterm', ...env },
        extendEnv: false,
      });
      return stdout;
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  };
  it('redraws a list, keeps notes, gives the cursor back', async () => {
    const out = await inPty({});
    expect(out).toContain('\u001B[?25l');
    expect(out.lastIndexOf('\u001B[?25h')).toBeGreaterThan(out.lastIndexOf('\u001B[?25l'));
    expect(out).toContain('Compile: 1 of 2');
    const end = out.slice(out.lastIndexOf('Patch'));
    expect(end).toContain('one hunk at offset -2');
    expect(end).toContain('Unpack: same inputs');
    expect(end).toMatch(/Compile \[[\d.m ]+s\]/);
    expect(end).toContain('RESULT');
  });
  it('ends with the failed stage marked and the error for the caller', async () => {
    const out = await inPty({ FAIL: '1' });
    expect(out.slice(out.lastIndexOf('Patch'))).toMatch(/✖\S* Compile[\s\S]*ERROR boom/);
  });
  it.each([
    ['a CI job has a pty', { CI: 'true' }, 100],
    ['the pty is 0 columns wide', { CI: '' }, 0],
  ])('writes whole lines when %s', async (_when, env, columns) => {
    const out = await inPty(env, columns);
    expect(out).not.toContain('\u001B');
    expect(out).toMatch(/^\S+Z Patch: started\r?$/m);
  });
});
