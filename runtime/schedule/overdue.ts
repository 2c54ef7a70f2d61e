import type { Run, ScheduleState } from '../ports/schedule-state.ts';
import type { Ticks } from './ticks.ts';

/** A clock that was ahead by more than this left marks in the future; what is less, NTP and hands correct all the time. */
const mostCorrectionMs = 3_600_000;
const firstRetryMs = 60_000;
const longestRetryMs = 3_600_000;

/**
 * The tick that a job is to be run for now; `undefined` when it has nothing to do. Of several missed ticks only the last counts. Depends on
 * nothing but the record and the time, so it is the same after a restart, a sleep or a jump of the clock.
 */
export function overdueTick(job: string, ticks: Ticks, state: ScheduleState, now: Date): Date | undefined {
  const settled = state.settledUntil(job);
  if (settled === undefined || settled.getTime() > now.getTime() + mostCorrectionMs) {
    // New here, or settled by a clock that was far ahead: what came before is not known, so it begins with the next tick.
    state.settle(job, now);
    return undefined;
  }
  const last = ticks.last(now);
  if (last === undefined || last <= settled) return undefined;
  return waitsForRetry(state.failures(job, last), now) ? undefined : last;
}

/** The pause after a failure doubles from a minute to an hour; the next tick ends it. */
function waitsForRetry(failures: readonly Run[], now: Date): boolean {
  const [newest] = failures;
  if (newest === undefined) return false;
  const pause = Math.min(longestRetryMs, firstRetryMs * 2 ** (failures.length - 1));
  const since = now.getTime() - newest.endedAt.getTime();
  return since < pause && since > -mostCorrectionMs;
}
