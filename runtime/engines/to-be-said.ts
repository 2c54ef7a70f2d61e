import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';

interface Silence {
  /** All that was committed by then lies in the backups. */
  readonly coveredUntil: Date;
  /** By the clock of the server. */
  readonly now: Date;
  /** How often it is said that nothing was written. */
  readonly quietMs: number;
  /** A time for which somebody wants to know that. */
  readonly until: Date | undefined;
}

/** How long a server that nobody writes to is told to be quiet without a log that says so. */
export const usualQuietMs = 900_000;

/**
 * How far the log of a database may be behind before somebody has to look: twice of what it should be, after the time in which a quiet server says nothing.
 * @param rpo - In seconds.
 */
export const lateAfterMs = (rpo: number): number => usualQuietMs + 2 * rpo * 1000;

/** Whether it is time for a log that says up to when nothing was written, or somebody has asked for one. */
export function isToBeSaid(after: Manifest, { coveredUntil, now, quietMs, until }: Silence): boolean {
  const said = reachOf(after).coveredUntil;
  const isAsked = until !== undefined && said < until && coveredUntil >= until;
  return isAsked || now.getTime() - said.getTime() >= quietMs;
}
