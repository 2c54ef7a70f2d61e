import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { ahead } from '../../../runtime/streams/ahead.ts';

/** Notes what it was asked for, and with -1 that it was closed. */
async function* numbers(until: number, seen: number[] = [], failure?: Error): AsyncGenerator<number> {
  try {
    for (let n = 0; n < until; n += 1) {
      seen.push(n);
      yield n;
    }
    if (failure !== undefined) throw failure;
  } finally {
    seen.push(-1);
  }
}

describe('one ahead', () => {
  test.each([0, 1, 2, 7])('gives all %i in order', async (count) => {
    const got: number[] = [];
    for await (const n of ahead(numbers(count))) got.push(n);
    expect(got).toEqual([...Array(count).keys()]);
  });

  test('gets the next ready while one is in use, and no more', async () => {
    const seen: number[] = [];
    for await (const n of ahead(numbers(5, seen))) {
      await turn();
      expect(seen.filter((each) => each >= 0)).toEqual([...Array(Math.min(n + 2, 5)).keys()]);
    }
  });

  test('closes the source when nobody wants any more', async () => {
    const seen: number[] = [];
    for await (const _ of ahead(numbers(9, seen))) break;
    expect(seen).toEqual([0, 1, -1]);
  });

  test('gives what came before a failure, and then that', async () => {
    const got: number[] = [];
    const reading = (async () => {
      for await (const n of ahead(numbers(2, [], new Error('it broke off')))) {
        got.push(n);
        await turn();
      }
    })();
    await expect(reading).rejects.toThrow('it broke off');
    expect(got).toEqual([0, 1]);
  });
});
