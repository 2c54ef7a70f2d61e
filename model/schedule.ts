import type { Seconds } from './units.ts';

/** When a service runs that does not run for ever. */
export interface Schedule {
  /** Five fields in the notation of cron. */
  readonly cron: string;
  readonly timeZone: string;
  readonly deadline: Seconds;
}
