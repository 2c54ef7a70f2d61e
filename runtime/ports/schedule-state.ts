export type Outcome = 'done' | 'failed' | 'timed out' | 'stopped';

/** One run of a job. */
export interface Run {
  readonly job: string;
  /** The tick that it was for: the last that had passed when it began. */
  readonly due: Date;
  readonly startedAt: Date;
  readonly endedAt: Date;
  readonly outcome: Outcome;
  /** What went wrong, in one line. */
  readonly message: string | null;
}

/**
 * What the scheduler remembers from one start to the next; the truth about backups lies in the store. What is recorded stays when the call
 * has returned. May be lost: then a job waits for its next tick, unless what the store knows is recorded first. A scheduler is given one
 * that never throws.
 */
export interface ScheduleState {
  /** The moment up to which a job has nothing left to do: the tick of the newest run that was done, or when the job was first seen. */
  settledUntil: (job: string) => Date | undefined;
  /** Sets that moment, forward or back. */
  settle: (job: string, moment: Date) => void;
  /** Runs for a tick that did not come to a good end, the newest first. */
  failures: (job: string, due: Date) => readonly Run[];
  /** Adds a run. One that was done also settles its tick. */
  record: (run: Run) => void;
}
