import { ExpectedError } from '../../lib/errors.js';
import { showStatus, type ShowOptions } from './show.js';
import type { GatewayStatus } from './types.js';

/** A look at several hosts: one that does not answer keeps nobody from seeing the others. */

export type Look = GatewayStatus | { host: string; error: ExpectedError };

/**
 * @param reads by host
 * @throws ExpectedError the first one's, when no host answers; interrupted
 */
export async function lookAtAll(reads: ReadonlyMap<string, () => Promise<GatewayStatus>>): Promise<Look[]> {
  const looks = await Promise.all(
    [...reads].map(async ([host, read]): Promise<Look> => {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof ExpectedError) || error.code === 'interrupted') throw error;
        return { host, error };
      }
    }),
  );
  const away = failures(looks);
  if (away[0] && away.length === looks.length) throw away[0];
  return looks;
}

export function failures(looks: readonly Look[]): ExpectedError[] {
  return looks.flatMap((look) => ('error' in look ? [look.error] : []));
}

export function showLook(look: Look, options: ShowOptions): string {
  if (!('error' in look)) return showStatus(look, options);
  const { what, why } = look.error;
  return [`${look.host}: cannot be looked at: ${what}`, ...(why === undefined ? [] : why.split('\n').map((line) => `  ${line}`))].join('\n');
}

export function lookDocument(look: Look): unknown {
  return 'error' in look ? { host: look.host, error: look.error.toJSON() } : look;
}
