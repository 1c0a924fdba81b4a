import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { ExpectedError, errno } from '../../lib/errors.js';
import { loadRecipe, type Recipe } from '../../lib/flavours/catalog.js';
import type { Flavour } from '../../lib/flavours/schema.js';
import { suggest } from '../../lib/suggest.js';
import { YamlSource, type Fault } from '../../lib/yaml.js';
import type { Gateway, SshAccess } from '../types.js';
import { resolveGateway, sshAccess } from './resolve/index.js';
import { checkRules } from './rules/index.js';
import { gatewaySchema, type GatewayFile } from './schema/index.js';
import { vrrpPassword } from './schema/values.js';

/**
 * gateway.yaml from the disk to the gateways of its hosts: the YAML, the schema, the flavour, then rules across fields. The
 * result is the configuration with its warnings; errors are thrown together, each with file, line and column.
 */

export interface LoadedSpec {
  /** Absolute path of the file. */
  path: string;
  file: GatewayFile;
  flavour: Flavour;
  addons: readonly Flavour[];
  /** Hosts that the file names, in its order; empty when it names none. */
  hosts: readonly string[];
  /** "gateway.yaml:12:5: …" */
  warnings: readonly string[];
  /** The gateway of a host. @throws ExpectedError usage: the file names hosts, and this is none of them */
  gateway(host: string): Gateway;
  ssh(host: string): SshAccess;
}

/** The password, and what is to be said about where it stands. */
async function readPassword(file: GatewayFile, path: string, warn: (fault: Fault) => void, fail: (fault: Fault) => void): Promise<string> {
  const { ha } = file;
  if (!ha) return '';
  const open = async (secret: string): Promise<boolean> => ((await stat(secret)).mode & 0o044) !== 0;
  if (ha.password !== undefined) {
    if (ha.password_file !== undefined) fail({ path: ['ha', 'password_file'], message: 'a password stands beside it; say one of both' });
    if (await open(path)) warn({ path: ['ha', 'password'], message: 'others can read this file; put the password into a file of its own (password_file), or chmod 600' });
    return ha.password;
  }
  if (ha.password_file === undefined) {
    fail({ path: ['ha'], message: 'password or password_file is missing: without one anybody on the network can become master' });
    return '';
  }
  const secret = resolve(dirname(path), ha.password_file);
  try {
    const text = (await readFile(secret, 'utf8')).replace(/\r?\n$/, '');
    if (!vrrpPassword.safeParse(text).success) fail({ path: ['ha', 'password_file'], message: 'its content is no password of VRRP: 1 to 8 letters, digits and . _ % + = , : @ / - on one line' });
    else if (await open(secret)) warn({ path: ['ha', 'password_file'], message: 'others can read that file; chmod 600' });
    return text;
  } catch (error) {
    const code = errno(error);
    if (code === undefined) throw error;
    fail({ path: ['ha', 'password_file'], message: `cannot be read (${code})` });
    return '';
  }
}

/** The flavour and its add-ons; what is wrong with them is said at their place in the file. */
async function readFlavour(source: YamlSource, file: GatewayFile): Promise<Recipe> {
  try {
    return await loadRecipe(file.flavour, file.with);
  } catch (error) {
    if (!(error instanceof ExpectedError)) throw error;
    const message = [error.what, error.why, error.fix].filter((part) => part !== undefined).join(' ').replace(/\s+/g, ' ');
    const addon = file.with.findIndex((name) => error.what.includes(name));
    throw source.failure([{ path: addon >= 0 ? ['with', addon] : ['flavour'], message }]);
  }
}

/**
 * Reads and checks gateway.yaml.
 * @throws ExpectedError usage with every fault's file, line and column; environment when the file cannot be read
 */
export async function loadSpec(given: string): Promise<LoadedSpec> {
  const path = resolve(given);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const code = errno(error);
    if (code === undefined) throw error;
    const fix = 'Name a gateway.yaml; build-kernel show FLAVOUR names an example to copy, docs/GATEWAY-YAML.md explains it.';
    if (code === 'ENOENT') throw new ExpectedError({ code: 'usage', what: `There is no ${given}.`, fix, cause: error });
    throw new ExpectedError({ code: 'usage', what: `${given} cannot be read.`, why: code, fix, cause: error });
  }
  const source = YamlSource.parse(text, given);
  const file = source.check(gatewaySchema);
  const recipe = await readFlavour(source, file);
  const [errors, warnings]: [Fault[], Fault[]] = [[], []];
  const password = await readPassword(file, path, (fault) => warnings.push(fault), (fault) => errors.push(fault));
  const surroundings = { file: path, flavour: recipe.flavour, password };
  const found = await checkRules(file, { ...surroundings, addons: recipe.addons, base: recipe.base });
  errors.push(...found.errors);
  warnings.push(...found.warnings);
  if (errors.length > 0) throw source.failure(errors);
  const hosts = Object.keys(file.hosts);
  const known = (host: string): string => {
    if (hosts.length === 0 || hosts.includes(host)) return host;
    const near = suggest(host, hosts);
    throw new ExpectedError({ code: 'usage', what: `${given} names no host ${JSON.stringify(host.slice(0, 64))}.`, fix: `${near === undefined ? '' : `Did you mean ${near}? `}It names ${hosts.join(', ')}.` });
  };
  return {
    path,
    file,
    flavour: recipe.flavour,
    addons: recipe.addons,
    hosts,
    warnings: source.tell(warnings),
    gateway: (host) => resolveGateway(file, known(host), surroundings),
    ssh: (host) => sshAccess(file, known(host), path),
  };
}

/**
 * The gateway of one host, in one go.
 * @throws ExpectedError as loadSpec
 */
export async function loadGateway(path: string, host: string): Promise<{ gateway: Gateway; ssh: SshAccess; warnings: readonly string[] }> {
  const spec = await loadSpec(path);
  return { gateway: spec.gateway(host), ssh: spec.ssh(host), warnings: spec.warnings };
}
