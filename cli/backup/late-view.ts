import type { BackupJob } from '../../model/runtime-config.ts';
import { lateAfterMs } from '../../runtime/engines/to-be-said.ts';
import type { Restorable } from './restorable.ts';
import { describeAge, shortName } from './text.ts';

/** Of these a log is shipped, by these terms. */
type Copied = Pick<BackupJob, 'name' | 'agent' | 'database'>;

/** How many milliseconds ago it was that everything was in the backups, where that is longer than it may be. */
export function lateBy({ newest, spans }: Restorable, jobs: readonly Copied[], now: Date): number | undefined {
  const rpo = jobs.find(({ name }) => name === newest.source)?.database?.rpo;
  if (spans === undefined || rpo === undefined) return undefined;
  // Without a log that was ever shipped it is what the full backups have.
  const since = now.getTime() - (spans.at(-1)?.until.getTime() ?? Date.parse(newest.startedAt));
  return since > lateAfterMs(rpo) ? since : undefined;
}

/** What is to be done about logs that are not shipped. */
export const lateNotes = (found: readonly Restorable[], jobs: readonly Copied[], now: Date): readonly string[] =>
  found.flatMap((each) => {
    const since = lateBy(each, jobs, now);
    const { name = '', agent = 'its agent', database } = jobs.find((job) => job.name === each.newest.source) ?? {};
    if (since === undefined) return [];
    return [
      `the log of ${shortName(name)} was shipped ${describeAge(since)} ago, and is to be ${database?.rpo ?? 0} s behind at most: what was written since would be lost; see what ${agent} says`,
    ];
  });
