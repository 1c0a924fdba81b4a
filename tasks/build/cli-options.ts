import { InvalidArgumentError, Option, type Command } from 'commander';
import { environmentName } from '../lib/settings.js';
import { DEFAULTS, type BuildOptions } from './options.js';

/** Options of the build verbs as commander knows them. Each can stand in the environment and in the config file too. */

function collect(value: string, before: string[]): string[] {
  return [...before, value];
}

function count(value: string): number {
  if (!/^[1-9]\d*$/.test(value)) throw new InvalidArgumentError('It must be a whole number of at least 1.');
  return Number(value);
}

function withEnvironment(option: Option): Option {
  // A repeatable option's environment value would be one element: the config file takes lists.
  return Array.isArray(option.defaultValue) ? option : option.env(environmentName(option.name()));
}

const PLACES = [
  new Option('--work <dir>', 'folder for work trees, one below it per build').default(DEFAULTS.work),
  new Option('--cache <dir>', 'downloads and pristine trees, shared by all builds (default: the XDG cache folder)'),
];

/** Where anything may come from. */
const NETWORK = [
  new Option('--mirror <dir|url>', 'look here first; a folder written by `fetch --into`, or a URL laid out like it (repeatable)').argParser(collect).default([]),
  new Option('--offline', 'never open a socket'),
  new Option('--lock-file <file>', 'digests of unpinned files as first seen').default(DEFAULTS.lockFile),
];

const SOURCES = [
  new Option('--source <file>', "a file in place of the base's download; still verified"),
  ...NETWORK,
  new Option('--keyring <file>', 'OpenPGP public keys whose signatures are accepted too'),
  new Option('--allow-unsigned', 'take an SRPM without a usable signature; the manifest says so'),
  new Option('--allow-sha1', 'take SHA-1 signatures, as SRPMs of 2012 have (only for the file at hand)'),
  new Option('--prep <how>', 'unpack an SRPM directly, or by its own spec file').choices(['direct', 'rpmbuild']).default(DEFAULTS.prep),
];

const WITH = new Option('--with <addon>', 'an add-on on top: chroute, kasan (repeatable)').argParser(collect).default([]);
const OUT = new Option('--out <dir>', 'folder for artifacts, one below it per build').default(DEFAULTS.out);

const KERNEL = [
  WITH,
  new Option('--patch <file>', 'a patch of yours, after the series (repeatable)').argParser(collect).default([]),
  new Option('--config <gateway|distro|file>', 'kernel configuration: our small one, the one that comes with the source, or a .config').default(DEFAULTS.config),
  new Option('--set <symbol=value>', 'a configuration symbol, after all fragments (repeatable)').argParser(collect).default([]),
  new Option('--menuconfig', 'change the configuration by hand before the build'),
  new Option('--debug-ipvs', 'IP_VS_DEBUG and -DDEBUG: IPVS messages up to debug_level 12'),
  new Option('--cc <compiler>', 'the gcc to use').default(DEFAULTS.cc),
  new Option('--jobs <n>', 'parallel compilations (default: by cores and memory)').argParser(count),
  new Option('--no-ccache', 'do not use ccache, even when it is installed'),
  new Option('--discard-edits', 'throw away edits in the work tree when it must be made anew'),
];

const RESULT = [
  OUT,
  new Option('--tools <which>', 'tools for this host, static ones for EL6 hosts, both, or none').choices(['both', 'host', 'static', 'none']).default('both'),
  new Option('--no-packages', 'no rpm and deb, only tar.gz'),
];

export type OptionGroup = 'places' | 'sources' | 'network' | 'kernel' | 'result' | 'artifact';
const GROUPS: Record<OptionGroup, Option[]> = { places: PLACES, sources: SOURCES, network: NETWORK, kernel: KERNEL, result: RESULT, artifact: [WITH, OUT] };

/** Adds groups of options to a command. */
export function addOptions(command: Command, groups: readonly OptionGroup[]): Command {
  for (const group of groups) for (const option of GROUPS[group]) command.addOption(withEnvironment(option));
  return command;
}

/** Long names of all options: the keys of the config file. */
export function optionNames(): Set<string> {
  return new Set(Object.values(GROUPS).flatMap((options) => options.map((option) => option.name())));
}

/** What commander parsed, as the build verbs take it. */
export function toBuildOptions(parsed: Record<string, unknown>): BuildOptions {
  const text = (key: string): string | undefined => (typeof parsed[key] === 'string' ? parsed[key] : undefined);
  const list = (key: string): string[] => (Array.isArray(parsed[key]) ? parsed[key].map(String) : []);
  const flag = (key: string): boolean => parsed[key] === true;
  const tools = text('tools') ?? 'both';
  return {
    config: text('config') ?? DEFAULTS.config,
    set: list('set'),
    menuconfig: flag('menuconfig'),
    debugIpvs: flag('debugIpvs'),
    patches: list('patch'),
    with: list('with'),
    cc: text('cc') ?? DEFAULTS.cc,
    ...(parsed['jobs'] === undefined ? {} : { jobs: count(String(parsed['jobs'])) }),
    ...(text('source') === undefined ? {} : { source: text('source') }),
    mirrors: list('mirror'),
    offline: flag('offline'),
    ...(text('keyring') === undefined ? {} : { keyring: text('keyring') }),
    allowUnsigned: flag('allowUnsigned'),
    allowSha1: flag('allowSha1'),
    prep: text('prep') === 'rpmbuild' ? 'rpmbuild' : 'direct',
    tools: tools === 'none' ? [] : tools === 'host' ? ['host'] : tools === 'static' ? ['static'] : ['host', 'static'],
    packages: parsed['packages'] !== false,
    discardEdits: flag('discardEdits'),
    ccache: parsed['ccache'] !== false,
    work: text('work') ?? DEFAULTS.work,
    out: text('out') ?? DEFAULTS.out,
    cache: text('cache') ?? DEFAULTS.cache,
    lockFile: text('lockFile') ?? DEFAULTS.lockFile,
  };
}
