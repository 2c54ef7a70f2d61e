import type { Run, ScheduleState } from '../ports/schedule-state.ts';

type KeptState = ScheduleState & Disposable;

export interface StateEvents {
  /** It cannot be read or written any more. Told once, until it can be again. */
  readonly failed: (error: unknown) => void;
  readonly works: () => void;
}

/**
 * A state that jobs can rely on whatever becomes of its file: what a scheduler was told since its start is held in memory as well, and a file that fails is opened
 * anew each time something is to be written. What was settled meanwhile is written then. Only a restart in between forgets it.
 */
export class LastingState implements ScheduleState, Disposable {
  readonly #open: () => KeptState;
  readonly #events: StateEvents;
  readonly #settled = new Map<string, Date>();
  /** Of the tick of each job that failed last. */
  readonly #failures = new Map<string, { readonly due: number; readonly runs: readonly Run[] }>();
  #kept: KeptState | undefined;
  #fails = false;
  constructor(open: () => KeptState, events: StateEvents) {
    this.#open = open;
    this.#events = events;
  }

  settledUntil(job: string): Date | undefined {
    const moment = this.#settled.get(job) ?? this.#withKept((kept) => kept.settledUntil(job));
    if (moment !== undefined) this.#settled.set(job, moment);
    return moment;
  }

  settle(job: string, moment: Date): void {
    this.#settled.set(job, moment);
    this.#withKept((kept) => kept.settle(job, moment));
  }

  failures(job: string, due: Date): readonly Run[] {
    const known = this.#failures.get(job);
    if (known?.due === due.getTime()) return known.runs;
    const runs = this.#withKept((kept) => kept.failures(job, due)) ?? [];
    this.#failures.set(job, { due: due.getTime(), runs });
    return runs;
  }

  record(run: Run): void {
    const { job, due, outcome } = run;
    const before = this.failures(job, due);
    if (outcome === 'done') this.#settled.set(job, due);
    else if (outcome !== 'stopped') this.#failures.set(job, { due: due.getTime(), runs: [run, ...before] });
    this.#withKept((kept) => kept.record(run));
  }

  [Symbol.dispose](): void {
    const kept = this.#kept;
    this.#kept = undefined;
    kept?.[Symbol.dispose]();
  }

  /** With the file as it is, or else as it is once it was opened anew; nothing when it fails even then. */
  #withKept<T>(use: (kept: KeptState) => T): T | undefined {
    if (this.#kept !== undefined) {
      try {
        return use(this.#kept);
      } catch {
        this.#letGo();
      }
    }
    try {
      const kept = (this.#kept = this.#open());
      for (const [job, moment] of this.#settled) kept.settle(job, moment);
      const result = use(kept);
      if (this.#fails) this.#events.works();
      this.#fails = false;
      return result;
    } catch (error) {
      this.#letGo();
      if (!this.#fails) this.#events.failed(error);
      this.#fails = true;
      return undefined;
    }
  }

  #letGo(): void {
    try {
      this[Symbol.dispose]();
    } catch {
      // What cannot be closed either is of no more use.
    }
  }
}
