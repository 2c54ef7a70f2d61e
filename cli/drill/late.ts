import type { BackupJob, BackupsConfig } from '../../model/runtime-config.ts';
import { lateAfterMs } from '../../runtime/engines/to-be-said.ts';
import { beforeLast } from '../../runtime/schedule/before-last.ts';
import { describeAge } from '../backup/text.ts';
import type { PlaceName } from '../open-catalogue.ts';
import type { Chosen } from '../restore/choose-whole.ts';

/** What comes back as it was longer ago than it may be. */
export interface Late {
  readonly name: string;
  readonly ageSeconds: number;
  /** In which terms; completes "and is to be". */
  readonly terms: string;
  readonly agent: string;
}

type Copied = Pick<BackupJob, 'name' | 'agent' | 'database' | 'schedule' | 'timeZone'>;

/**
 * What is overdue of that from which a drill is made: that a site comes back from backups of weeks ago says that they are good, and not that they are made. What
 * is copied only when it has changed, such as the folder, files and buckets, may be of any age.
 *
 * @param moment - Up to which everything should be there.
 */
export const lateOf = (
  { wanted, copies }: Pick<Chosen, 'wanted' | 'copies'>,
  jobs: readonly Copied[],
  moment: Date,
  now: Date,
): readonly Late[] =>
  jobs.flatMap((job) => {
    const { name, agent = 'its agent', database, schedule, timeZone } = job;
    const of = (at: Date, terms: string): Late => ({
      name,
      agent,
      terms,
      ageSeconds: Math.max(0, Math.round((now.getTime() - at.getTime()) / 1000)),
    });
    const until = wanted.find((one) => one.database === name)?.until;
    if (until !== undefined && database !== undefined) {
      const since = moment.getTime() - until.getTime();
      return since > lateAfterMs(database.rpo) ? [of(until, `${database.rpo} s behind at most`)] : [];
    }
    const copy = copies.find((one) => one.kind === 'cache' && one.name === name)?.copy;
    if (copy === undefined) return [];
    const madeAt = new Date(copy.finishedAt);
    return madeAt < beforeLast(schedule, timeZone, moment) ? [of(madeAt, `copied at "${schedule}" (${timeZone})`)] : [];
  });

/** Up to when a place has everything, as far as it is filled as it should be: to the second one it is brought at set times. */
export const filledUntil = (from: PlaceName, { offsite }: Pick<BackupsConfig, 'offsite'>, now: Date): Date =>
  from === 'offsite' && offsite !== undefined ? beforeLast(offsite.schedule, offsite.timeZone, now) : now;

export const describeLate = ({ name, ageSeconds, terms }: Late): string =>
  `${name} comes back as it was ${describeAge(ageSeconds * 1000)} before, and is to be ${terms}`;
