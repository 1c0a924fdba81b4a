import { digestOf } from '../../../tasks/lib/digest.js';
import { run } from '../../../tasks/lib/exec.js';
import type { Fetched } from '../../../tasks/lib/sources.js';
import { cachedFolder, type HostsContext } from './context.js';

/** Unpacks packages of the distribution in the cache: nothing is installed, so packages that conflict can both be used. */
export async function unpackedPackages(context: HostsContext, ...names: readonly string[]): Promise<string> {
  const debs: Fetched[] = [];
  for (const name of names) debs.push(await context.fetch({ kind: 'apt', package: name, source: false }));
  return cachedFolder(context, names.join('+'), digestOf(debs.map(({ digest }) => digest)), async (into) => {
    for (const { path } of debs) await run(['dpkg-deb', '-x', path, into], { log: context.log });
  });
}
