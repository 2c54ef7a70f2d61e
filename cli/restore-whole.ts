import { join } from 'node:path';
import { lockSite } from '../generator/io/lock.ts';
import { BerthError } from '../model/errors.ts';
import { isBucket } from '../runtime/buckets.ts';
import { type DatabaseJob, isDatabase } from '../runtime/databases.ts';
import { type Compose, composeIn, startAll } from './compose.ts';
import { DatabaseVolume } from './database-volume.ts';
import { type BucketOutcome, leftOf, type Outcome, say, tell, type WantedBucket, type WholeAsked } from './describe-whole.ts';
import { momentOf, secondsSince } from './moment.ts';
import { firstPlaceAlone, openCatalogue } from './open-catalogue.ts';
import { type Progress, progressOn } from './progress.ts';
import { provideAgent } from './provide-agent.ts';
import { Refilling } from './refilling.ts';
import { type Chosen, chooseWhole } from './choose-whole.ts';
import { putBack } from './restore-bucket.ts';
import { verbOf } from './restore-database.ts';
import { describeFolder, folderAsJson, type FolderPlan, restoreFolder } from './restore-site.ts';
import { readRuntime, type FoundRuntime } from './runtime-config.ts';
import { loadSite, type LoadedSite } from './site.ts';
import { stoppable, type RuntimeContext } from './stoppable.ts';
import { keyFileOf, openedKey } from './restore-keys.ts';

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
      const key = keyFileOf(opened.folder, asked.key);
      const left = leftOf(good, asked.at, key);
      const refilling = new Refilling(asked.into, asked.at ?? null);
      let folder: FolderPlan | undefined;
      let chosen: Chosen = { wanted: [], wantedBuckets: [], empty: [] };
      const planned = (plan: FolderPlan): void => {
        folder = plan;
        // What the site was then says what there is to put back; nothing of it is in its place yet.
        const { jobs } = readRuntime(join(plan.stage, 'runtime.yaml')).config.backups;
        const { stores } = loadSite(plan.stage, context).plan;
        chosen = chooseWhole(jobs, stores, { ...opened, manifests: opened.catalogue.manifests, at: asked.at, pointOf: refilling.pointOf });
        if (!asked.json) say(asked, plan, { ...chosen, left }, context);
      };
      const written = await restoreFolder({ ...asked, only: undefined }, opened, context, signal, { planned, goesOn: true });
      const { wanted, wantedBuckets, empty } = chosen;
      const plan = folder && folderAsJson({ ...asked, only: undefined }, folder);
      const asJson = (databases: readonly object[], more: object) =>
        context.out(`${JSON.stringify({ ...plan, databases, ...more }, null, 2)}\n`);
      if (written === undefined)
        return asked.json
          ? asJson(
              wanted.map(({ database, until, full }) => ({ database, full: full.id, until: until.toISOString() })),
              { buckets: wantedBuckets.map(({ bucket, point }) => ({ bucket, point: point.id, madeAt: point.finishedAt })), empty, left },
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
      for (const { bucket, point } of wantedBuckets) refilling.choosePoint(bucket, point.id);
      const outcomes: Outcome[] = [];
      const { config } = readRuntime(join(site, 'runtime.yaml'));
      const jobs = config.backups.jobs.filter(isDatabase);
      for (const job of jobs) {
        const backup = wanted.find(({ database }) => database === job.name);
        if (backup === undefined) continue;
        const outcome = await refill(job, { asked, key, plan: sitePlan, compose, refilling, progress, context }, signal);
        outcomes.push(outcome ?? { database: job.name, position: null, until: null, seconds: 0 });
      }
      const buckets = await refillBuckets(
        config,
        wantedBuckets,
        { site, key, plan: sitePlan, compose, refilling, progress, context },
        signal,
      );
      progress.say('starting everything');
      // From here on what is there belongs to the site that runs.
      refilling.end();
      await startAll('the folder and the data are back', compose);
      progress[Symbol.dispose]();
      const seconds = secondsSince(begun);
      if (asked.json) return asJson(outcomes, { buckets, empty, left, seconds });
      tell(asked, { outcomes, buckets, empty, left, seconds }, context);
    },
    'stopping; the same command goes on where this was',
  );

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

/** Stores and the agents of buckets are started for it, and nobody who reads or writes what is in them. */
async function refillBuckets(
  config: FoundRuntime['config'],
  wanted: readonly WantedBucket[],
  { site, key, plan, compose, refilling, progress, context }: Omit<Refill, 'asked'> & { readonly site: string },
  signal: AbortSignal,
): Promise<readonly BucketOutcome[]> {
  const tasks = config.backups.jobs.filter(isBucket).flatMap((job) => {
    const found = wanted.find(({ bucket }) => bucket === job.name);
    return found === undefined || job.agent === undefined ? [] : [{ job: { ...job, agent: job.agent }, point: found.point }];
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
