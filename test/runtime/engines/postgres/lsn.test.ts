import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  endOfRecord,
  formatLsn,
  parseLsn,
  segmentName,
  startOfSegment,
  startOfSegmentNamed,
} from '../../../../runtime/engines/postgres/lsn.ts';

const mib = 2 ** 20;
const anyLsn = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
const anySegment = fc.constantFrom(1, 16, 64, 1024).map((size) => size * mib);

describe('a place in the log', () => {
  test('is written as the server writes it', () => {
    expect(formatLsn(parseLsn('16/B374D848'))).toBe('16/B374D848');
    expect(parseLsn('1/0')).toBe(4_294_967_296n);
    fc.assert(fc.property(anyLsn, (lsn) => parseLsn(formatLsn(lsn)) === lsn));
  });

  test.each(['', '0', '0/', '/1', 'x/1', '0/123456789', '0/abc'])('%j is none', (text) => {
    expect(() => parseLsn(text)).toThrow('is no place');
  });

  test.each([
    [1, '0/2000028', 16, '000000010000000000000002'],
    [3, '1/FF000000', 16, '0000000300000001000000FF'],
    [1, '0/40000000', 1024, '000000010000000000000001'],
  ])('timeline %d, %s with files of %d MiB lies in %s', (timeline, lsn, size, name) => {
    expect(segmentName(timeline, parseLsn(lsn), size * mib)).toBe(name);
  });

  test('is found again by the name of its file', () => {
    fc.assert(
      fc.property(anyLsn, anySegment, fc.integer({ min: 1, max: 9999 }), (lsn, size, timeline) => {
        const expected = { timeline, start: startOfSegment(lsn, size) };
        expect(startOfSegmentNamed(segmentName(timeline, lsn, size), size)).toEqual(expected);
        expect(startOfSegmentNamed(`${segmentName(timeline, lsn, size)}.partial`, size)).toEqual(expected);
      }),
    );
    expect(startOfSegmentNamed('00000002.history', 16 * mib)).toBeUndefined();
  });

  test('behind the head of a page is where the page begins, and anywhere else it is what it is', () => {
    const end = (lsn: string) => formatLsn(endOfRecord(parseLsn(lsn), 16 * mib));
    expect(['0/8002018', '0/9000028', '0/9000018', '0/8002028', '0/8002020'].map(end)).toEqual([
      '0/8002000',
      '0/9000000',
      '0/9000018',
      '0/8002028',
      '0/8002020',
    ]);
  });
});
