import { hasLogBehind, type Manifest } from './manifest.ts';

/** The times that a backup stands for, by the clock of the engine. Every engine writes them into its facts. */
export interface Reach {
  /** The earliest time that can be restored to with this full backup or increment and what follows it; nothing for any other backup. */
  readonly restorableFrom: Date | undefined;
  /** All that was committed by then is in it, or in what it rests on. */
  readonly coveredUntil: Date;
}

/** Of a backup whose engine does not say, it is the time at which it began or ended: too late a beginning and too early an end do no harm. */
export function reachOf({ kind, facts, startedAt, finishedAt }: Pick<Manifest, 'kind' | 'facts' | 'startedAt' | 'finishedAt'>): Reach {
  return {
    restorableFrom: hasLogBehind(kind) ? (timeIn(facts['restorableFrom']) ?? new Date(finishedAt)) : undefined,
    coveredUntil: timeIn(facts['coveredUntil']) ?? new Date(startedAt),
  };
}

function timeIn(value: unknown): Date | undefined {
  const time = typeof value === 'string' ? new Date(value) : undefined;
  return time === undefined || Number.isNaN(time.getTime()) ? undefined : time;
}
