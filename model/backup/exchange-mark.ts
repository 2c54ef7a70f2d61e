/** Where a restore works, at the top of a volume of files, and what says there that files are on their way from or to their places. */
export const restoreFolder = '.berth-restore';
export const restoreMark = 'exchanging';

/** At the top of the volume of each node of a cache, while one may serve the new data and another the old ones. */
export const cacheMark = '.berth-exchanging';
