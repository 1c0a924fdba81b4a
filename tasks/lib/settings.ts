import { resolve } from 'node:path';
import type { Command } from 'commander';
import { z } from 'zod';
import { ExpectedError } from './errors.js';
import { exists } from './files.js';
import { suggest } from './suggest.js';
import { readYaml } from './yaml.js';

/**
 * Defaults from a config file: a value on the command line wins over one in the environment (BUILD_KERNEL_…), that
 * over the config file, that over the built-in default.
 */

export const CONFIG_FILE = 'build-kernel.yaml';

/** Name of the environment variable of an option: jobs → BUILD_KERNEL_JOBS, allowSha1 → BUILD_KERNEL_ALLOW_SHA1. */
export function environmentName(option: string): string {
  return `BUILD_KERNEL_${option.replaceAll('-', '_').toUpperCase()}`;
}

const fileSchema = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

/**
 * Fills options that neither command line nor environment gave with the config file's values.
 * @param path --settings FILE; without it ./build-kernel.yaml, when there is one
 * @throws ExpectedError usage: file missing or invalid, key that no command knows
 */
export async function applySettings(command: Command, path: string | undefined, known: ReadonlySet<string>): Promise<void> {
  const file = resolve(path ?? CONFIG_FILE);
  if (!(await exists(file))) {
    if (path === undefined) return;
    throw new ExpectedError({ code: 'usage', what: `There is no config file ${path}.` });
  }
  const values = await readYaml(file, fileSchema);
  for (const [key, value] of Object.entries(values)) {
    if (!known.has(key)) {
      const near = suggest(key, [...known]);
      throw new ExpectedError({
        code: 'usage',
        what: `${file}: no option is called ${key}.`,
        fix: `${near ? `Did you mean ${near}? ` : ''}The keys are the long names of the options: ${[...known].sort().join(', ')}.`,
      });
    }
    const option = command.options.find((candidate) => candidate.name() === key);
    if (!option) continue;
    const attribute = option.attributeName();
    const source = command.getOptionValueSource(attribute);
    if (source !== undefined && source !== 'default') continue;
    if (option.isBoolean() !== (typeof value === 'boolean')) {
      throw new ExpectedError({ code: 'usage', what: `${file}: ${key} must be ${option.isBoolean() ? 'true or false' : 'a text, a number or a list'}.` });
    }
    const parsed = Array.isArray(value) || typeof value === 'boolean' ? value : String(value);
    command.setOptionValueWithSource(attribute, option.variadic || Array.isArray(option.defaultValue) ? [parsed].flat() : parsed, 'config');
  }
}
