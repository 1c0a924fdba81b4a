import { ExpectedError } from '../../lib/errors.js';
import type { Target } from '../types.js';
import { toResult, unwrap, wrapScript } from './script.js';

/** A guest that verify has booted, as a host to look at: scripts only. */

/** @param run runs a shell script in the guest */
export function guestTarget(name: string, run: (script: string) => Promise<{ stdout: string; stderr: string }>): Target {
  const readOnly = (): Promise<never> => Promise.reject(new Error(`${name} is only looked at`));
  return {
    name,
    kind: 'ssh',
    root: '',
    async sh(script, args, options) {
      const { text, mark } = wrapScript(script, args);
      const { stdout, stderr } = await run(text);
      const reply = unwrap(Buffer.from(stdout), mark);
      if (!reply) throw new ExpectedError({ code: 'verify', what: `A check in ${name} did not come to its end.`, why: stderr });
      return toResult(name, reply.output, reply.exitCode, stderr, options);
    },
    put: readOnly,
    get: readOnly,
    waitUp: () => Promise.resolve(true),
    close: () => Promise.resolve(),
  };
}
