import { acquireLease, madeAfter, type Taken, type Wish } from '../take-backup.ts';
import { refuseOwnStore } from './refuse-own-store.ts';
import { newestListing, presentBackups, survey, type CopyTools } from './survey.ts';
import { writeListing } from './write-listing.ts';

/**
 * Makes a backup of a bucket: its list as it is now, and the contents that are in no backup yet. Each content is stored once, however many objects
 * and points in time have it. A run that breaks off leaves what it has brought, and the next goes on from there.
 */
export async function copyBucket({ due, label }: Wish, tools: CopyTools, signal: AbortSignal): Promise<Taken> {
  const lease = await acquireLease(tools.place.source, tools, signal);
  try {
    const stop = AbortSignal.any([signal, lease.lost]);
    const present = await presentBackups(tools, stop);
    const previous = await newestListing(present, tools, stop);
    if (due !== null && previous?.manifest.scheduledFor === due.toISOString()) return { outcome: 'unchanged', manifest: previous.manifest };
    await refuseOwnStore(tools.place, tools.bucket, tools.store, tools.random, stop);
    const { known, changed } = await survey(previous, present, tools, stop);
    if (!changed && label === null && previous !== undefined) return { outcome: 'unchanged', manifest: previous.manifest };
    return madeAfter(
      previous === undefined ? [] : [previous.manifest],
      await writeListing({ due, label }, known, { ...tools, lease }, stop),
    );
  } finally {
    await lease.release();
  }
}
