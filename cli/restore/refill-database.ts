import { BerthError } from '../../model/errors.ts';
import type { DatabaseJob } from '../../runtime/databases.ts';
import { DatabaseVolume } from './database-volume.ts';
import type { Outcome } from './describe-whole.ts';
import type { Filler } from './fill-site.ts';
import { momentOf, secondsSince } from '../moment.ts';
import { verbOf } from './database.ts';
import { openedKey } from './keys.ts';

/** Fills the volume of a database before its server is started for the first time. */
export async function refillDatabase(
  job: DatabaseJob,
  { site, at, key, plan, compose, refilling, progress, context }: Filler,
  signal: AbortSignal,
): Promise<Outcome> {
  const { name: database, agent } = job;
  const server = plan.services.find(({ name }) => name === database);
  if (server === undefined || agent === undefined) throw new Error(`the plan has no ${database}, or nobody who copies it`);
  const target = { at, before: undefined, dryRun: false, key };
  const filling = { agent, key: openedKey(key, context), verb: (folder: string) => verbOf(database, target, folder) };
  const volume = new DatabaseVolume(plan, server, filling, compose);
  if (await volume.hasData(signal)) {
    // By an earlier run.
    if (refilling.isPlaced(database)) return { database, position: null, until: null, canary: null, seconds: 0 };
    throw new BerthError(
      'conflict',
      `${database} has data on this host already; the folder is back, and nothing of them was changed`,
      `to put it back to an earlier state run \`berth restore --only database --name ${database} --into live\` in ${site}; if its data are of no use, remove the volumes with \`docker compose --profile '*' down --volumes\` there, then run the same command again`,
    );
  }
  const begun = performance.now();
  progress.say(`making ${database} as it was`);
  const { position, until: covered, canary, left } = await volume.fill(signal);
  const until = at === undefined ? covered : momentOf(at).toISOString();
  signal.throwIfAborted();
  refilling.place(database);
  await volume.begin();
  return { database, position, until, canary, ...(left === undefined ? {} : { left }), seconds: secondsSince(begun) };
}
