import { BerthError } from '../../model/errors.ts';
import { isDatabase } from '../../runtime/databases.ts';
import type { Store } from '../../runtime/ports/store.ts';
import type { Chosen } from './choose-whole.ts';
import type { Compose } from '../compose.ts';
import type { BucketOutcome, Outcome } from './describe-whole.ts';
import type { Progress } from '../progress.ts';
import { refillBuckets } from './refill-buckets.ts';
import { type CopyOutcome, refillCache } from './refill-cache.ts';
import { refillDatabase } from './refill-database.ts';
import { refillVolume } from './refill-volume.ts';
import type { Refilling } from './refilling.ts';
import type { FoundRuntime } from '../runtime-config.ts';
import type { LoadedSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';

/** A site whose folder is there, and nothing that runs. */
export interface Filler {
  /** Its folder. */
  readonly site: string;
  readonly config: FoundRuntime['config'];
  /** Where the backups lie. */
  readonly store: Store;
  /** Under the name that its project has. */
  readonly plan: LoadedSite['plan'];
  readonly compose: Compose;
  /** As it was then; the newest without it. */
  readonly at: string | undefined;
  /** A file with the key of a recipient. */
  readonly key: string;
  readonly refilling: Refilling;
  readonly progress: Progress;
  readonly context: RuntimeContext;
}

export interface SiteFilled {
  readonly outcomes: readonly Outcome[];
  readonly buckets: readonly BucketOutcome[];
  readonly copies: readonly CopyOutcome[];
}

/** Makes containers and volumes, and puts the data of databases, caches, volumes and buckets into them. What was done by a run that broke off is not done again. */
export async function fillSite(
  { wanted, wantedBuckets, copies: wantedCopies }: Chosen,
  filler: Filler,
  signal: AbortSignal,
): Promise<SiteFilled> {
  const { config, compose, refilling, progress } = filler;
  progress.say('making containers and volumes');
  await create(compose, signal);
  for (const { bucket, point } of wantedBuckets) refilling.choosePoint(bucket, point.id);
  for (const { name, copy } of wantedCopies) refilling.choosePoint(name, copy.id);
  const outcomes: Outcome[] = [];
  for (const job of config.backups.jobs.filter(isDatabase)) {
    if (!wanted.some(({ database }) => database === job.name)) continue;
    outcomes.push(await refillDatabase(job, filler, signal));
  }
  // Buckets last: for them something is started.
  const copies: CopyOutcome[] = [];
  for (const one of wantedCopies) copies.push(await (one.kind === 'cache' ? refillCache : refillVolume)(one, filler, signal));
  return { outcomes, copies, buckets: await refillBuckets(wantedBuckets, filler, signal) };
}

/** Containers and volumes, and no server that runs. */
async function create(compose: Compose, signal: AbortSignal): Promise<void> {
  try {
    await compose(['create', '--no-recreate'], signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new BerthError(
      'io',
      `the folder is back, and its containers could not be made: ${error instanceof Error ? error.message : String(error)}`,
      'bring the images of the site to this host with `docker load`, or reach their registry (`berth images` names them), then run the same command again',
      { cause: error },
    );
  }
}
