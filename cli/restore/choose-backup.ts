import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { shrinkageOf } from '../../runtime/jobs/shrinkage.ts';
import { momentOf } from '../moment.ts';

/**
 * The newest of a time, and all up to it; of what is copied as a whole each time.
 *
 * @param manifests - Of one source, the oldest first.
 * @param what - `backup of sessions`, for messages.
 * @throws BerthError `usage` where there is none.
 */
export function newestUntil(
  manifests: readonly Manifest[],
  what: string,
  at: string | undefined,
): { readonly newest: Manifest; readonly reached: readonly Manifest[] } {
  const moment = at === undefined ? undefined : momentOf(at);
  const reached = manifests.filter(({ finishedAt }) => moment === undefined || new Date(finishedAt) <= moment);
  const newest = reached.at(-1);
  if (newest !== undefined) return { newest, reached };
  const [oldest] = manifests;
  throw new BerthError(
    'usage',
    oldest === undefined ? `there is no ${what} yet` : `no ${what} is as old as ${moment?.toISOString() ?? ''}`,
    oldest === undefined
      ? 'make one with `berth backup now`, or see `berth backup list` for what there is'
      : `the oldest is of ${oldest.finishedAt}: write --at ${oldest.finishedAt} or later`,
  );
}

/**
 * Whoever asks for the newest may not know that something was begun anew since; whoever names a time does.
 *
 * @throws BerthError `conflict` for a newest one that holds less than half of the one before.
 */
export function refuseShrunk(reached: readonly Manifest[], what: string, at: string | undefined): void {
  const [before, newest] = reached.slice(-2);
  const shrunk = at === undefined && before !== undefined && newest !== undefined ? shrinkageOf(before, newest) : undefined;
  if (before === undefined || newest === undefined || shrunk === undefined) return;
  throw new BerthError(
    'conflict',
    `the newest ${what} holds ${shrunk}: it may be of one that was begun anew`,
    `write --at ${before.finishedAt}; or, if that is what you want, --at ${newest.finishedAt}`,
  );
}
