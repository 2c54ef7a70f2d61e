import { BerthError } from '../../model/errors.ts';
import { isBucket } from '../../runtime/buckets.ts';
import type { BucketOutcome, WantedBucket } from './describe-whole.ts';
import type { Filler } from './fill-site.ts';
import { upIdle } from './idle-agent.ts';
import { putBack } from './bucket.ts';

/** Fills buckets: stores are started for it, the agents of buckets so that they copy nothing yet, and nobody who reads or writes what is in them. */
export async function refillBuckets(
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
