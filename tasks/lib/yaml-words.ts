import type { z } from 'zod';

/** What a schema says of a value, in the words of people who write YAML and not of those who write schemas. */

const TYPES: Readonly<Record<string, string>> = {
  object: 'a mapping of keys to values',
  record: 'a mapping of keys to values',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

const counted = (count: number | bigint, noun: string): string => `${String(count)} ${noun}${Number(count) === 1 ? '' : 's'}`;

function size(origin: string, bound: 'at least' | 'at most', value: number | bigint): string {
  if (origin === 'array' || origin === 'record') return `${bound} ${counted(value, 'value')}`;
  return origin === 'string' ? `${bound} ${counted(value, 'character')}` : `${bound} ${String(value)}`;
}

/** For safeParse: words for what a schema does not say in its own. @returns undefined for what has none here */
export function inWords(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return TYPES[issue.expected];
    case 'invalid_value':
      return issue.values.length === 1 ? String(issue.values[0]) : `one of ${issue.values.map(String).join(', ')}`;
    case 'too_small':
      return size(issue.origin, 'at least', issue.minimum);
    case 'too_big':
      return size(issue.origin, 'at most', issue.maximum);
    default:
      return undefined;
  }
}

/** The parser's own errors; what it quotes of the file, which may be a secret, is left out. */
export function parserWords(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here (---); a file is one';
  return message.split('\n')[0]?.replace(/: .*$/, '').replace(/"[^"]*"/g, '…') ?? '';
}
