/** A block of keepalived.conf, its lines indented. */
export function block(head: string, body: readonly string[]): string[] {
  return [`${head} {`, ...body.map((line) => (line === '' ? '' : `    ${line}`)), '}'];
}

/** Addresses under a name, for FULLNAT's keepalived. */
export const localGroup = (name: string, pool: readonly string[]): string[] => block(`local_address_group ${name}`, pool);

/** A value only when there is one. */
export const line = (word: string, value: string | number | undefined): string[] => (value === undefined ? [] : [`${word} ${String(value)}`]);
