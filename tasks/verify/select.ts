import { ExpectedError } from '../lib/errors.js';
import { suggest } from '../lib/suggest.js';
import { SCENARIOS } from './scenarios/index.js';
import type { Scenario } from './scenarios/context.js';

/**
 * The scenarios to run, in their order.
 * @param names those that were asked for; none: all
 * @throws ExpectedError usage: an unknown name, with the nearest
 */
export function selectScenarios(names: readonly string[], slow: boolean): { scenario: Scenario; skip?: string }[] {
  for (const name of names) {
    if (SCENARIOS.some((scenario) => scenario.name === name)) continue;
    const known = SCENARIOS.map((scenario) => scenario.name);
    const near = suggest(name, known);
    throw new ExpectedError({ code: 'usage', what: `There is no scenario ${name}.`, fix: `${near ? `Did you mean ${near}? ` : ''}There are: ${known.join(', ')}.` });
  }
  return SCENARIOS.filter(({ name }) => names.length === 0 || names.includes(name)).map((scenario) =>
    scenario.slow && !slow && names.length === 0 ? { scenario, skip: 'takes minutes; --slow runs it' } : { scenario },
  );
}
