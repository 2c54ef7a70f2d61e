import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { makeUlid, timeOfUlid, ulidPattern } from '../../../model/backup/ulid.ts';

const anyTime = fc.date({ min: new Date(0), max: new Date('9999-01-01'), noInvalidDate: true });
const anyRandom = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe('an id', () => {
  test('tells its time', () => {
    fc.assert(
      fc.property(anyTime, anyRandom, (now, random) => {
        const id = makeUlid(now, random);
        expect(id).toMatch(ulidPattern);
        expect(timeOfUlid(id)).toEqual(now);
      }),
    );
  });

  test('sorts after the one before, also within a millisecond and when the clock goes back', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyTime, anyRandom), { minLength: 2 }), (makings) => {
        const ids: string[] = [];
        for (const [now, random] of makings) ids.push(makeUlid(now, random, ids.at(-1)));
        expect([...ids].sort()).toEqual(ids);
        expect(new Set(ids).size).toBe(ids.length);
      }),
    );
  });

  test('is another one for each attempt, though the clock stands behind the one before', () => {
    const last = makeUlid(new Date('2026-03-29'), Buffer.alloc(10, 9));
    const [one, other] = [1, 2].map((seed) => makeUlid(new Date('2026-03-28'), Buffer.alloc(10, seed), last));
    expect(one).not.toBe(other);
    expect(one! > last && other! > last).toBe(true);
  });

  test('is the one of the specification', () => {
    expect(makeUlid(new Date(1469918176385), Buffer.alloc(10))).toBe('01ARYZ6S410000000000000000');
  });
});
