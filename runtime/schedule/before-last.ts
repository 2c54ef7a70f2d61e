import { parseTicks } from './ticks.ts';

/** The tick before the last one: what belongs to that may still be under way. */
export function beforeLast(schedule: string, timeZone: string, moment: Date): Date {
  const ticks = parseTicks(schedule, timeZone);
  const last = ticks.last(moment);
  return (last && ticks.last(new Date(last.getTime() - 1000))) ?? new Date(0);
}
