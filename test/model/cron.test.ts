import { describe, expect, test } from 'vitest';
import { everComes, isTimeZone, longestPause, parseCron } from '../../model/cron.ts';

describe('a schedule of cron', () => {
  test.each([
    ['*/15 * * * *', { minute: [0, 15, 30, 45], eitherDay: false }],
    ['5/20 1-3 * * *', { minute: [5, 25, 45], hour: [1, 2, 3] }],
    ['0 0 1,15 jan,Jul mon-fri', { dayOfMonth: [1, 15], month: [1, 7], dayOfWeek: [1, 2, 3, 4, 5], eitherDay: true }],
    ['0 0 * * 7', { dayOfWeek: [0], eitherDay: false }],
    ['0 0 * * 5-7', { dayOfWeek: [0, 5, 6] }],
    ['0 0 */10 * 1', { dayOfMonth: [1, 11, 21, 31], eitherDay: false }],
    ['@weekly', { minute: [0], hour: [0], dayOfWeek: [0] }],
    ['  0   3 * * * ', { hour: [3] }],
  ])('%s stands for its times', (text, times) => {
    expect(parseCron(text)).toMatchObject(times);
  });

  test.each([
    '',
    '* * * *',
    '* * * * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
  ])('%j is none', (text) => {
    expect(parseCron(text)).toBeUndefined();
  });

  test.each(['1-2-3 * * * *', 'a * * * *', '1,,2 * * * *', '* * * foo *', '-1 * * * *', '@reboot', '*/100 * * * *', '1//2 * * * *'])(
    '%j is none either',
    (text) => {
      expect(parseCron(text)).toBeUndefined();
    },
  );
});

test.each([
  [true, '0 0 29 2 *'],
  [true, '0 0 31 2,3 *'],
  [true, '0 0 28-31 2 *'],
  [true, '0 0 31 2 1'],
  [false, '0 0 30 2 *'],
  [false, '0 0 31 4,6,9,11 *'],
  [false, '0 0 31 2 */2'],
])('it is %s that %s ever comes', (comes, text) => {
  expect([parseCron(text)].map((schedule) => schedule && everComes(schedule))).toEqual([comes]);
});

test.each([
  [1, ['30 1 * * *']],
  [7, ['30 1 * * 0']],
  [1, ['30 1 * * 0', '30 1 * * 1-6']],
  [3, ['0 2 * * 1-5']],
  [31, ['0 0 1 * *']],
  [4, ['0 0 1 * *', '0 3 * * 2,5']],
] as const)('at most %d days lie between two runs of %j', (days, texts) => {
  expect(longestPause(texts.flatMap((text) => parseCron(text) ?? []))).toBe(days);
});

test('a time zone is one that is known by name', () => {
  expect(['UTC', 'Europe/Berlin', 'America/Argentina/Ushuaia'].map(isTimeZone)).toEqual([true, true, true]);
  expect(['Europe/Atlantis', '+01:00', '', 'UTC; rm'].map(isTimeZone)).toEqual([false, false, false, false]);
});
