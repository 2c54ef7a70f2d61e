import { join } from 'node:path';
import { lockSite } from '../generator/io/lock.ts';
import type { Manifest } from '../model/backup/manifest.ts';
import { reachOf } from '../model/backup/reach.ts';
import { BerthError } from '../model/errors.ts';
import { isBucket } from '../runtime/buckets.ts';
import { type DatabaseJob, type DatabaseKind, isDatabase, rulesOf } from '../runtime/databases.ts';
import { planRestore } from '../runtime/jobs/plan-restore.ts';
import { shrinkageOf } from '../runtime/jobs/shrinkage.ts';
import { type Compose, composeIn, startAll } from './compose.ts';
import { DatabaseVolume } from './database-volume.ts';
import { type BucketOutcome, leftOf, type Outcome, say, tell, type Wanted, type WantedBucket, type WholeAsked } from './describe-whole.ts';
import { momentOf } from './moment.ts';
import { firstPlaceAlone, openCatalogue } from './open-catalogue.ts';
import { type Progress, progressOn } from './progress.ts';
import { provideAgent } from './provide-agent.ts';
import { Refilling } from './refilling.ts';
import { choosePoint } from './bucket-point.ts';
import { putBack } from './restore-bucket.ts';
import { openedKey, verbOf } from './restore-database.ts';
import { describeFolder, folderAsJson, keyFileOf, type FolderPlan, restoreFolder } from './restore-verbs.ts';
import { readRuntime, type FoundRuntime } from './runtime-config.ts';
import { loadSite, type LoadedSite } from './site.ts';
import { stoppable, type RuntimeContext } from './stoppable.ts';

/**
 * A site with its data, where there is nothing of it yet: its folder, then each database into its new volume before its server is started for the first time,
 * and each bucket before anybody who uses it is, so that nobody ever sees an empty one, and then everything. What was done by a run that broke off is not done again.
 */
export const restoreWhole = (asked: WholeAsked, context: RuntimeContext): Promise<void> =>
  stoppable(
    context,
    async (signal) => {
      if (asked.from === 'offsite') throw firstPlaceAlone();
      const begun = performance.now();
      const opened = await openCatalogue(asked.site, context, signal);
      if (opened.config.target === 'kubernetes')
        throw new BerthError(
          'unsupported',
          'the data of a cluster are not put back by this',
          'leave out --with-data, which brings back the folder; SITE.md in it says how to go on',
        );
      const good = opened.catalogue.manifests.filter(({ id }) => opened.levelOf(id) >= 0);
      const wanted = wantedOf(good, asked.at);
      const wantedBuckets = wantedBucketsOf(opened.catalogue.manifests, asked.at, opened.levelOf);
      const key = keyFileOf(opened.folder, asked.key);
      const left = leftOf(good, asked.at, key);
      let folder: FolderPlan | undefined;
      const planned = (plan: FolderPlan): void => {
        folder = plan;
        if (!asked.json) say(asked, plan, { wanted, wantedBuckets, left }, context);
      };
      const written = await restoreFolder({ ...asked, only: undefined }, opened, context, signal, { planned, goesOn: true });
      const plan = folder && folderAsJson({ ...asked, only: undefined }, folder);
      const asJson = (databases: readonly object[], more: object) =>
        context.out(`${JSON.stringify({ ...plan, databases, ...more }, null, 2)}\n`);
      if (written === undefined)
        return asked.json
          ? asJson(
              wanted.map(({ database, until, full }) => ({ database, full: full.id, until: until.toISOString() })),
              { buckets: wantedBuckets.map(({ bucket, point }) => ({ bucket, point: point.id, madeAt: point.finishedAt })), left },
            )
          : undefined;
      if (!asked.json) context.out(`${describeFolder(written)}\n`);
      const site = asked.into;
      const compose = composeIn(site, context);
      const { plan: sitePlan } = loadSite(site, context);
      using _lock = lockSite(site);
      using progress = progressOn(context, asked.json);
      await provideAgent(site, sitePlan, context);
      progress.say('making containers and volumes');
      await create(compose, signal);
      const refilling = new Refilling(site, asked.at ?? null);
      const outcomes: Outcome[] = [];
      const { config } = readRuntime(join(site, 'runtime.yaml'));
      const jobs = config.backups.jobs.filter(isDatabase);
      for (const job of jobs) {
        const backup = wanted.find(({ database }) => database === job.name);
        if (backup === undefined) continue;
        const outcome = await refill(job, { asked, key, plan: sitePlan, compose, refilling, progress, context }, signal);
        outcomes.push(outcome ?? { database: job.name, position: null, until: backup.until.toISOString(), seconds: 0 });
      }
      const buckets = await refillBuckets(
        config,
        wantedBuckets,
        { site, key, plan: sitePlan, compose, refilling, progress, context },
        signal,
      );
      progress.say('starting everything');
      await startAll('the folder and the data are back', compose);
      refilling.end();
      progress[Symbol.dispose]();
      const seconds = secondsSince(begun);
      const empty = jobs.map(({ name }) => name).filter((name) => !wanted.some(({ database }) => database === name));
      if (asked.json) return asJson(outcomes, { buckets, empty, left, seconds });
      tell(asked, { outcomes, buckets, empty, left, seconds }, context);
    },
    'stopping; the same command goes on where this was',
  );

