import type { Step } from '../types.js';
import { lastLines, oneLine, printable } from '../../lib/report/text.js';
import { endOf, seconds } from './words.js';

/** A command as a shell shows it: a root prompt with the node's name. A command of several lines keeps them. */
export function prompt(step: Step): string {
  return `${oneLine(step.node)}# ${printable(step.command)}`;
}

/** `[exit 7 after 1.2s, 4.1s since boot]` */
export function ending(step: Step): string {
  return `[${endOf(step)} after ${seconds(step.took)}, ${seconds(step.at)} since boot]`;
}

/** @param most lines of output that are shown of each command */
export function transcript(steps: readonly Step[], most = Number.POSITIVE_INFINITY): string[] {
  return steps.flatMap((step) => [...prompt(step).split('\n'), ...lastLines(step.output, most), ending(step)]);
}
