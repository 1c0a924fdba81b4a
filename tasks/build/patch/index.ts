/** The patch stage: a series is tried, applied and proven; edits by hand are found and made into a patch. */
export { applySeries, type ApplyInput, type ApplyOutput } from './apply.js';
export { conflictError, PatchConflictError, type Conflict, type KnownBase } from './conflict.js';
export { treeState } from './listing.js';
export { parsePatch, type Hunk, type Section } from './parse.js';
