#!/usr/bin/env node
import { CommanderError } from 'commander';
import { program } from './commands.js';
import { installSignalHandlers } from './lib/exec.js';
import { reportFailure } from './lib/io.js';
import { wrongUsage } from './usage.js';

/** The program: parses the command line by the table in commands.ts and ends with the documented status. */

installSignalHandlers();
// Nobody reads any more (`… | head`): what is under way goes on to its end, unheard; a change of a host is not to stop half-way for that.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
  });
}
if (process.argv.length <= 2) {
  program.outputHelp();
  process.stdout.write('\nNew here? `build-kernel start` installs what is missing, builds a gateway for this distribution\'s kernel, boots it in QEMU and passes traffic through it.\n');
} else {
  try {
    await program.parseAsync();
  } catch (error) {
    const json = process.argv.includes('--json');
    if (!(error instanceof CommanderError)) process.exitCode = reportFailure(error, json);
    else if (error.exitCode === 0) process.exitCode = 0;
    else if (error.code === 'commander.help') process.exitCode = 2;
    else process.exitCode = reportFailure(await wrongUsage(error, process.argv.slice(2), program.commands.map((known) => known.name())), json);
  }
}
