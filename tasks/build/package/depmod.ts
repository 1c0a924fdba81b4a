import { join } from 'node:path';
import { ExpectedError } from '../../lib/errors.js';
import { run } from '../../lib/exec.js';
import { exists } from '../../lib/files.js';
import type { StageLog } from '../../lib/log.js';

/** The text files that EL6's module-init-tools reads; the .bin files beside them share its format (index version 2.1). */
const NEEDED = ['modules.dep', 'modules.alias', 'modules.symbols'];

/**
 * Runs depmod on the staged modules and checks that every symbol they need exists in System.map or another module.
 * @param root staged root with boot/System.map-RELEASE and lib/modules/RELEASE
 * @throws ExpectedError package: unresolved symbols (named), or depmod wrote no modules.dep
 */
export async function depmodStaged(root: string, release: string, log?: StageLog): Promise<void> {
  // Newer kmod may be built for /usr/lib/modules; ours stand in /lib/modules as on every old host.
  const help = await run(['depmod', '--help'], { ok: [0, 1] });
  const moduleDir = `${help.stdout}${help.stderr}`.includes('--moduledir') ? ['--moduledir', '/lib/modules'] : [];
  const { stdout, stderr } = await run(['depmod', '-b', root, ...moduleDir, '-e', '-F', join(root, 'boot', `System.map-${release}`), release], {
    log,
    fail: { code: 'package', what: 'depmod failed on the staged modules.' },
  });
  // With -e depmod names unresolved symbols and still exits 0.
  const lines = `${stdout}\n${stderr}`.split('\n');
  const unresolved = lines.filter((line) => /needs unknown symbol|disagrees about version/.test(line)).map((line) => line.replace(`${root}/`, ''));
  if (unresolved.length > 0) {
    throw new ExpectedError({
      code: 'package',
      what: `${String(unresolved.length)} symbols that modules need exist neither in the kernel nor in another module.`,
      why: [...unresolved.slice(0, 20), ...(unresolved.length > 20 ? [`… and ${String(unresolved.length - 20)} more`] : [])].join('\n'),
      fix: 'The modules are not of this kernel build, or a Kconfig symbol that exports them is off: build-kernel clean FLAVOUR, build again, and see what the log says of modpost.',
      log: log?.path,
    });
  }
  for (const name of NEEDED) {
    if (!(await exists(join(root, 'lib', 'modules', release, name)))) {
      throw new ExpectedError({ code: 'package', what: `depmod wrote no ${name}.`, why: `folder: lib/modules/${release}`, log: log?.path });
    }
  }
}
