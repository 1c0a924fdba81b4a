import { describe, expect, it } from 'vitest';
import { distance, suggest } from '../../../tasks/lib/suggest.js';

describe('suggest', () => {
  const flavours = ['dsnat-220', 'dsnat-279', 'lvs-snat-279', 'nat-snat-279', 'lvs-snat-v2', 'fullnat-v2', 'iptables-snat'];
  it.each([
    ['dsnat-270', 'dsnat-220'],
    ['dnsat-279', 'dsnat-279'],
    ['lvs-snatv2', 'lvs-snat-v2'],
    ['DSNAT-220', 'dsnat-220'],
    ['fullnat', 'fullnat-v2'],
    ['dsnat279', 'dsnat-279'],
  ])('%s → %s', (word, nearest) => expect(suggest(word, flavours)).toBe(nearest));
  it.each(['zzz', '', 'x', 'keepalived'])('%s → nothing', (word) => expect(suggest(word, flavours)).toBeUndefined());
  it('counts a swap of neighbours as one step', () => {
    expect([distance('ab', 'ba'), distance('ca', 'abc'), distance('', 'abc'), distance('IP_VS', 'IP_VS')]).toEqual([1, 3, 3, 0]);
  });
});
