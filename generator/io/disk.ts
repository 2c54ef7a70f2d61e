/** The site folder, in the order of use: recover, read, decide (generator/merge), apply. */
export { applyChanges } from './apply-changes.ts';
export { readMore, readState } from './read-state.ts';
export { isHalfDone, recoverSite } from './recover-site.ts';
