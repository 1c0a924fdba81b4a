import { sha256 } from '../../lib/digest.js';
import { ExpectedError } from '../../lib/errors.js';
import { shellQuote } from '../../lib/exec.js';
import type { Desired, Effect, Resource } from '../types.js';

/**
 * The checks of a host as a shell script that judges by itself: what checkHost asks, for the playbook, which has no
 * build-kernel at hand. Status 0: all holds, 1: something differs. Functions: templates/ansible/checks.sh.
 */
export function checkScript(desired: Pick<Desired, 'resources' | 'effects'>, functions: string): string {
  return [
    '#!/bin/sh',
    '# Looks at what the gateway must have and what must be in effect; changes nothing.',
    functions.trimEnd(),
    '',
    ...desired.resources.map(resourceLine),
    '',
    '# In a folder nothing runs.',
    'if [ -z "$root" ]; then',
    ...(desired.effects.length === 0 ? [':'] : desired.effects.map(effectLine)),
    'fi',
    'printf \'%s hold, %s differ\\n\' "$held" "$failed"',
    '[ "$failed" -eq 0 ]',
    '',
  ].join('\n');
}

const words = (...list: readonly string[]): string => list.map((word) => (word === '' ? "''" : shellQuote([word]))).join(' ');

function resourceLine(resource: Resource): string {
  switch (resource.kind) {
    case 'file': {
      const digest = typeof resource.content === 'string' ? sha256(resource.content) : resource.content.sha256;
      return `file ${words(resource.path, resource.mode.toString(8), digest, resource.trial === undefined ? digest : sha256(resource.trial))}`;
    }
    case 'block':
      return `block ${words(resource.path, resource.name, sha256(resource.content.trimEnd()))}`;
    case 'link':
      return `resource link ${words(resource.path, `link ${resource.to}`)}`;
    case 'absent':
      return `resource absence ${words(resource.path, 'absent')}`;
  }
}

function effectLine({ id, needs, probe, expect }: Effect): string {
  return `effect ${words(id, needs ?? '', probe, ...expected(id, expect))}`;
}

function expected(id: string, expect: Effect['expect']): string[] {
  if ('equals' in expect) return ['oneOf', expect.equals.trim()];
  if ('oneOf' in expect) return ['oneOf', ...expect.oneOf.map((one) => one.trim())];
  if ('lines' in expect) return ['lines', ...expect.lines.map((line) => line.replaceAll(/\s+/g, ' ').trim())];
  // grep -E on the host knows neither classes by letter nor groups that do not capture.
  if (/\\[A-Za-z]|\(\?/.test(expect.matches)) {
    throw new ExpectedError({ code: 'usage', what: `The check "${id}" cannot be put into a playbook.`, why: `Its expression ${expect.matches} is none that grep -E reads.`, fix: 'Use provision --host for this host.' });
  }
  return ['matches', expect.matches];
}
