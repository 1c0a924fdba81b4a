import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { execa, execaSync } from 'execa';
import { completionScript, SHELLS, type Shell } from '../../../tasks/lib/completion.js';

/** A command tree with everything that ours has: a default command, nesting, choices, values of all kinds. */
function tree(): Command {
  const program = new Command('build-kernel').version('1');
  program
    .command('build <flavour>', { isDefault: true })
    .description("build a flavour: it's the default")
    .option('--work <dir>', 'work folder')
    .option('--source <file>', 'a file')
    .option('-j, --jobs <n>', 'how many')
    .option('--config <gateway|distro|file>', 'configuration')
    .option('--offline', 'no network')
    .addOption(new Option('--tools <which>', 'tools').choices(['host', 'static']))
    .addOption(new Option('--secret', 'not shown').hideHelp());
  program.command('list').option('--names', 'only names');
  program.command('fetch <flavour...>').option('--into <dir>', 'mirror');
  program.command('patch').command('check <flavour>').option('--strict', 'no offsets');
  program.command('completion <shell>');
  return program;
}

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'completion-'));
  await writeFile(join(dir, 'build-kernel'), '#!/bin/sh\n[ "$*" = "list --names" ] && printf "dsnat-220\\ndsnat-279\\nlvs-snat-v2\\n"\n');
  await chmod(join(dir, 'build-kernel'), 0o755);
  await mkdir(join(dir, 'here', 'a folder'), { recursive: true });
  await writeFile(join(dir, 'here', 'a file'), '');
  for (const shell of SHELLS) await writeFile(join(dir, shell), completionScript(shell, tree()));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const has = (shell: string): boolean => !execaSync('sh', ['-c', `command -v ${shell}`], { reject: false }).failed;

/** What a shell offers after these words; the last one is being typed. */
const ask: Record<Shell, (words: string[]) => Promise<string[]>> = {
  bash: async (words) => {
    const script = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); ${completes('build-kernel')} build-kernel; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return run('bash', ['--norc', '-c', script, 'bash', join(dir, 'bash'), 'build-kernel', ...words]);
  },
  zsh: async (words) => {
    // The completion builtins work only inside the line editor: functions of their names print what they are given.
    const script = `compdef() { :; }; compadd() { shift; for w in "$@"; do case $w in "$PREFIX"*) print -r -- "$w";; esac; done; }; _files() { for w in *; do [[ "$1" = -/ && ! -d $w ]] || print -r -- "$w"; done; }
      source "$1"; shift; words=("$@"); CURRENT=$#; PREFIX=$words[-1]; _build_kernel`;
    return run('zsh', ['-f', '-c', script, 'zsh', join(dir, 'zsh'), 'build-kernel', ...words]);
  },
  fish: async (words) => {
    const line = ['build-kernel', ...words].join(' ');
    const found = await run('fish', ['--no-config', '-c', `source ${join(dir, 'fish')}; complete -C '${line}'`]);
    return found.map((text) => text.replace(/\t.*/, '').replace(/\/$/, ''));
  },
};
const completes = (program: string): string => `$(complete -p ${program} | sed 's/.*-F \\([^ ]*\\).*/\\1/')`;

async function run(shell: string, args: string[]): Promise<string[]> {
  const { stdout } = await execa(shell, args, { cwd: join(dir, 'here'), env: { PATH: `${dir}:${process.env['PATH'] ?? ''}`, HOME: dir } });
  return stdout.split('\n').filter((line) => line !== '').sort();
}

const COMMANDS = ['build', 'completion', 'fetch', 'list', 'patch'];
const FLAVOURS = ['dsnat-220', 'dsnat-279', 'lvs-snat-v2'];

describe.each(SHELLS)('%s', (shell) => {
  const test = it.skipIf(!has(shell));
  test('accepts the script', async () => {
    await execa(shell, ['-n', join(dir, shell)]);
  });
  test.each([
    ['commands and the default command\'s flavours', [''], [...COMMANDS, ...FLAVOURS]],
    ['a command begun', ['li'], ['list']],
    ['a flavour without its command', ['dsnat-2'], ['dsnat-220', 'dsnat-279']],
    ['a flavour after its command', ['build', 'lvs'], ['lvs-snat-v2']],
    ['a flavour after an option with a value', ['build', '--jobs', '4', 'dsnat-22'], ['dsnat-220']],
    ['the n-th of several flavours', ['fetch', 'dsnat-220', 'dsnat-279', 'lv'], ['lvs-snat-v2']],
    ['nothing after the last argument', ['build', 'dsnat-220', 'ds'], []],
    ['subcommands', ['patch', ''], ['check']],
    ['arguments of subcommands', ['patch', 'check', 'dsnat-27'], ['dsnat-279']],
    ['options of a subcommand', ['patch', 'check', '--st'], ['--strict']],
    ['options of the default command', ['dsnat-220', '--o'], ['--offline']],
    ['no hidden option', ['build', '--se'], []],
    ['choices', ['build', '--tools', ''], ['host', 'static']],
    ['a choice begun', ['dsnat-220', '--tools', 'st'], ['static']],
    ['nothing for a number', ['build', '--jobs', ''], []],
    ['folders', ['build', '--work', ''], ['a folder']],
    ['names of shells', ['completion', 'z'], ['zsh']],
  ])('offers %s', async (_what, words, expected) => {
    const offered = (await ask[shell](words)).map((word) => word.replaceAll('\\', ''));
    expect(offered).toEqual([...expected].sort());
  });
  test('offers words and files for gateway|distro|file', async () => {
    const offered = (await ask[shell](['build', '--config', ''])).map((word) => word.replaceAll('\\', ''));
    expect(offered).toEqual(expect.arrayContaining(['gateway', 'distro', 'a file']));
  });
});

describe('bash', () => {
  it('completes after =, which it takes for a word of its own', async () => {
    expect(await ask.bash(['build', '--tools', '=', 'ho'])).toEqual(['host']);
    expect(await ask.bash(['build', '--tools', '='])).toEqual(['host', 'static']);
    expect(await ask.bash(['build', '--tools', '=', 'host', 'dsnat-22'])).toEqual(['dsnat-220']);
  });
  it('works for a program of another name', async () => {
    expect(completionScript('bash', tree(), 'bk')).toContain('complete -F _bk bk\n');
  });
});
