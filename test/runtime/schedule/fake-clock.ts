import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../../runtime/ports/clock.ts';

/** A clock that stands still until it is moved, and whose hands can be set without time passing. */
export class FakeClock implements Clock {
  #wall: number;
  #elapsed = 0;
  #slept = 0;
  readonly #sleepers = new Set<{ readonly until: number; readonly wake: () => void }>();
  constructor(start: string | number) {
    this.#wall = new Date(start).getTime();
  }

  now = (): Date => new Date(this.#wall);
  elapsed = (): number => this.#elapsed;
  sinceBoot = (): number => this.#elapsed + this.#slept;
  sleep = (milliseconds: number, signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const sleeper = { until: this.#elapsed + milliseconds, wake: resolve };
      this.#sleepers.add(sleeper);
      signal.addEventListener('abort', () => {
        this.#sleepers.delete(sleeper);
        resolve();
      });
    });

  /** Lets time pass; whoever sleeps is woken in order, and what he then does is done before the next. */
  async pass(milliseconds: number): Promise<void> {
    const goal = this.#elapsed + milliseconds;
    for (;;) {
      await turn();
      const next = [...this.#sleepers].sort((a, b) => a.until - b.until)[0];
      if (next === undefined || next.until > goal) break;
      this.#move(Math.max(0, next.until - this.#elapsed));
      this.#sleepers.delete(next);
      next.wake();
      await turn();
    }
    this.#move(goal - this.#elapsed);
    await turn();
  }

  /** The host sleeps: its clock goes on, and nobody on it notices. */
  suspend(milliseconds: number): void {
    this.#wall += milliseconds;
    this.#slept += milliseconds;
  }

  /** Somebody sets the clock. */
  set(time: string | number): void {
    this.#wall = new Date(time).getTime();
  }

  #move(milliseconds: number): void {
    this.#elapsed += milliseconds;
    this.#wall += milliseconds;
  }
}
