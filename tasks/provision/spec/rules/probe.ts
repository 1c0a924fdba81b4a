import type { Rule } from './index.js';
import { poolRanges } from './situation.js';

/** The proof by traffic must be one that can succeed. */
export const checkProbe: Rule = (file, _context, { errors, warnings }) => {
  const { probe } = file;
  if (!probe) return;
  if (file.snat.length === 0) {
    warnings.push({ path: ['probe'], message: 'there is no snat that it could prove: nothing is tried' });
    return;
  }
  const family = probe.connect.address.includes(':') ? 6 : 4;
  if (!poolRanges(file).some(({ value }) => value.family === family)) errors.push({ path: ['probe', 'connect', 'address'], message: `is IPv${String(family)}, and no pool is: its connection is never translated` });
};
