import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../../../tasks/lib/digest.js';
import { run } from '../../../../tasks/lib/exec.js';
import { checkEffects, checkHost, checkResources, confirmChecks, drift } from '../../../../tasks/provision/checks/index.js';
import { ask } from '../../../../tasks/provision/checks/frames.js';
import type { Effect, Resource } from '../../../../tasks/provision/types.js';
import { folderTarget } from './local.js';

const SHELLS: [string, ...string[]][] = [['dash'], ['bash'], ['busybox', 'sh']];

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bk-checks-'));
  await mkdir(join(root, 'etc'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const effect = (id: string, probe: string, expected: Effect['expect'], more: Partial<Effect> = {}): Effect => ({ id, part: 'tuning', claim: `claim of ${id}`, probe, expect: expected, ...more });
const base = { why: 'because', part: 'tuning' };

describe.each(SHELLS)('questions to %s', (...shell) => {
  it('come back in order, whatever they print', async () => {
    const odd = String.raw`printf 'end\n\000\377 \033[2J %s\n' "$0"; echo "oops" >&2; exit 7`;
    const answers = await ask(folderTarget(root, shell), [{ script: 'echo one' }, { script: odd }, { script: '' }, { script: 'cat; echo "it'+"'"+'s $HOME"' }, { script: 'echo "exit 3" >&2; exit 130' }]);
    expect(answers.map(({ status }) => status)).toEqual([0, 7, 0, 0, 130]);
    expect(answers[0]?.stdout).toBe('one\n');
    expect(answers[1]?.stdout).toContain('end\n\0');
    expect(answers[1]?.stderr.trim()).toBe('oops');
    expect(answers[3]?.stdout).toBe(`it's ${process.env['HOME'] ?? ''}\n`);
    expect(answers[4]).toMatchObject({ stdout: '', stderr: 'exit 3\n', timedOut: false });
  });
  it('are cut, not lost, when one prints without end', async () => {
    const answers = await ask(folderTarget(root, shell), [{ script: 'while :; do echo yes; done', most: 300 }, { script: 'echo after' }]);
    expect(answers[0]?.stdout).toHaveLength(300);
    expect(answers[1]?.stdout).toBe('after\n');
  });
  it('end when one hangs', async () => {
    const answers = await ask(folderTarget(root, shell), [{ script: 'exec sleep 60' }, { script: 'echo after' }], { limit: 2 });
    expect(answers[0]).toMatchObject({ timedOut: true, stdout: '' });
    expect(answers[1]?.stdout).toBe('after\n');
  });
});

it('an answer that is cut off is told, not taken for a pass', async () => {
  const target = { ...folderTarget(root), sh: () => Promise.resolve({ exitCode: 255, stdout: 'motd', stderr: 'Connection closed' }) };
  await expect(ask(target, [{ script: 'true' }])).rejects.toMatchObject({ code: 'network', why: expect.stringContaining('Connection closed') as string });
});

it('what must hold before a run is kept is not waited for when the host has taken it back', async () => {
  const looks: string[] = [];
  const options = { gateway: { snat: [] }, patience: 600, progress: (text: string) => looks.push(text), over: () => Promise.resolve(true) };
  const results = await confirmChecks(folderTarget(''), { resources: [], effects: [effect('never', 'echo 2', { equals: '1' })] }, options);
  expect(results.map(({ status }) => status)).toEqual(['fail']);
  expect(looks).toEqual([]);
});

describe('effects', () => {
  it('are judged by what is expected of them', async () => {
    const target = folderTarget('');
    const results = await checkEffects(target, [
      effect('equal', 'echo "  1 "', { equals: '1' }),
      effect('not equal', 'echo 2', { equals: '1' }),
      effect('match', 'echo state UP', { matches: '\\bUP$' }),
      effect('one of', 'echo b', { oneOf: ['a', 'b'] }),
      effect('lines', 'printf "a   b\\nc\\nd\\n"', { lines: ['c', 'a b'] }),
      effect('missing line', 'printf "a b\\nc\\n"', { lines: ['c', 'x  y'] }),
      effect('nothing', 'nosuchprogram', { equals: 'x' }),
      effect('no program', 'echo x', { equals: 'x' }, { needs: 'no-such-program' }),
      effect('program', 'echo x', { equals: 'x' }, { needs: 'sh' }),
    ]);
    expect(results.map(({ status }) => status)).toEqual(['pass', 'fail', 'pass', 'pass', 'pass', 'fail', 'fail', 'skip', 'pass']);
    expect(results[1]).toMatchObject({ expected: '1', seen: '2', kind: 'effect' });
    expect(results[5]?.seen).toBe('without x y');
    expect(results[6]).toMatchObject({ seen: 'nothing', reason: expect.stringContaining('nosuchprogram') as string });
    expect(results[7]?.reason).toBe('the host has no no-such-program');
    expect(target.trips).toBe(1);
    expect((await drift(target, [effect('a', 'echo 2', { equals: '1' }), effect('b', 'echo 1', { equals: '1' })])).map((one) => [one.effect.id, one.seen])).toEqual([['a', '2']]);
  });
  it('are not looked at in a folder', async () => {
    const results = await checkEffects(folderTarget(root, ['sh'], 'folder'), [effect('a', 'touch /tmp/never', { equals: '' })]);
    expect(results).toMatchObject([{ status: 'skip', reason: 'nothing runs in a folder' }]);
  });
});

describe('resources', () => {
  const file = (path: string, content: string, more: Partial<Extract<Resource, { kind: 'file' }>> = {}): Resource => ({ ...base, kind: 'file', path, content, mode: 0o644, ...more });
  const block = (content: string): Resource => ({ ...base, kind: 'block', path: '/etc/rc.local', name: 'gateway', content, at: 'end', create: { head: '#!/bin/sh\n', mode: 0o755 } });
  const put = async (path: string, content: string, mode = 0o644): Promise<void> => {
    await writeFile(root + path, content);
    await chmod(root + path, mode);
  };
  const one = async (resource: Resource): Promise<[string, string]> => {
    const [result] = await checkResources(folderTarget(root), [resource]);
    return [result?.status ?? '', result?.seen ?? ''];
  };

  it('files: content, mode, kind', async () => {
    await put('/etc/a', 'one\ntwo\n');
    expect(await one(file('/etc/a', 'one\ntwo\n'))).toEqual(['pass', 'a file, mode 0644']);
    expect(await one(file('/etc/a', 'one\nzwei\n'))).toEqual(['fail', 'line 2 is "two" in place of "zwei"']);
    expect(await one(file('/etc/a', 'one\n'))).toEqual(['fail', 'line 2 is too many: "two"']);
    expect(await one(file('/etc/a', 'one\ntwo'))).toEqual(['fail', 'the content differs in white space at the end']);
    expect(await one(file('/etc/a', 'one\ntwo\n', { mode: 0o600 }))).toEqual(['fail', 'mode 0644']);
    expect(await one(file('/etc/none', ''))).toEqual(['fail', 'missing']);
    expect(await one(file('/etc', ''))).toEqual(['fail', 'a folder']);
    await symlink('a', `${root}/etc/link`);
    expect(await one(file('/etc/link', 'one\ntwo\n'))).toEqual(['fail', 'a link to a']);
  });
  it('on trial a file may have its text for the trial, later not', async () => {
    await put('/etc/menu', 'default 1\n');
    const menu = file('/etc/menu', 'default 0\n', { trial: 'default 1\n' });
    expect(await checkResources(folderTarget(root), [menu], true)).toMatchObject([{ status: 'pass' }]);
    expect(await one(menu)).toEqual(['fail', 'line 1 is "default 1" in place of "default 0"']);
    await put('/etc/menu', 'default 0\n');
    expect(await checkResources(folderTarget(root), [menu], true)).toMatchObject([{ status: 'pass' }]);
  });
  it('secrets are compared and not shown', async () => {
    await put('/etc/secret', 'old password\n', 0o600);
    const resource = file('/etc/secret', 'new password\n', { mode: 0o600, secret: true });
    const results = await checkResources(folderTarget(root), [resource]);
    expect(results[0]?.status).toBe('fail');
    expect(JSON.stringify(results)).not.toContain('password');
  });
  it('large and binary files by digest', async () => {
    const large = 'x'.repeat(200_000);
    await put('/etc/large', large);
    expect((await one(file('/etc/large', large)))[0]).toBe('pass');
    expect((await one(file('/etc/large', `${large}y`)))[1]).toMatch(/^other content, sha256 /);
    const source = { source: '/nowhere', sha256: sha256(large), size: large.length };
    expect((await one({ ...base, kind: 'file', path: '/etc/large', mode: 0o644, content: source }))[0]).toBe('pass');
  });
  it('links and absences', async () => {
    await symlink('/dev/null', `${root}/etc/masked`);
    expect(await one({ ...base, kind: 'link', path: '/etc/masked', to: '/dev/null' })).toEqual(['pass', 'a link to /dev/null']);
    expect(await one({ ...base, kind: 'link', path: '/etc/masked', to: '/else' })).toEqual(['fail', 'a link to /dev/null']);
    expect(await one({ ...base, kind: 'absent', path: '/etc/x/y' })).toEqual(['pass', 'missing']);
    expect(await one({ ...base, kind: 'absent', path: '/etc/masked' })).toEqual(['fail', 'it is there: a link to /dev/null']);
  });
  it('blocks in files of others', async () => {
    expect(await one(block('a\nb'))).toEqual(['fail', 'missing']);
    await put('/etc/rc.local', '#!/bin/sh\nmine\n');
    expect(await one(block('a\nb'))).toEqual(['fail', 'the block is missing']);
    const whole = '# BEGIN build-kernel gateway\na\nb\n# END build-kernel gateway\n';
    await put('/etc/rc.local', `#!/bin/sh\nmine\n${whole}more`);
    expect((await one(block('a\nb\n')))[0]).toBe('pass');
    expect(await one(block('a\nc\n'))).toEqual(['fail', 'in the block, line 2 is "b" in place of "c"']);
    await put('/etc/rc.local', whole + whole);
    expect(await one(block('a\nb\n'))).toEqual(['fail', 'the block is there 2 times']);
  });
  it('odd paths stay words', async () => {
    const path = `/etc/a 'b" $(exit 9) \`exit 9\`\n-n`;
    await put(path, 'x');
    expect((await one(file(path, 'x')))[0]).toBe('pass');
  });
  it('all in two round trips', async () => {
    const target = folderTarget(root);
    const results = await checkHost(target, { resources: Array.from({ length: 100 }, (_, index) => file(`/etc/f${String(index)}`, '')), effects: [effect('a', 'echo 1', { equals: '1' })] });
    expect(results).toHaveLength(101);
    expect(target.trips).toBe(2);
  });
  it.runIf(process.getuid?.() === 0)('what may not be read is no absence', async () => {
    await mkdir(`${root}/etc/closed`, { mode: 0o700 });
    await chmod(root, 0o755);
    const nobody = folderTarget(root, ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'sh']);
    await run(['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', 'true']);
    expect(await checkResources(nobody, [{ ...base, kind: 'absent', path: '/etc/closed/x' }])).toMatchObject([{ status: 'error', reason: expect.stringContaining('may not enter') as string }]);
  });
});
