import { ExpectedError } from '../../lib/errors.js';
import { exists } from '../../lib/files.js';
import type { Io } from '../../lib/io.js';
import { askYes } from '../../lib/ui/ask.js';
import { runStages } from '../../lib/ui/stages.js';
import { bootedInto, status, takeBack } from '../run/index.js';
import { loadSpec } from '../spec/load.js';
import type { Target } from '../types.js';
import { readJournal, showWayBack, type Journal } from './journal.js';
import { chooseHost, openTarget } from './open.js';
import type { WhereOptions } from './options.js';

/** `build-kernel rollback --host gw1`: the host becomes what it was before the last run, at any later time. */

const DEFAULT_FILE = 'gateway.yaml';

async function open(file: string | undefined, options: WhereOptions): Promise<{ name: string; target: Target }> {
  if (file !== undefined || (await exists(DEFAULT_FILE))) {
    const spec = await loadSpec(file ?? DEFAULT_FILE);
    const name = chooseHost(spec, options);
    return { name, target: openTarget(name, spec.ssh(name), options) };
  }
  const name = chooseHost({ hosts: [], path: DEFAULT_FILE }, options);
  return { name, target: openTarget(name, { destination: name, oldAlgorithms: false }, options) };
}

/**
 * Takes back the run that is on its way, else the last one that was confirmed. Again: the one before that.
 * @param file gateway.yaml, which says how ssh reaches the host; left out: ./gateway.yaml, or the host's name alone
 * @throws ExpectedError provision when the host did not come up again, or has changes of somebody else's in the way
 */
export async function rollback(io: Io, file: string | undefined, options: WhereOptions): Promise<void> {
  const { name, target } = await open(file, options);
  try {
    const found: { journal?: Journal } = {};
    await runStages(
      [
        {
          title: `look at ${name}`,
          run: async (p) => {
            const engine = await status(target);
            const id = engine?.pending ?? engine?.current;
            if (engine === undefined || id === undefined) return p.skip('there is nothing to take back');
            const journal = await readJournal(target, id);
            if (!journal) throw new ExpectedError({ code: 'provision', what: `What run ${id} did on ${name} cannot be read.`, fix: `Look at /var/lib/build-kernel/runs/${id} on the host.` });
            found.journal = { ...journal, reboot: journal.reboot && bootedInto(engine.runs[id]) };
          },
        },
      ],
      { json: io.json, verbose: io.verbose },
    );
    const { journal } = found;
    if (!journal) {
      io.result({ host: name, outcome: 'nothing' });
      io.print(`${name}: there is nothing to take back.`);
      return;
    }
    const shown = { host: name, run: journal.id, reboot: journal.reboot, changes: journal.changes };
    io.print(showWayBack(journal, name));
    if (options.planOnly) {
      io.result({ ...shown, outcome: 'shown' });
      return;
    }
    if (!(await askYes(`Take this back on ${name}?`, { yes: options.yes, json: io.json, what: `${name} would be taken back` }))) {
      io.print('Nothing was changed.');
      return;
    }
    await runStages(
      [
        {
          title: `take run ${journal.id} back`,
          run: async (p) => {
            if (!(await takeBack(target, journal.id, journal.reboot))) return;
            p.progress('the host reboots');
            if (await target.waitUp(options.bootTimeout)) return;
            throw new ExpectedError({
              code: 'provision',
              what: `${name} has its files back, but did not answer within ${String(options.bootTimeout)} seconds of its reboot.`,
              fix: 'Wait for it, or look at its console; the kernel it boots is the one it had.',
            });
          },
        },
      ],
      { json: io.json, verbose: io.verbose },
    );
    io.result({ ...shown, outcome: 'taken back' });
    io.print(`${name} is what it was before run ${journal.id}.`);
  } finally {
    await target.close();
  }
}
