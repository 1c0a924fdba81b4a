import { ExpectedError } from '../../lib/errors.js';

/**
 * Values for {name} in a recipe's arguments. A name without a value is an error, so that a slip in a data file
 * cannot become an empty option.
 */
export type Values = Readonly<Record<string, string>>;

/**
 * Fills in one argument.
 * @throws ExpectedError usage: a name that has no value
 */
export function fill(text: string, values: Values, where: string): string {
  return text.replace(/\{([a-z-]+)\}/g, (_all, name: string) => {
    const value = values[name];
    if (value === undefined) {
      throw new ExpectedError({
        code: 'usage',
        what: `${where}: {${name}} means nothing here.`,
        fix: `Known names: ${Object.keys(values).sort().join(', ')}.`,
      });
    }
    return value;
  });
}

/** Fills in a list of arguments; an argument that becomes empty is left out. */
export function fillAll(args: readonly string[], values: Values, where: string): string[] {
  return args.map((arg) => fill(arg, values, where)).filter((arg) => arg !== '');
}
