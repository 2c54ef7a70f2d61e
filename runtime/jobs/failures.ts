/** So many in turn are a store that is away. */
const mostInTurn = 3;

/** What failed while others had their turn all the same. */
export class Failures {
  readonly #all: unknown[] = [];
  #inTurn = 0;

  /** @throws what the signal was aborted with: then nothing else has its turn. */
  add(failure: unknown, signal: AbortSignal): void {
    signal.throwIfAborted();
    this.#all.push(failure);
    this.#inTurn += 1;
  }

  wentWell(): void {
    this.#inTurn = 0;
  }

  /** Whether nothing else needs to be tried. */
  get tooMany(): boolean {
    return this.#inTurn >= mostInTurn;
  }

  get all(): readonly unknown[] {
    return this.#all;
  }
}

/** @throws the first of them, once there is nothing left to do. */
export function throwFirst(failures: readonly unknown[]): void {
  if (failures.length > 0) throw failures[0];
}

/**
 * Does it with each, also where it fails with another.
 *
 * @returns What failed.
 */
export async function withEach<T>(all: Iterable<T>, does: (each: T) => Promise<void>, signal: AbortSignal): Promise<readonly unknown[]> {
  const failures = new Failures();
  for (const each of all) {
    try {
      await does(each);
      failures.wentWell();
    } catch (error) {
      failures.add(error, signal);
      if (failures.tooMany) break;
    }
  }
  return failures.all;
}
