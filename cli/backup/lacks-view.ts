import type { Manifest } from '../../model/backup/manifest.ts';
import type { Verification } from '../../model/backup/verification.ts';
import type { BackupJob, BackupsConfig } from '../../model/runtime-config.ts';
import { dueSince } from '../../runtime/look-again.ts';
import { beforeLast } from '../../runtime/schedule/before-last.ts';
import { describeAge, shortName } from './text.ts';

type Job = Pick<BackupJob, 'name' | 'kind' | 'agent' | 'database' | 'bucket' | 'schedule' | 'timeZone'>;

/** What the spec asks for, and nobody does. */
export interface Lack {
  readonly source: string;
  readonly what: 'backup' | 'comparison' | 'restore';
  /** When it was done last; nothing where it never was. */
  readonly since: Date | undefined;
  /** Where to look for the reason. */
  readonly agent: string | undefined;
  readonly schedule: string;
  readonly timeZone: string;
}

/** What lies in a place, and what was found of it. */
export interface Lying {
  /** Those that were not found to be broken. */
  readonly good: readonly Manifest[];
  readonly recordsOf: (source: string) => readonly Verification[];
}

/** Of the rest there is a new backup when something has changed: it may be of any age. Of a database without a log it is said by how late that is. */
const isMadeEachTime = ({ database, kind }: Job): boolean =>
  database === undefined ? kind === 'valkey' || kind === 'redis' : database.elsewhere?.log !== false;
/** What is restored to prove it is decoded at least. */
const triedLevel = 2;

/**
 * What was not made, not compared or not restored when it was to be: a tick went by without it, and the next one came.
 *
 * @param jobs - Of the place, as its agents do them.
 */
export function lacksIn(
  jobs: readonly Job[],
  { verify }: Pick<BackupsConfig, 'verify'>,
  { good, recordsOf }: Lying,
  now: Date,
): readonly Lack[] {
  return jobs.flatMap((job): readonly Lack[] => {
    const { name, agent, schedule, timeZone, database, bucket } = job;
    const own = good.filter(({ source }) => source === name);
    const lackOf = (what: Lack['what'], cron: string, zone: string, since: Date | undefined): Lack => ({
      source: name,
      what,
      since,
      agent,
      schedule: cron,
      timeZone: zone,
    });
    if (own.length === 0) return [lackOf('backup', schedule, timeZone, undefined)];
    const lacks: Lack[] = [];
    const newest = database === undefined ? own.at(-1) : own.findLast(({ kind }) => kind === 'full');
    const begun = newest && new Date(newest.startedAt);
    if (isMadeEachTime(job) && (begun === undefined || begun < beforeLast(schedule, timeZone, now)))
      lacks.push(lackOf('backup', schedule, timeZone, begun));
    const records = recordsOf(name).filter(({ at }) => new Date(at) <= now);
    const lastOf = (some: readonly Verification[]): Date | undefined => {
      const times = some.map(({ at }) => new Date(at).getTime());
      return times.length === 0 ? undefined : new Date(times.reduce((a, b) => Math.max(a, b)));
    };
    const asked = beforeLast(verify.schedule, verify.timeZone, now);
    // Contents of buckets are compared by turns, over weeks.
    const old = bucket === undefined ? own.filter(({ finishedAt }) => new Date(finishedAt) < asked) : [];
    if (dueSince(old, records, { since: asked, now }).length > 0)
      lacks.push(lackOf('comparison', verify.schedule, verify.timeZone, lastOf(records)));
    const prove = database?.prove ?? bucket?.prove;
    if (prove !== undefined) {
      const due = beforeLast(prove, timeZone, now);
      const last = lastOf(records.filter(({ level }) => level >= triedLevel));
      if (own.some(({ finishedAt }) => new Date(finishedAt) < due) && (last === undefined || last < due))
        lacks.push(lackOf('restore', prove, timeZone, last));
    }
    return lacks;
  });
}

const told: Readonly<Record<Lack['what'], readonly [never: string, since: string]>> = {
  backup: ['there is no sound backup of', 'the newest backup that is a whole was begun'],
  comparison: ['no backup was ever compared with what was written, of', 'not all backups were compared with what was written since'],
  restore: ['no restore was ever tried, of', 'the last restore was tried'],
};

/** One line for each, with who knows why. */
export const lackNotes = (lacks: readonly Lack[], now: Date): readonly string[] =>
  lacks.map(({ source, what, since, agent = 'its agent', schedule, timeZone }) => {
    const name = shortName(source);
    const [never, ago] = told[what];
    const age = since && describeAge(now.getTime() - since.getTime());
    return `${age === undefined ? `${never} ${name}` : `${name}: ${ago} ${age} ago`}, and that is to be done at "${schedule}" (${timeZone}); see what ${agent} says`;
  });

export const lacksJson = (lacks: readonly Lack[]): readonly object[] =>
  lacks.map(({ source, what, since, schedule, timeZone }) => ({ source, what, since: since?.toISOString() ?? null, schedule, timeZone }));
