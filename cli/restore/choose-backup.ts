import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import { shrinkageOf } from '../../runtime/jobs/shrinkage.ts';
import { momentOf } from '../moment.ts';
import type { openCatalogue, PlaceName } from '../open-catalogue.ts';

/** What is known of the place that is read: which backups were found to be broken, and whether there is another place. */
export interface Proven extends Pick<Awaited<ReturnType<typeof openCatalogue>>, 'levelOf' | 'config'> {
  readonly from: PlaceName;
}

/**
 * The newest of a time, and all up to it; of what is copied as a whole each time.
 *
 * @param manifests - Of one source, the oldest first.
 * @param what - `backup of sessions`, for messages.
 * @param proven - Leaves out what was found to be broken.
 * @throws BerthError `usage` where there is none, `damaged` where all that there is was found to be broken.
 */
export function newestUntil(
  manifests: readonly Manifest[],
  what: string,
  at: string | undefined,
  proven?: Proven,
): { readonly newest: Manifest; readonly reached: readonly Manifest[] } {
  const moment = at === undefined ? undefined : momentOf(at);
  const all = manifests.filter(({ finishedAt }) => moment === undefined || new Date(finishedAt) <= moment);
  const reached = all.filter(({ id }) => proven === undefined || proven.levelOf(id) >= 0);
  const newest = reached.at(-1);
  if (newest !== undefined) return { newest, reached };
  if (proven !== undefined && all.length > 0) throw allBroken(all, what, proven);
  const [oldest] = manifests;
  throw new BerthError(
    'usage',
    oldest === undefined ? `there is no ${what} yet` : `no ${what} is as old as ${moment?.toISOString() ?? ''}`,
    oldest === undefined
      ? 'make one with `berth backup now`, or see `berth backup list` for what there is'
      : `the oldest is of ${oldest.finishedAt}: write --at ${oldest.finishedAt} or later`,
  );
}

const allBroken = (all: readonly Manifest[], what: string, { from, config }: Proven): BerthError =>
  new BerthError(
    'damaged',
    `no ${what} can be used: ${all.map(({ id }) => id).join(', ')} ${all.length === 1 ? 'was' : 'were'} found to be broken`,
    from === 'offsite'
      ? 'leave out --from, which restores from the first place'
      : config.backups.offsite !== undefined
        ? 'restore from the second place with --from offsite'
        : 'where the site still is, `berth backup now` makes another',
  );

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
