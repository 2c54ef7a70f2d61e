import { BerthError } from '../model/errors.ts';
import { isBucket } from '../runtime/buckets.ts';
import { type DatabaseJob, isDatabase } from '../runtime/databases.ts';
import type { Store } from '../runtime/ports/store.ts';
import type { Chosen } from './choose-whole.ts';
import type { Compose } from './compose.ts';
import { DatabaseVolume } from './database-volume.ts';
import type { BucketOutcome, Outcome, WantedBucket } from './describe-whole.ts';
import { upIdle } from './idle-agent.ts';
import { momentOf, secondsSince } from './moment.ts';
import type { Progress } from './progress.ts';
import { type CopyOutcome, refillCache } from './refill-caches.ts';
import { refillVolume } from './refill-volumes.ts';
import type { Refilling } from './refilling.ts';
import { putBack } from './restore-bucket.ts';
import { verbOf } from './restore-database.ts';
import { openedKey } from './restore-keys.ts';
import type { FoundRuntime } from './runtime-config.ts';
import type { LoadedSite } from './site.ts';
import type { RuntimeContext } from './stoppable.ts';

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
    const outcome = await refill(job, filler, signal);
    outcomes.push(outcome ?? { database: job.name, position: null, until: null, seconds: 0 });
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

/** @returns nothing when an earlier run has done it. */
async function refill(
  job: DatabaseJob,
  { site, at, key, plan, compose, refilling, progress, context }: Filler,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const { name: database, agent } = job;
  const server = plan.services.find(({ name }) => name === database);
  if (server === undefined || agent === undefined) throw new Error(`the plan has no ${database}, or nobody who copies it`);
  const target = { at, before: undefined, dryRun: false, key };
  const filling = { agent, key: openedKey(key, context), verb: (folder: string) => verbOf(database, target, folder) };
  const volume = new DatabaseVolume(plan, server, filling, compose);
  if (await volume.hasData(signal)) {
    if (refilling.isPlaced(database)) return undefined;
    throw new BerthError(
      'conflict',
      `${database} has data on this host already; the folder is back, and nothing of them was changed`,
      `to put it back to an earlier state run \`berth restore --only database --name ${database} --into live\` in ${site}; if its data are of no use, remove the volumes with \`docker compose --profile '*' down --volumes\` there, then run the same command again`,
    );
  }
  const begun = performance.now();
  progress.say(`making ${database} as it was`);
  const { position, until: covered, left } = await volume.fill(signal);
  const until = at === undefined ? covered : momentOf(at).toISOString();
  signal.throwIfAborted();
  refilling.place(database);
  await volume.begin();
  return { database, position, until, ...(left === undefined ? {} : { left }), seconds: secondsSince(begun) };
}

/** Stores are started for it, the agents of buckets so that they copy nothing yet, and nobody who reads or writes what is in them. */
async function refillBuckets(
  wanted: readonly WantedBucket[],
  { site, config, key, plan, compose, refilling, progress, context }: Filler,
  signal: AbortSignal,
): Promise<readonly BucketOutcome[]> {
  const tasks = config.backups.jobs.filter(isBucket).flatMap((job) => {
    const found = wanted.find(({ bucket }) => bucket === job.name);
    return found === undefined || job.agent === undefined ? [] : [{ job: { ...job, agent: job.agent }, point: found.point }];
  });
  if (tasks.length === 0) return [];
  const agents = [...new Set(tasks.map(({ job }) => job.agent))];
  const stores = plan.stores
    .map(({ service }) => service)
    .filter((store) =>
      plan.services.some(({ name, connects }) => agents.includes(name) && connects.some(({ service }) => service === store)),
    );
  progress.say(`starting ${[...stores, ...agents].join(', ')}`);
  await upIdle(site, agents, stores, compose, signal);
  const outcomes: BucketOutcome[] = [];
  for (const { job, point } of tasks) {
    progress.say(`filling ${job.name}`);
    const target = { at: point.finishedAt, key };
    const found = await putBack({ site, config }, job, { ...target, dryRun: true }, context, signal);
    if (found.same + found.different + found.others > 0 && !refilling.isPlaced(job.name))
      throw new BerthError(
        'conflict',
        `${job.name} has objects on this host already; nothing of them was changed`,
        `to put it back to an earlier state run \`berth restore --only bucket --name ${job.name} --into live\` in ${site}, after \`docker compose up -d --wait\` there`,
      );
    refilling.place(job.name);
    const { missing, different, same, seconds } = await putBack({ site, config }, job, { ...target, dryRun: false }, context, signal);
    outcomes.push({
      bucket: job.name,
      point: point.id,
      madeAt: point.finishedAt,
      objects: missing + different + same,
      seconds: seconds ?? 0,
    });
  }
  return outcomes;
}
