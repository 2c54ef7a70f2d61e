import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { aheadOf } from '../../../runtime/jobs/clock-jumps.ts';

const minute = 60_000;
/** Of so many minutes each. */
const ahead = (...minutes: readonly number[]): readonly number[] =>
  [...aheadOf(minutes, (each) => each * minute)].toSorted((a, b) => a - b);

describe('a clock that was ahead', () => {
  test('is known by what was made later and bears an earlier time', () => {
    expect(ahead(1, 2, 3)).toEqual([]);
    expect(ahead(1, 900, 3)).toEqual([900]);
    expect(ahead(1, 900, 901, 3, 4, 5)).toEqual([900, 901]);
    expect(ahead(900, 2, 3)).toEqual([900]);
    expect(ahead()).toEqual([]);
  });

  test('is not known before anything was made behind it', () => {
    expect(ahead(1, 2, 900)).toEqual([]);
  });

  test('is not one that was set back by a minute, nor are all others for one that was behind', () => {
    expect(ahead(5, 4, 6)).toEqual([]);
    expect(ahead(5, 3.9, 6)).toEqual([5]);
    expect(ahead(100, 101, 1, 102, 103)).toEqual([]);
    expect(ahead(100, 101, 102, 1)).toEqual([]);
  });

  test('is found wherever fewer moments were wrong than right, each by itself', () => {
    const wrong = fc.record({ index: fc.nat(30), by: fc.integer({ min: 100, max: 1e6 }) });
    fc.assert(
      fc.property(fc.uniqueArray(wrong, { selector: ({ index }) => index, maxLength: 5 }), (wrongs) => {
        const made = Array.from({ length: 40 }, (_, index) => ({ index, minute: index }));
        for (const { index, by } of wrongs) made[index] = { index, minute: index + by };
        const found = [...aheadOf(made, (each) => each.minute * minute)].map(({ index }) => index);
        expect(found.toSorted((a, b) => a - b)).toEqual(wrongs.map(({ index }) => index).toSorted((a, b) => a - b));
      }),
    );
  });
});
