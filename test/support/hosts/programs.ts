import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedTools } from '../../../tasks/build/tools/cached.js';
import { loadRecipe, loadToolSet } from '../../../tasks/build/tools/load.js';
import type { ToolSet } from '../../../tasks/build/tools/schema.js';
import { digestOf } from '../../../tasks/lib/digest.js';
import { run } from '../../../tasks/lib/exec.js';
import { remove } from '../../../tasks/lib/files.js';
import { packageRoot } from '../../../tasks/lib/paths.js';
import { ensureUserland } from '../../../tasks/verify/guest/userland.js';
import { cachedFolder, type HostsContext } from './context.js';

/** Programs of the EL6-like host: all static, so that they run on 2.6.32 as on Debian's kernel. */

/** Recipes of programs that no gateway gets from us, only test hosts. */
const OWN = join(packageRoot, 'test', 'support', 'hosts');

/** iptables by the project's own recipe; the stock tool set would bring ipvsadm too, which EL6 has not from the start. */
const IPTABLES: ToolSet = { name: 'el6-iptables', summary: 'iptables of a test host', netlink: false, epoch: 1577836800, tools: [{ recipe: 'iptables-legacy', dir: '.' }], abi: [] };

async function tools(context: HostsContext, toolset: ToolSet, root?: string): Promise<string> {
  const { cacheDir, fetch, log, jobs } = context;
  const workDir = join(cacheDir, 'hosts', `build-${toolset.name}-${String(process.pid)}`);
  try {
    return (await cachedTools({ toolset, variant: 'static', workDir, jobs, cacheDir, fetch, log, ...(root === undefined ? {} : { root }) })).root;
  } finally {
    await remove(workDir);
  }
}

/** @returns a folder with bin/busybox, usr/sbin/dropbear, sbin/ethtool, sbin/iptables …; its name changes when they do */
export async function el6Programs(context: HostsContext): Promise<string> {
  const own = await loadToolSet('el6-host', OWN);
  const recipes = await Promise.all([...own.tools.map(({ recipe }) => loadRecipe(recipe, OWN)), loadRecipe('iptables-legacy')]);
  return cachedFolder(context, 'el6-programs', digestOf([own, recipes]), async (into) => {
    const { busybox } = await ensureUserland(context);
    for (const root of [await tools(context, own, OWN), await tools(context, IPTABLES)]) await run(['cp', '-a', `${root}/.`, into], { log: context.log });
    await mkdir(join(into, 'bin'), { recursive: true });
    await copyFile(busybox, join(into, 'bin', 'busybox'));
  });
}
