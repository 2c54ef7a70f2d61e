import type { Verification } from '../../model/backup/verification.ts';
import { describeAge } from './text.ts';

type Drill = Pick<Verification, 'at' | 'level' | 'detail'>;

const dayMs = 86_400_000;
const sinceOf = ({ at }: Drill, now: Date): number => Math.max(0, now.getTime() - new Date(at).getTime());

/**
 * What is to be done about drills. One that does not pass is not written down.
 *
 * @param every - Within how many days one is to pass; nothing where the spec does not say.
 */
export function drillNotes(every: number | undefined, drill: Drill | undefined, now: Date): readonly string[] {
  if (every === undefined) return [];
  const see = '`systemctl --user list-timers` and the journal of its unit say why; `berth drill --key FILE` makes one now';
  if (drill === undefined) return [`no drill has passed yet: ${see}`];
  const since = sinceOf(drill, now);
  if (since <= every * dayMs) return [];
  return [`the last drill that passed is ${describeAge(since)} old, and there is to be one every ${every} days: ${see}`];
}

/** What came of the last one. */
export const describeDrill = (drill: Drill, now: Date): string =>
  `level ${drill.level}, drilled ${describeAge(sinceOf(drill, now))} ago: ${drill.detail.join('; ')}\n`;

/** @param every - See {@link drillNotes}. */
export const drillAsJson = (every: number | undefined, drill: Drill | undefined, now: Date) => ({
  drill:
    drill === undefined
      ? null
      : { at: drill.at, level: drill.level, ageSeconds: Math.round(sinceOf(drill, now) / 1000), detail: drill.detail },
  ...(every === undefined ? {} : { drillDue: drillNotes(every, drill, now).length > 0 }),
});
