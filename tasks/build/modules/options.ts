import { ExpectedError } from '../../lib/errors.js';
import { DEFAULTS, type BuildOptions } from '../options.js';

/**
 * @throws ExpectedError usage: options that only a kernel of one's own can take
 */
export function requireModulesOptions(context: { name: string; options: BuildOptions }): void {
  const { options, name } = context;
  const given = [
    ...(options.with.length > 0 ? ['--with'] : []),
    ...(options.set.length > 0 ? ['--set'] : []),
    ...(options.menuconfig ? ['--menuconfig'] : []),
    ...(options.config === DEFAULTS.config ? [] : ['--config']),
  ];
  if (given.length === 0) return;
  throw new ExpectedError({
    code: 'usage',
    what: `${given.join(', ')} cannot be used with ${name}.`,
    why: "Its modules are for the distribution's own kernel, which the distribution has configured and built.",
    fix: 'Leave them out; or build a whole kernel: build-kernel list.',
  });
}
