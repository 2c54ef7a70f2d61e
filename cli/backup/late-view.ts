import type { BackupJob } from '../../model/runtime-config.ts';
import { lateAfterMs } from '../../runtime/engines/to-be-said.ts';
import { beforeLast } from '../../runtime/schedule/before-last.ts';
import type { Restorable } from './restorable.ts';
import { describeAge, shortName } from './text.ts';

/** Of these a log is shipped by these terms, or full backups alone are made. */
type Copied = Pick<BackupJob, 'name' | 'agent' | 'database' | 'schedule' | 'timeZone'>;

const isUnlogged = ({ database }: Copied): boolean => database?.elsewhere?.log === false;

/** How many milliseconds ago it was that everything was in the backups, where that is longer than it may be. */
export function lateBy({ newest, spans, trustedUntil }: Restorable, jobs: readonly Copied[], now: Date): number | undefined {
  const job = jobs.find(({ name }) => name === newest.source);
  if (spans === undefined || job?.database === undefined) return undefined;
  const begun = Date.parse(newest.startedAt);
  if (isUnlogged(job)) return begun < beforeLast(job.schedule, job.timeZone, now).getTime() ? now.getTime() - begun : undefined;
  // Without a log that was ever shipped it is what the full backups have.
  const shipped = trustedUntil === undefined ? spans.at(-1)?.until.getTime() : Date.parse(newest.finishedAt);
  const since = now.getTime() - (shipped ?? begun);
  return since > lateAfterMs(job.database.rpo) ? since : undefined;
}

/** What of a database can be had by its latest point alone, and how to have more. */
export const clockNotes = (found: readonly Restorable[], jobs: readonly Copied[]): readonly string[] =>
  found.flatMap(({ newest: { source }, trustedUntil }) => {
    if (trustedUntil === undefined || jobs.every(({ name }) => name !== source)) return [];
    const name = shortName(source);
    return [
      `a clock was ahead when a backup of ${name} was made: what was written since is in \`--latest\` and in no time that could be chosen; \`berth backup now ${name}\` makes a full backup behind which times count again`,
    ];
  });

/** What is to be done about logs that are not shipped, and full backups that are not made. */
export const lateNotes = (found: readonly Restorable[], jobs: readonly Copied[], now: Date): readonly string[] =>
  found.flatMap((each) => {
    const since = lateBy(each, jobs, now);
    const job = jobs.find(({ name }) => name === each.newest.source);
    if (since === undefined || job === undefined) return [];
    const { name, agent = 'its agent', schedule, timeZone, database } = job;
    const [what, terms] = isUnlogged(job)
      ? [`the newest backup of ${shortName(name)} was begun`, `made at "${schedule}" (${timeZone})`]
      : [`the log of ${shortName(name)} was shipped`, `${database?.rpo ?? 0} s behind at most`];
    return [`${what} ${describeAge(since)} ago, and is to be ${terms}: what was written since would be lost; see what ${agent} says`];
  });
