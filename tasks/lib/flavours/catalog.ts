import { dataFile, dataNames } from '../data.js';
import { ExpectedError } from '../errors.js';
import { exists } from '../files.js';
import { readYaml } from '../yaml.js';
import { suggest } from '../suggest.js';
import { baseSchema, compatSchema, flavourSchema, publishedSchema, type Base, type Compat, type Flavour, type Published } from './schema.js';

/** Reads the data files under patches/. A file's name is the name of what it describes. */

/** Names of all flavours, add-ons and entries that are listed as not applicable. */
export async function flavourNames(): Promise<string[]> {
  return dataNames('flavours');
}

/** Names of commands: a first word that is no flavour may be one of these, mistyped. */
const commands: string[] = [];
export function alsoCommands(names: readonly string[]): void {
  commands.push(...names);
}

/**
 * One flavour.
 * @throws ExpectedError usage: unknown (with the nearest name)
 */
export async function loadFlavour(name: string): Promise<Flavour> {
  const path = dataFile(`flavours/${name}.yaml`);
  if (!/^[a-z0-9][a-z0-9.-]*$/.test(name) || !(await exists(path))) {
    const known = await flavourNames();
    const near = suggest(name, [...known, ...commands]);
    throw new ExpectedError({
      code: 'usage',
      what: `There is no flavour ${name}.`,
      fix: `${near ? `Did you mean ${near}? ` : ''}build-kernel list shows them all: ${known.join(', ')}.`,
    });
  }
  return readYaml(path, flavourSchema);
}

/** All flavours, in order of name. */
export async function loadFlavours(): Promise<Flavour[]> {
  return Promise.all((await flavourNames()).map(loadFlavour));
}

export async function loadBase(name: string): Promise<Base> {
  return readYaml(dataFile(`bases/${name}.yaml`), baseSchema);
}

export async function loadCompat(name: string): Promise<Compat> {
  return readYaml(dataFile(`compat/${name}.yaml`), compatSchema);
}

export async function loadPublished(name: string): Promise<Published> {
  return readYaml(dataFile(`published/${name}.yaml`), publishedSchema);
}

/** A flavour with its add-ons and its base: what a build is made from. */
export interface Recipe {
  flavour: Flavour;
  addons: Flavour[];
  base: Base;
  compat?: Compat;
}

/**
 * Loads a flavour with add-ons and checks that they can stand together.
 * @param withNames add-ons or flavours to put on top (--with)
 * @throws ExpectedError usage with the reason when something cannot be built or stacked
 */
export async function loadRecipe(name: string, withNames: readonly string[] = []): Promise<Recipe> {
  const flavour = await loadFlavour(name);
  if (flavour.kind === 'not-applicable') {
    throw new ExpectedError({ code: 'usage', what: `${name} cannot be built.`, why: flavour.notApplicable?.trim() });
  }
  if (flavour.kind === 'addon') {
    throw new ExpectedError({
      code: 'usage',
      what: `${name} is an add-on, not a flavour of its own.`,
      fix: `Put it on a flavour${flavour.bases ? ` on ${flavour.bases.join(' or ')}` : ''}: build-kernel FLAVOUR --with ${name}`,
    });
  }
  if (!flavour.base) throw new ExpectedError({ code: 'usage', what: `The flavour ${name} names no base.` });
  const base = await loadBase(flavour.base);
  const addons: Flavour[] = [];
  for (const addonName of new Set(withNames)) {
    const addon = await loadFlavour(addonName);
    if (addon.kind === 'not-applicable') {
      throw new ExpectedError({ code: 'usage', what: `${addonName} cannot be put on anything.`, why: addon.notApplicable?.trim() });
    }
    const reason = flavour.conflicts[addonName] ?? addon.conflicts[name];
    if (addon.kind !== 'addon') {
      throw new ExpectedError({
        code: 'usage',
        what: `${addonName} cannot be stacked on ${name}.`,
        why: reason ? `${addonName} ${reason}.` : `${addonName} is a flavour of its own (base ${addon.base ?? '?'}), no add-on.`,
        fix: `Build one or the other: build-kernel ${name}, or build-kernel ${addonName}.`,
      });
    }
    if (reason) throw new ExpectedError({ code: 'usage', what: `${addonName} cannot be put on ${name}.`, why: `${addonName} ${reason}.` });
    if (addon.bases && !addon.bases.includes(base.name)) {
      throw new ExpectedError({
        code: 'usage',
        what: `${addonName} does not fit ${name}: its base is ${base.name}.`,
        fix: `${addonName} fits flavours on ${addon.bases.join(', ')}.`,
      });
    }
    addons.push(addon);
  }
  return { flavour, addons, base, compat: base.compat ? await loadCompat(base.compat) : undefined };
}

/** Name of a build: dsnat-220, or dsnat-220+chroute. Names its work and artifact folders. */
export function buildName(recipe: Recipe): string {
  return [recipe.flavour.name, ...recipe.addons.map((addon) => addon.name)].join('+');
}

/** What tells this build's kernel from another of the same base: the flavour's suffix, then the add-ons'. */
export function releaseSuffix(recipe: Recipe): string {
  return [recipe.flavour, ...recipe.addons].map((part) => part.suffix ?? '').join('');
}
