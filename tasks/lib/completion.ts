import type { Command } from 'commander';
import { fishScript } from './completion/fish.js';
import { bashScript, zshScript } from './completion/posix.js';
import { completionSpec, SHELLS, type Dynamic, type Shell } from './completion/spec.js';

/** Shell completion, made from the command table itself: a new command or option needs no line here. */

export { SHELLS, type Shell };

/** Values that the program lists itself, by the name that arguments and options give them. */
const DYNAMIC: Dynamic = { flavour: ['list', '--names'] };

/**
 * The completion script of a shell. Fixed choices stand in it; the names of flavours are asked of the program when
 * the user presses the key, so that a new flavour completes at once.
 * @param program the name under which the user calls it
 */
export function completionScript(shell: Shell, command: Command, program: string = command.name(), dynamic: Dynamic = DYNAMIC): string {
  const spec = completionSpec(command, program, dynamic);
  switch (shell) {
    case 'bash':
      return bashScript(spec);
    case 'zsh':
      return zshScript(spec);
    case 'fish':
      return fishScript(spec);
  }
}
