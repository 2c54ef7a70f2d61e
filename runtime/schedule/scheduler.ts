import type { Clock } from '../ports/clock.ts';
import type { Outcome, Run, ScheduleState } from '../ports/schedule-state.ts';
import { overdueTick } from './overdue.ts';
import type { Ticks } from './ticks.ts';

export interface ScheduledJob {
  readonly name: string;
  readonly ticks: Ticks;
  /** A run that takes longer is aborted. */
  readonly timeoutMs: number;
  /** A run begins up to so much after its tick, so that many sites do not come at the same moment. */
  readonly jitterMs: number;
  /** @param due - The tick. A run that broke off without a record is made again for the same one. */
  readonly run: (due: Date, signal: AbortSignal) => Promise<void>;
}

export interface SchedulerOptions {
  readonly jobs: readonly ScheduledJob[];
  readonly state: ScheduleState;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  /** Whether two jobs may run at the same time. Asked in both orders; either may object. */
  readonly mayRunTogether: (one: string, other: string) => boolean;
  /** Hears of each run once it has ended. */
  readonly onRun: (run: Run) => void;
}

interface Running {
  readonly job: ScheduledJob;
  readonly controller: AbortController;
  readonly ended: Promise<void>;
}

/** How long a clock that was set, or a host that slept, may go unnoticed. */
const longestPauseMs = 15_000;

/** Runs jobs because they are overdue, not because a moment has come: what was missed is seen at the next look. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #running = new Map<string, Running>();
  readonly #ready = new Map<string, { readonly due: number; readonly from: number }>();
  readonly #stopping = new AbortController();
  #wake = new AbortController();
  #loop: Promise<void> | undefined;
  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#look();
  }

  /**
   * Begins nothing any more, gives what runs `graceMs` to end by itself and then aborts it. May be called more than once.
   *
   * @returns Names of jobs that did not end even then, within `graceMs` once more.
   */
  async stop(graceMs: number): Promise<readonly string[]> {
    const { clock } = this.#options;
    this.#stopping.abort();
    await this.#loop;
    const allEnded = Promise.all([...this.#running.values()].map(({ ended }) => ended));
    const quiet = new AbortController();
    const grace = (): Promise<unknown> => Promise.race([allEnded, clock.sleep(graceMs, quiet.signal)]);
    await grace();
    for (const { controller } of this.#running.values()) controller.abort(new Error('the runtime is stopping'));
    if (this.#running.size > 0) await grace();
    quiet.abort();
    return [...this.#running.keys()];
  }

  async #look(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stopping.signal.aborted) {
      this.#beginWhatIsDue(clock.now());
      this.#wake = new AbortController();
      await clock.sleep(this.#pause(clock.now()), AbortSignal.any([this.#stopping.signal, this.#wake.signal]));
    }
  }

  /** Until the next tick, or the end of a random wait. */
  #pause(now: Date): number {
    const ticks = this.#options.jobs.map(({ ticks }) => (ticks.next(now)?.getTime() ?? Infinity) - now.getTime());
    const waits = [...this.#ready.values()].map(({ from }) => from - this.#options.clock.elapsed()).filter((wait) => wait > 0);
    return Math.max(1, Math.min(longestPauseMs, ...ticks, ...waits));
  }

  /** The longest overdue comes first; one that has to wait for others holds back what would make it wait longer. */
  #beginWhatIsDue(now: Date): void {
    const overdue = this.#options.jobs
      .filter(({ name }) => !this.#running.has(name))
      .flatMap((job) => {
        const due = this.#overdue(job, now);
        return due === undefined ? [] : [{ job, due }];
      })
      .sort((a, b) => a.due.getTime() - b.due.getTime());
    const claims = [...this.#running.keys()];
    for (const { job, due } of overdue) {
      const free = claims.every((other) => this.#together(job.name, other));
      claims.push(job.name);
      if (free) this.#begin(job, due);
    }
  }

  #together(one: string, other: string): boolean {
    return this.#options.mayRunTogether(one, other) && this.#options.mayRunTogether(other, one);
  }

  #overdue(job: ScheduledJob, now: Date): Date | undefined {
    const { clock, random } = this.#options;
    const due = overdueTick(job.name, job.ticks, this.#options.state, now);
    if (due === undefined) return undefined;
    const known = this.#ready.get(job.name);
    const ready = known?.due === due.getTime() ? known : { due: due.getTime(), from: clock.elapsed() + random() * job.jitterMs };
    this.#ready.set(job.name, ready);
    return clock.elapsed() >= ready.from ? due : undefined;
  }

  #begin(job: ScheduledJob, due: Date): void {
    const controller = new AbortController();
    const ended = this.#runToEnd(job, due, controller).finally(() => {
      this.#running.delete(job.name);
      this.#wake.abort(); // somebody may have waited for it
    });
    this.#running.set(job.name, { job, controller, ended });
  }

  async #runToEnd(job: ScheduledJob, due: Date, controller: AbortController): Promise<void> {
    const { clock, state, onRun } = this.#options;
    const startedAt = clock.now();
    const over = new AbortController();
    const watch = async (): Promise<void> => {
      await clock.sleep(job.timeoutMs, over.signal);
      if (!over.signal.aborted) controller.abort(new TimeoutError(`took longer than ${job.timeoutMs / 1000} s`));
    };
    const late = watch();
    let outcome: Outcome = 'done';
    let message: string | null = null;
    try {
      await job.run(due, controller.signal);
    } catch (error) {
      outcome = controller.signal.aborted ? (controller.signal.reason instanceof TimeoutError ? 'timed out' : 'stopped') : 'failed';
      const cause: unknown = controller.signal.aborted ? controller.signal.reason : error;
      message = cause instanceof Error ? cause.message : String(cause);
    } finally {
      over.abort();
      await late;
    }
    const run: Run = { job: job.name, due, startedAt, endedAt: clock.now(), outcome, message };
    state.record(run);
    onRun(run);
  }
}

class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}
