import { Option } from 'commander';
import { toBuildOptions } from './build/cli-options.js';
import { command, examples, program } from './command.js';
import { addImageOptions } from './image/options.js';
import { reportFailure } from './lib/io.js';
import { addProvisionOptions, addWhereOptions } from './provision/commands/options.js';
import { addGuestOptions, addVerifyOptions, seconds } from './verify/options.js';

/**
 * The command table: names, options, lazy imports. What a command does is in its verb's folder. --help, the completion
 * scripts and docs/CLI.md are made from it.
 */

program
  .description('From a published kernel source and a published LVS SNAT patch set to a working gateway.')
  .addHelpText('after', examples(['list', 'doctor --install', 'dsnat-220', 'lvs-snat-v2 --with chroute --jobs 8', 'patch check dsnat-279']))
  .addHelpText('after', '\nExit statuses and environment variables: docs/CLI.md');

command(
  'build <flavour>',
  'build a flavour: kernel, modules, tools, packages (the word build may be left out)',
  ['places', 'sources', 'kernel', 'result'],
  async (io, [flavour], options) => {
    const [{ build }, { alsoCommands }] = await Promise.all([import('./build/commands/build.js'), import('./lib/flavours/catalog.js')]);
    alsoCommands(program.commands.map((known) => known.name()));
    await build(io, String(flavour), { ...toBuildOptions(options), dryRun: options['dryRun'] === true });
  },
  program,
  true,
)
  .option('--dry-run', 'say what would be done; fetch and write nothing')
  .addHelpText('after', examples(['dsnat-220', 'dsnat-220 --config distro', 'lvs-snat-v2 --debug-ipvs --set CONFIG_IP_VS_TAB_BITS=20', 'nat-snat-279 --offline --mirror /media/mirror --json']));

const startCommand = command(
  'start',
  'from nothing to a tested gateway: installs what is missing, builds nat-snat, boots it, passes traffic',
  ['places', 'network', 'artifact'],
  async (io, _args, options) => {
    const [{ start }, { toVerifyOptions }] = await Promise.all([import('./start.js'), import('./verify/options.js')]);
    await start(io, { yes: options['yes'] === true, build: toBuildOptions(options), verify: toVerifyOptions(options) });
  },
)
  .option('--yes', 'do not ask before installing packages')
  .addHelpText('after', examples(['start', 'start --yes --topology vms']));
addVerifyOptions(startCommand);

command('list', 'all flavours', [], async (io, _args, options) => {
  const { list } = await import('./build/commands/list.js');
  await list(io, { names: options['names'] === true });
}).option('--names', 'only the names that can be built');

command('show <flavour>', 'all about one flavour: sources, digests, language, limits', [], async (io, [name]) => {
  const { show } = await import('./build/commands/show.js');
  await show(io, String(name));
});

command('fetch <flavour...>', 'fetch all that builds need; --into makes an offline mirror', ['places', 'sources', 'kernel', 'result'], async (io, [names], options) => {
  const { fetch } = await import('./build/commands/fetch.js');
  const into = options['into'] as string | undefined;
  await fetch(io, names as string[], { ...toBuildOptions(options), ...(into === undefined ? {} : { into }) });
})
  .option('--into <dir>', 'write an offline mirror for --mirror DIR')
  .addHelpText('after', examples(['fetch dsnat-220 lvs-snat-v2 --with chroute --into /media/mirror', 'dsnat-220 --with chroute --offline --mirror /media/mirror']));

command('prepare <flavour>', 'stop at the patched, configured tree', ['places', 'sources', 'kernel'], async (io, [flavour], options) => {
  const { prepare } = await import('./build/commands/build.js');
  await prepare(io, String(flavour), { ...toBuildOptions(options), dryRun: options['dryRun'] === true });
}).option('--dry-run', 'say what would be done; fetch and write nothing');

command('module <folder> [flavour]', "rebuild and stage only one folder's modules of a build, in seconds", ['places', 'kernel'], async (io, [folder, flavour], options) => {
  const { module } = await import('./build/commands/module.js');
  await module(io, String(folder), flavour as string | undefined, toBuildOptions(options));
}).addHelpText('after', examples(['module net/netfilter/ipvs', 'module net/netfilter/ipvs dsnat-220 --debug-ipvs']));

