import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { isBucket } from '../../runtime/buckets.ts';
import { isDatabase, rulesOf } from '../../runtime/databases.ts';
import { baseOf } from '../../runtime/jobs/coverage.ts';
import { planRestore } from '../../runtime/jobs/plan-restore.ts';
import { shrinkageOf } from '../../runtime/jobs/shrinkage.ts';
import { choosePoint } from './bucket-point.ts';
import { chooseCopies, type ChosenCopies, type CopyChoice } from './choose-copies.ts';
import type { Wanted, WantedBucket } from './describe-whole.ts';
import type { WholeEstimate } from './estimate.ts';
import { momentOf } from '../moment.ts';

/** What databases, buckets, caches and volumes of a site come back as. */
export interface Chosen extends ChosenCopies {
  readonly wanted: readonly Wanted[];
  readonly wantedBuckets: readonly WantedBucket[];
  /** What was never copied by then. */
  readonly empty: readonly string[];
  /** Databases that stand elsewhere: they were not lost with this host, and nothing of them is touched. */
  readonly elsewhere?: readonly string[];
  /** How long it should take to put them back. */
  readonly expected?: WholeEstimate;
}

/**
 * @param jobs - Of the site as it was then. What has no job there any more, or none yet, is none of its.
 * @param plan - Of the same: the stores that it runs, as what stands elsewhere was not lost with its host, and its caches.
 * @throws BerthError, with the name in its message, where one cannot be had as it was then.
 */
export function chooseWhole(jobs: readonly BackupJob[], { stores, caches }: Pick<Plan, 'stores' | 'caches'>, choice: CopyChoice): Chosen {
  const { manifests, levelOf, at, pointOf } = choice;
  const of = (source: string): readonly Manifest[] => manifests.filter((manifest) => manifest.source === source);
  const isOwn = (job: string): boolean => stores.some(({ service, buckets }) => buckets.some(({ name }) => `${service}.${name}` === job));
  const wanted: Wanted[] = [];
  const wantedBuckets: WantedBucket[] = [];
  const empty: string[] = [];
  const elsewhere = jobs.filter(isDatabase).filter((job) => job.database.elsewhere !== undefined);
  for (const job of jobs.filter(isDatabase)) {
    if (elsewhere.includes(job)) continue;
    const there = of(job.name);
    const all = there.filter(({ id }) => levelOf(id) >= 0);
    const fulls = there.filter(({ kind }) => kind === 'full');
    const sound = fulls.filter(({ id }) => levelOf(id) >= 0);
    if (fulls.length > 0 && sound.length === 0) throw allBroken(job.name, fulls);
    if (sound.length > 0) wanted.push(named(job.name, () => chooseDatabase(job.name, all, at, rulesOf[job.kind])));
    else empty.push(job.name);
  }
  for (const job of jobs.filter(isBucket)) {
    if (!isOwn(job.name)) continue;
    const points = of(job.name).filter(({ kind }) => kind === 'bucket');
    const begun = points.find(({ id }) => id === pointOf(job.name));
    if (begun === undefined && !wasThere(points, at)) empty.push(job.name);
    else wantedBuckets.push({ bucket: job.name, point: begun ?? named(job.name, () => choosePoint(points, at, levelOf)) });
  }
  const copies = chooseCopies(jobs, caches, choice);
  return {
    ...copies,
    wanted,
    wantedBuckets,
    empty: [...empty, ...copies.empty],
    ...(elsewhere.length === 0 ? {} : { elsewhere: elsewhere.map(({ name }) => name) }),
  };
}

/** An empty bucket has no point; the first one is made when something is in it. */
const wasThere = (points: readonly Manifest[], at: string | undefined): boolean =>
  points.some(({ finishedAt }) => at === undefined || new Date(finishedAt) <= momentOf(at));

/** One that begins empty where there are backups of it looks as if there had been none, and goes on from there. */
const allBroken = (database: string, fulls: readonly Manifest[]): BerthError =>
  new BerthError(
    'damaged',
    `${database}: ${fulls.length === 1 ? 'its only full backup was' : `all of its ${fulls.length} full backups were`} found to be broken: ${fulls.map(({ id }) => id).join(', ')}`,
    'restore from the other place, with or without --from offsite, where there are two; or leave out --with-data, which brings back the folder alone, from which the site starts with this database empty',
  );

function chooseDatabase(
  database: string,
  all: readonly Manifest[],
  at: string | undefined,
  rules: Parameters<typeof planRestore>[2],
): Wanted {
  const [before, last] = all.filter(({ kind }) => hasLogBehind(kind)).slice(-2);
  const shrunk = at === undefined && before !== undefined && last !== undefined ? shrinkageOf(before, last) : undefined;
  if (shrunk !== undefined && last !== undefined)
    throw new BerthError(
      'conflict',
      `the newest ${last.kind === 'full' ? 'full backup' : 'increment'} holds ${shrunk}: it may be of an empty server that was begun anew`,
      `write --at with a time before ${last.startedAt}; or, if that is what you want, --at with one after it, which \`berth backup list\` names`,
    );
  const plan = planRestore(all, at === undefined ? { kind: 'latest' } : { kind: 'time', at: momentOf(at) }, rules);
  return { ...plan, database, until: at === undefined ? reachOf(plan.logs.at(-1) ?? baseOf(plan)).coveredUntil : momentOf(at) };
}

/** Of several it must be clear which one is meant. */
function named<T>(name: string, choose: () => T): T {
  try {
    return choose();
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    throw new BerthError(error.kind, `${name}: ${error.message}`, error.hint, { cause: error });
  }
}
