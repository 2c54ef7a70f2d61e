import { describe, expect, test } from 'vitest';
import type { Measured, Verification } from '../../../model/backup/verification.ts';
import { ratesOf, secondsFor } from '../../../runtime/jobs/rates.ts';

const MB = 1_000_000;
const record = (n: number, measured: Measured | null): Verification => ({
  format: 'berth-verification',
  version: 1,
  id: `01JD5Z5M2R${String(n).padStart(16, '0')}`,
  backups: ['01JD5Z5M2R000000000000000A'],
  level: 3,
  at: `2026-11-${String(n).padStart(2, '0')}T01:00:00.000Z`,
  result: 'sound',
  detail: [],
  berth: '0.1.0',
  measured,
});
const took = (n: number, bytes: number, seconds: number, log: Measured['log'] = null): Verification =>
  record(n, { whole: { bytes, milliseconds: seconds * 1000 }, log });

describe('how fast restores are', () => {
  test('is the median of the last five that were measured, in the order of their ids', () => {
    const { whole } = ratesOf([
      took(20, 100 * MB, 10),
      took(15, 100 * MB, 5),
      took(16, 100 * MB, 20),
      took(17, 100 * MB, 4),
      record(21, null),
      took(18, 100 * MB, 10),
      // Long ago, on another disk.
      took(3, 100 * MB, 1),
    ]);
    expect(whole).toEqual({ bytesPerSecond: 10 * MB, at: new Date('2026-11-20T01:00:00Z'), most: 100 * MB });
    expect(ratesOf([took(1, 100 * MB, 10), took(2, 100 * MB, 5)]).whole?.bytesPerSecond).toBe(15 * MB);
  });

  test('is not told by one that was small beside the others, whose time is that of a server that starts', () => {
    const log = (bytes: number) => ({ bytes, milliseconds: 2000 });
    const { log: rate } = ratesOf([took(1, MB, 1, log(200 * MB)), took(2, MB, 1, log(1000)), took(3, MB, 1, log(0))]);
    expect(rate).toMatchObject({ bytesPerSecond: 100 * MB, at: new Date('2026-11-01T01:00:00Z') });
  });

  test('is not known where nothing was measured, or had anything to do, or took any time', () => {
    expect(ratesOf([])).toEqual({ whole: undefined, log: undefined });
    expect(ratesOf([record(1, null), took(2, 0, 3), took(3, MB, 0)])).toEqual({ whole: undefined, log: undefined });
  });

  test('says nothing of what is more than ten times as much as was ever measured, unless that was plenty', () => {
    const rate = (most: number) => ({ bytesPerSecond: MB, at: new Date(0), most });
    expect(secondsFor(10 * MB, rate(MB))).toBe(10);
    expect(secondsFor(10 * MB + 1, rate(MB))).toBeUndefined();
    expect(secondsFor(5000 * MB, rate(70 * MB))).toBe(5000);
    expect(secondsFor(1, undefined)).toBeUndefined();
    expect(secondsFor(0, undefined)).toBe(0);
  });
});