command('diff [flavour]', 'what was edited in the prepared tree, as a -p1 patch', ['places', 'kernel'], async (io, [flavour], options) => {
  const { diff } = await import('./build/commands/diff.js');
  await diff(io, flavour as string | undefined, toBuildOptions(options));
}).addHelpText('after', examples(['diff dsnat-220 > my.patch', 'dsnat-220 --patch my.patch']));

const patch = program.command('patch').description('work with patch series');
command(
  'check <flavour>',
  'try a series without touching a tree: hunks, offsets, fuzz',
  ['places', 'sources', 'kernel'],
  async (io, [flavour], options) => {
    const { patchCheckCommand } = await import('./build/commands/patch-check.js');
    await patchCheckCommand(io, String(flavour), { ...toBuildOptions(options), allBases: options['allBases'] === true });
  },
  patch,
).option('--all-bases', 'try it on every base in the cache, also when it applies');

/** dsnat-220+chroute, an artifact's name, is dsnat-220 with chroute. */
function subjectName(name: string, addons: readonly string[]): { name: string; with: string[] } {
  const [flavour = name, ...more] = name.includes('/') ? [name] : name.split('+');
  return { name: flavour, with: [...more, ...addons] };
}

const verifyCommand = command(
  'verify <flavour>',
  'boot what was built in QEMU, pass traffic through it, say which claims hold; of a gateway.yaml: is a host what it says?',
  ['places', 'network', 'artifact'],
  async (io, [name], options) => {
    if (/\.ya?ml$/.test(String(name))) {
      const { verifyHosts, toVerifyHostsOptions } = await import('./provision/checks/command.js');
      await verifyHosts(io, String(name), toVerifyHostsOptions(options, verifyCommand.getOptionValueSource('report') !== 'default'));
      return;
    }
    const [{ verify }, { toVerifyOptions }] = await Promise.all([import('./verify/command.js'), import('./verify/options.js')]);
    const build = toBuildOptions(options);
    await verify(io, { ...subjectName(String(name), build.with), out: build.out, distro: options['distro'] === true }, toVerifyOptions(options), build);
  },
)
  .option('--distro', "the distribution's own kernel, with this host's tools, in place of an artifact")
  .addOption(new Option('--host <name>', 'gateway.yaml: only this host (repeatable; default: all that it names)').argParser((name: string, before: string[]) => [...before, name]).default([]))
  .option('--local', 'gateway.yaml: the host is this machine, not reached by ssh')
  .option('--ssh-config <file>', "gateway.yaml: ssh's configuration file, in place of yours")
  .option('--identity <file>', 'gateway.yaml: private key for ssh')
  .option('--all', 'gateway.yaml: show what holds, too')
  .addHelpText('after', examples(['verify gateway.yaml --host gw1', 'verify dsnat-220', 'verify lvs-snat-v2 --topology vms --nic e1000', 'verify artifacts/dsnat-220 --scenario snat-tcp', 'verify iptables-snat --distro --json']));
addVerifyOptions(verifyCommand);

const provisionCommand = command(
  'provision <gateway.yaml>',
  'make a host the gateway that a file describes: shows a plan, asks, tries it, keeps it or goes back',
  [],
  async (io, [file], options) => {
    if (typeof options['ansible'] === 'string') {
      const { provisionAnsible, toAnsibleOptions } = await import('./provision/ansible/command.js');
      await provisionAnsible(io, String(file), toAnsibleOptions(options));
      return;
    }
    const [{ provision }, { toProvisionOptions }] = await Promise.all([import('./provision/commands/provision.js'), import('./provision/commands/options.js')]);
    await provision(io, String(file), toProvisionOptions(options));
  },
)
  .option('--ansible <dir>', 'write the plans of all hosts (or of --host) as an Ansible playbook; change nothing')
  .addHelpText('after', examples(['provision gateway.yaml --host gw1', 'provision gateway.yaml --ansible rollout', 'provision gateway.yaml --host gw1 --plan', 'provision gateway.yaml --host gw1 --yes --json', 'provision gateway.yaml --folder /srv/image']));
addProvisionOptions(provisionCommand);

