/** Where Berth keeps what it knows about a site, relative to the site folder. */
export const berthFolder = '.berth';
export const lockFile = '.berth/lock';
export const hashesFile = '.berth/hashes.json';
export const journalFile = '.berth/journal.json';
/** How far a database that is put back in its place has come. */
export const liveRecord = '.berth/restoring-live.json';
export const stageFolder = '.berth/stage';
/** The copy of what Berth rendered last, for merging. */
export const baseCopy = (path: string): string => `.berth/base/${path}`;
