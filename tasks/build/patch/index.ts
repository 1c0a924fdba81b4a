/** The patch stage: a series is tried, applied and proven; edits by hand are found and made into a patch. */
export { applySeries, type ApplyInput, type ApplyOutput } from './apply.js';
export { patchCheck, renderPatchCheck, type PatchCheck, type PatchCheckRow } from './check.js';
export { PatchConflictError, type Conflict, type KnownBase } from './conflict.js';
export { diffTree, type TreeDiff } from './diff.js';
export { rootState, treeState } from './listing.js';
