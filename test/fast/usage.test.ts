import { execa } from 'execa';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadFlavours } from '../../tasks/lib/flavours/catalog.js';
import { cli, scratch } from '../support/cli.js';

/** What is typed wrongly ends with the documented status and says what was meant. */

const cwd = scratch('usage');

describe('wrong usage', () => {
  it.each([
    [['list', '--nosuch'], /unknown option '--nosuch'/],
    [['list', '--name'], /unknown option '--name'[^]*Did you mean --names\?/],
    [['build'], /missing required argument 'flavour'/],
    [['patch', 'chek', 'dsnat-220'], /unknown command 'chek'[^]*Did you mean check\?/],
    [['nat-snat', '--tools', 'some'], /argument 'some' is invalid[^]*both, host, static, none/],
    [['verfy', 'nat-snat'], /There is no command verfy\.[^]*Did you mean verify\?/],
    [['statsu'], /There is no flavour statsu\.[^]*Did you mean status\?/],
    [['nat-snat', 'dsnat-220'], /too many arguments for 'build'/],
    [['patch'], /^Usage: build-kernel patch/],
    [['image', 'gateway.yaml', '-o', 'gw', '--boot-timeout', '10m'], /argument '10m' is invalid[^]*seconds/],
    [['verify', 'nat-snat', '--boot-timeout', '999999999'], /argument '999999999' is invalid[^]*at most a day/],
  ])('%j', async (args, said) => {
    const { status, stdout, stderr } = await cli(args, { cwd });
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(said);
  });

  it('is one document with --json', async () => {
    const { status, json, stderr } = await cli(['list', '--json', '--nosuch'], { cwd });
    expect([status, stderr]).toEqual([2, '']);
    expect(json).toMatchObject({ error: { code: 'usage', what: expect.stringContaining("unknown option '--nosuch'") as string } });
  });

  it('help names every add-on, and no default that says nothing', async () => {
    for (const verb of ['build', 'verify', 'status', 'image', 'shell']) expect((await cli([verb, '--help'], { cwd })).stdout, verb).not.toMatch(/default: (\[\]|"")/);
    const { stdout } = await cli(['build', '--help'], { cwd });
    const addons = (await loadFlavours()).filter(({ kind }) => kind === 'addon').map(({ name }) => name);
    expect(addons.length).toBeGreaterThan(0);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`an add-on on top: ${addons.join(', ')} (repeatable)`);
  });

  it('help and version are none', async () => {
    expect((await cli(['list', '--help'], { cwd })).status).toBe(0);
    expect(await cli(['--version'], { cwd })).toMatchObject({ status: 0, stderr: '' });
  });
});

it('a reader who has gone (… | head) is no failure', async () => {
  const { stdout, stderr } = await execa('bash', ['-c', `"${process.execPath}" "${resolve(import.meta.dirname, '../../dist/cli.js')}" show dsnat-220 | true; echo "\${PIPESTATUS[0]}"`]);
  expect([stdout, stderr]).toEqual(['0', '']);
});
