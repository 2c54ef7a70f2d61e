import { describe, expect, test } from 'vitest';
import { fewer, reportOf } from './report.ts';

const here = { turns: 11, load: 0.26, node: '24.1.0' };
const row = { what: 'backup / stock', ratio: 0.954, detail: '500 MB/s / 524 MB/s' };

describe('the report', () => {
  test('says how often each half was measured, the machine, and how much else it did', () => {
    expect(reportOf([row], here)).toMatch(
      /\nload of the machine: 0\.3; Node 24\.1\.0; 11 turns, and 4 of many services, backups and restores\n$/,
    );
    expect(reportOf([row], { ...here, only: 'backups' })).toMatch(/; 4 turns\n$/);
    expect(reportOf([row], { ...here, load: undefined })).toContain('load of the machine: ?;');
  });

  test.each([
    [{ least: 0.9 }, /0\.95 .*>= 0\.9 +pass/],
    [{ least: 0.96 }, /0\.95 .*>= 0\.96 +FAIL/],
    [{ bar: 1 }, /0\.95 .*< 1 +pass/],
    [{ bar: 0.954 }, /0\.95 .*< 0\.954 +FAIL/],
    [{}, /0\.95 +500 MB/],
    [{ least: 0.9, ratio: Number.NaN }, /NaN .*FAIL/],
  ])('tells whether a bar %o was reached', (bar, expected) => {
    expect(reportOf([{ ...row, ...bar }], here)).toMatch(expected);
  });

  test('is of at least three turns, however few are asked for', () => {
    expect([1, 9, 11, 30].map(fewer)).toEqual([3, 3, 4, 10]);
  });
});