const rollbackCommand = command('rollback [gateway.yaml]', 'make a host what it was before its last provision', [], async (io, [file], options) => {
  const [{ rollback }, { toWhereOptions }] = await Promise.all([import('./provision/commands/rollback.js'), import('./provision/commands/options.js')]);
  await rollback(io, typeof file === 'string' ? file : undefined, toWhereOptions(options));
}).addHelpText('after', examples(['rollback gateway.yaml --host gw1', 'rollback --host gw1 --plan', 'rollback --local --yes']));
addWhereOptions(rollbackCommand);

command('status <gateway.yaml>', 'what the gateways are doing: pools and ports, connections, rates, VRRP role', [], async (io, [file], options) => {
  const { statusCommand, toStatusOptions } = await import('./provision/status/command.js');
  await statusCommand(io, String(file), toStatusOptions(options));
})
  .addOption(new Option('--host <name>', 'only this host (repeatable; default: all that the file names)').argParser((name: string, before: string[]) => [...before, name]).default([]))
  .option('--local', 'the host is this machine, not reached by ssh')
  .option('--ssh-config <file>', "ssh's configuration file, in place of yours")
  .option('--identity <file>', 'private key for ssh')
  .option('--all', 'every address of the pools, not only the most used')
  .addOption(new Option('--interval <seconds>', 'between the two looks that rates are taken from').argParser(Number).default(2))
  .option('--watch', 'again and again')
  .addHelpText('after', examples(['status gateway.yaml', 'status gateway.yaml --host gw1 --json', 'status gateway.yaml --watch --interval 5']));

const shellCommand = command(
  'shell <flavour>',
  'the guests of verify with a shell on the gateway, to look around',
  ['places', 'network', 'artifact'],
  async (io, [name], options) => {
    const [{ shell }, { toGuestOptions }] = await Promise.all([import('./verify/shell.js'), import('./verify/options.js')]);
    const build = toBuildOptions(options);
    const wait = options['gdbWait'] === true;
    await shell(
      io,
      { ...subjectName(String(name), build.with), out: build.out, distro: options['distro'] === true },
      { ...toGuestOptions(options), node: String(options['node']), gdb: wait || options['gdb'] === true, wait, work: build.work },
      build,
    );
  },
)
  .option('--distro', "the distribution's own kernel, with this host's tools, in place of an artifact")
  .option('--node <name>', 'with --topology vms: whose console to show', 'gateway')
  .option('--gdb', "open QEMU's gdb stub and print the line to attach")
  .option('--gdb-wait', 'the same, and wait for gdb before the first instruction')
  .addHelpText('after', examples(['shell dsnat-220', 'shell dsnat-220 --topology vms --node client', 'shell lvs-snat-v2 --gdb']));
addGuestOptions(shellCommand);

const imageCommand = command(
  'image <gateway.yaml>',
  'a gateway as an image: a disk, an appliance (kernel and initramfs), or an OCI archive of its artifact; booted and checked',
  ['places', 'network'],
  async (io, [file], options) => {
    const [{ makeImage }, { toImageOptions }] = await Promise.all([import('./image.js'), import('./image/options.js')]);
    await makeImage(io, String(file), { ...toImageOptions(options), report: String(options['report']), bootTimeout: Number(options['bootTimeout']) }, toBuildOptions(options));
  },
)
  .option('--report <dir>', 'folder for the report of its checks', 'reports')
  .addOption(new Option('--boot-timeout <seconds>', 'how long it may take to come up when it is checked').argParser(seconds).default(600))
  .addHelpText('after', examples(['image gateway.yaml -o gw.qcow2 --authorized-keys ~/.ssh/id_ed25519.pub', 'image gateway.yaml -o appliance', 'image gateway.yaml -o gw.tar --kind oci']));
addImageOptions(imageCommand);

command('verify-artifact <path>', 'check every file of an artifact or image against its manifest and list of sums, and a signature', [], async (io, [path], options) => {
  const { verifyArtifactCommand } = await import('./artifact/verify.js');
  await verifyArtifactCommand(io, String(path), { keyring: options['keyring'] as string | undefined, allowedSigners: options['allowedSigners'] as string | undefined });
})
  .option('--keyring <file>', 'OpenPGP public keys: the signature (SHA256SUMS.asc, NAME.sha256.asc) must be by one of them')
  .option('--allowed-signers <file>', "ssh's allowed_signers: the signature (SHA256SUMS.sig, NAME.sha256.sig) must be by one of them")
  .addHelpText('after', examples(['verify-artifact artifacts/dsnat-220', 'verify-artifact gw.qcow2', 'verify-artifact artifacts/nat-snat --allowed-signers signers']));

