#!/usr/bin/env node
import { CommanderError } from 'commander';
import { program } from './commands.js';
import { installSignalHandlers } from './lib/exec.js';
import { reportFailure } from './lib/io.js';

/** The program: parses the command line by the table in commands.ts and ends with the documented status. */

installSignalHandlers();
if (process.argv.length <= 2) {
  program.outputHelp();
  process.stdout.write('\nNew here? `build-kernel start` installs what is missing, builds a gateway for this distribution\'s kernel, boots it in QEMU and passes traffic through it.\n');
} else {
  program.exitOverride();
  try {
    await program.parseAsync();
  } catch (error) {
    // commander has printed its message; help and version end with 0, wrong usage with 2.
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else process.exitCode = reportFailure(error, process.argv.includes('--json'));
  }
}
