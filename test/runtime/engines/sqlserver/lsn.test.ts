import { expect, test } from 'vitest';
import { parseLsn } from '../../../../runtime/engines/sqlserver/lsn.ts';

test.each([
  ['0000001e:00000038:0001', '30000000005600001'],
  ['0000002a:00000110:0003', '42000000027200003'],
  ['FFFFFFFF:ffffffff:ffff', '4294967295429496729565535'],
  ['15000000040000037', '15000000040000037'],
])('a place in a log is the same in both forms: %s', (text, decimal) => {
  expect(parseLsn(text)).toBe(BigInt(decimal));
});

test.each(['', '1:2:3', '0x14', '-1', '12 34', '0000001e:00000038:0001:1'])('%j is none', (text) => {
  expect(() => parseLsn(text)).toThrow(RangeError);
});