const secondsSince = (begun: number): number => Math.round((performance.now() - begun) / 100) / 10;

/** What there is of each database. @throws BerthError where one cannot be had as it was then, before anything is written. */
export function wantedOf(manifests: readonly Manifest[], at: string | undefined): readonly Wanted[] {
  const bySource = [...Map.groupBy(manifests, ({ source }) => source)].filter(([, [first]]) => first !== undefined && isKind(first.engine));
  return bySource.flatMap(([database, all]) => {
    const [before, last] = all.filter(({ kind }) => kind === 'full').slice(-2);
    if (before === undefined) return [];
    const kind = (last ?? before).engine as DatabaseKind;
    const shrunk = at === undefined && last !== undefined ? shrinkageOf(before, last) : undefined;
    if (shrunk !== undefined && last !== undefined)
      throw new BerthError(
        'conflict',
        `the newest full backup of ${database} holds ${shrunk}: it may be of an empty server that was begun anew`,
        `write --at with a time before ${last.startedAt}; or, if that is what you want, --at with one after it, which \`berth backup list\` names`,
      );
    const plan = planRestore(all, at === undefined ? { kind: 'latest' } : { kind: 'time', at: momentOf(at) }, rulesOf[kind]);
    const until = at === undefined ? reachOf(plan.logs.at(-1) ?? plan.full).coveredUntil : momentOf(at);
    return [{ ...plan, database, until }];
  });
}

const isKind = (engine: string): boolean => Object.hasOwn(rulesOf, engine);

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

interface Refill {
  readonly asked: WholeAsked;
  readonly key: string;
  readonly plan: LoadedSite['plan'];
  readonly compose: Compose;
  readonly refilling: Refilling;
  readonly progress: Progress;
  readonly context: RuntimeContext;
}

/** @returns nothing when an earlier run has done it. */
async function refill(
  job: DatabaseJob,
  { asked, key, plan, compose, refilling, progress, context }: Refill,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const { name: database, agent } = job;
  const server = plan.services.find(({ name }) => name === database);
  if (server === undefined || agent === undefined) throw new Error(`the plan has no ${database}, or nobody who copies it`);
  const target = { at: asked.at, before: undefined, dryRun: false, key };
  const filling = { agent, key: openedKey(key, context), verb: (folder: string) => verbOf(database, target, folder) };
  const volume = new DatabaseVolume(plan, server, filling, compose);
  if (await volume.hasData(signal)) {
    if (refilling.isPlaced(database)) return undefined;
    throw new BerthError(
      'conflict',
      `${database} has data on this host already; the folder is back, and nothing of them was changed`,
      `to put it back to an earlier state run \`berth restore --only database --name ${database} --into live\` in ${asked.into}; if its data are of no use, remove the volumes with \`docker compose --profile '*' down --volumes\` there, then run the same command again`,
    );
  }
  const begun = performance.now();
  progress.say(`making ${database} as it was`);
  const { position, until: covered, left } = await volume.fill(signal);
  const until = asked.at === undefined ? covered : momentOf(asked.at).toISOString();
  signal.throwIfAborted();
  refilling.place(database);
  await volume.begin();
  return { database, position, until, ...(left === undefined ? {} : { left }), seconds: secondsSince(begun) };
}

/** What there is of each bucket. @throws BerthError where one cannot be had as it was then. */
function wantedBucketsOf(manifests: readonly Manifest[], at: string | undefined, levelOf: (id: string) => number): readonly WantedBucket[] {
  const bySource = Map.groupBy(
    manifests.filter(({ kind }) => kind === 'bucket'),
    ({ source }) => source,
  );
  return [...bySource].map(([bucket, points]) => ({ bucket, point: choosePoint(points, at, levelOf) }));
}

/** Stores and the agents of buckets are started for it, and nobody who reads or writes what is in them. What stands elsewhere was not lost with this host. */
async function refillBuckets(
  config: FoundRuntime['config'],
  wanted: readonly WantedBucket[],
  { site, key, plan, compose, refilling, progress, context }: Omit<Refill, 'asked'> & { readonly site: string },
  signal: AbortSignal,
): Promise<readonly BucketOutcome[]> {
  const tasks = config.backups.jobs.filter(isBucket).flatMap((job) => {
    const found = wanted.find(({ bucket }) => bucket === job.name);
    const isOwn = plan.stores.some(({ service, buckets }) => buckets.some(({ name }) => `${service}.${name}` === job.name));
    return found === undefined || job.agent === undefined || !isOwn ? [] : [{ job: { ...job, agent: job.agent }, point: found.point }];
  });
  if (tasks.length === 0) return [];
  const agents = [...new Set(tasks.map(({ job }) => job.agent))];
  const stores = plan.services
    .filter(({ name }) => agents.includes(name))
    .flatMap(({ connects }) => connects.map(({ service }) => service));
  progress.say(`starting ${[...stores, ...agents].join(', ')}`);
  await compose(['up', '-d', '--wait', ...new Set([...stores, ...agents])], signal);
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
