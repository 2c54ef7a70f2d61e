import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  describeSize,
  formatCpu,
  formatDuration,
  formatSize,
  mib,
  milliCpu,
  parseCpu,
  parseDuration,
  parseSize,
  seconds,
} from '../../model/units.ts';

describe('quantities', () => {
  test('a size is read back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 36 }), (value) => {
        expect(parseSize(formatSize(mib(value)))).toBe(value);
      }),
    );
  });

  test('CPUs are read back as they were written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 4_096_000 }), (value) => {
        expect(parseCpu(formatCpu(milliCpu(value)))).toBe(value);
      }),
    );
  });

  test('a duration is read back as it was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3650 * 86_400 }), (value) => {
        expect(parseDuration(formatDuration(seconds(value)))).toBe(value);
      }),
    );
  });

  test('any other text is none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        for (const value of [parseSize(text), parseCpu(text), parseDuration(text)])
          if (value !== undefined) expect(Number.isSafeInteger(value)).toBe(true);
      }),
    );
    for (const text of ['', ' 1Gi', '1Gi\n', '1 Gi', '-1Gi', '1,5Gi', '0Gi', '1e3', 'NaN', 'Infinity', '9'.repeat(400)])
      expect(parseSize(text)).toBeUndefined();
  });

  test.each([
    [512, '512 MiB'],
    [1024, '1 GiB'],
    [1536, '1.5 GiB'],
    [5734, '5.6 GiB'],
    [2 ** 20, '1 TiB'],
  ])('%i MiB is described as %s', (value, text) => {
    expect(describeSize(mib(value))).toBe(text);
  });
});