command('sign <path>', 'sign the list of sums of an artifact or image, which covers every file of it', [], async (io, [path], options) => {
  const { sign } = await import('./artifact/sign.js');
  await sign(io, String(path), { gpgKey: options['gpgKey'] as string | undefined, sshKey: options['sshKey'] as string | undefined });
})
  .option('--gpg-key <key>', "a key of gpg's keyring")
  .option('--ssh-key <file>', 'an ssh private key')
  .addHelpText('after', examples(['sign artifacts/nat-snat --ssh-key ~/.ssh/id_ed25519', 'sign gw.qcow2 --gpg-key ops@example.net']));

command('source <artifact>', 'pack the complete corresponding source of an artifact, as the GPL asks', ['places', 'sources'], async (io, [artifact], options) => {
  const { source } = await import('./build/commands/source.js');
  const file = options['file'] as string | undefined;
  await source(io, String(artifact), { ...toBuildOptions(options), ...(file === undefined ? {} : { file }) });
})
  .option('--file <tar>', 'the tar to write (default: NAME-RELEASE-source.tar here)')
  .addHelpText('after', examples(['source artifacts/dsnat-220']));

command('check [file]', 'is gateway.yaml valid, what is to be thought about, and what will the tools of its flavour be told', [], async (io, [file], options) => {
  const { check } = await import('./provision/spec/commands/check.js');
  const host = options['host'] as string | undefined;
  await check(io, typeof file === 'string' ? file : 'gateway.yaml', { strict: options['strict'] === true, ...(host === undefined ? {} : { host }) });
})
  .option('--host <name>', 'only this host of the file')
  .option('--strict', 'warnings are failures')
  .addHelpText('after', examples(['check', 'check gateway.yaml --host gw1', 'check gateway.yaml --strict --json']));

command('schema', 'JSON Schema of gateway.yaml, for editors', [], async (io) => {
  const { schema } = await import('./provision/spec/commands/schema.js');
  schema(io);
}).addHelpText('after', examples(['schema > gateway.schema.json']));

command('doctor', "what this machine lacks, and its package manager's command for it", ['places'], async (io, _args, options) => {
  const { doctorCommand } = await import('./doctor/command.js');
  await doctorCommand(io, {
    install: options['install'] === true,
    yes: options['yes'] === true,
    purposes: options['for'] as string[],
    work: String(options['work'] ?? '.'),
    ...(typeof options['cache'] === 'string' ? { cache: options['cache'] } : {}),
  });
})
  .option('--install', 'install what is missing')
  .option('--yes', 'do not ask before installing')
  .addOption(new Option('--for <purpose...>', 'what the machine is for').choices(['kernel', 'tools', 'package', 'verify', 'image', 'test']).default(['kernel', 'tools', 'package']));

command('clean [name...]', 'remove work folders (artifacts and cache stay)', ['places', 'kernel'], async (io, [names], options) => {
  const { clean } = await import('./build/commands/clean.js');
  await clean(io, names as string[], toBuildOptions(options));
});

command('cache', 'what the cache holds', ['places'], async (io, _args, options) => {
  const { cache } = await import('./build/commands/cache.js');
  await cache(io, { ...toBuildOptions(options), prune: options['prune'] === true, downloads: options['downloads'] === true, verify: options['verify'] === true });
})
  .option('--prune', 'remove what can be made again without a network: unpacked trees, libraries, half-fetched files')
  .option('--downloads', 'with --prune: remove the downloads too, and Debian roots of images')
  .option('--verify', 'hash every download again');

program
  .command('completion <shell>')
  .description('completion script for bash, zsh or fish')
  .addHelpText('after', examples(['completion bash > /etc/bash_completion.d/build-kernel']))
  .action(async (shell: string) => {
    const { completion } = await import('./lib/completion-command.js');
    try {
      process.stdout.write(completion(shell, program));
    } catch (error) {
      process.exitCode = reportFailure(error, false);
    }
  });

export { program };
