import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { inOrder } from '../../../runtime/streams/in-order.ts';

async function* numbers(until: number, seen: number[] = []): AsyncGenerator<number> {
  try {
    for (let n = 0; n < until; n += 1) {
      seen.push(n);
      await turn();
      yield n;
    }
  } finally {
    seen.push(-1);
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<readonly T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

describe('work in order', () => {
  test('comes out as it went in, whichever is done first', async () => {
    const result = inOrder(numbers(20), 4, async (n) => {
      await sleep((n * 7) % 5);
      return n * n;
    });
    expect(await all(result)).toEqual(Array.from({ length: 20 }, (_, n) => n * n));
  });

  test('is never more at a time than the width', async () => {
    let now = 0;
    let most = 0;
    const full = Promise.withResolvers<void>();
    const result = inOrder(numbers(30), 3, async (n) => {
      most = Math.max(most, (now += 1));
      if (now === 3) full.resolve();
      await full.promise;
      await turn();
      now -= 1;
      return n;
    });
    for await (const _ of result) await turn();
    expect(most).toBe(3);
  });

  test('is not asked for ahead of a slow consumer', async () => {
    const seen: number[] = [];
    const result = inOrder(numbers(100, seen), 3, async (n) => n);
    await result.next();
    await sleep(5);
    expect(seen.length).toBeLessThanOrEqual(3);
    await result.return(undefined);
    expect(seen.at(-1)).toBe(-1);
  });

  test('ends with the failure of one item, after the others have come to rest, and closes the source', async () => {
    const seen: number[] = [];
    let resting = 0;
    const result = inOrder(numbers(10, seen), 4, async (n) => {
      await sleep(n === 2 ? 1 : 10);
      resting += 1;
      if (n === 2 || n === 3) throw new Error(`item ${n}`);
      return n;
    });
    await expect(all(result)).rejects.toThrow('item 2');
    expect(seen.at(-1)).toBe(-1);
    expect(resting).toBe(seen.length - 1);
  });

  test('ends with the failure of the source', async () => {
    async function* failing(): AsyncGenerator<number> {
      yield 1;
      await turn();
      throw new Error('the dump failed');
    }
    await expect(all(inOrder(failing(), 4, async (n) => n))).rejects.toThrow('the dump failed');
  });
});
