import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MariadbGtids, MysqlGtids } from '../../../../runtime/engines/mysql/gtids.ts';

const a = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const b = '9b0c1d2e-71ca-11e1-9e33-c80aa9429562';

describe('transactions of MySQL', () => {
  test.each([
    ['', ''],
    [`${a}:1`, `${a}:1`],
    [`${a}:1-3:2-9`, `${a}:1-9`],
    [`${a.toUpperCase()}:5:1-4,\n${b}:7`, `${a}:1-5,${b}:7`],
    [`${b}:1,${a}:1:3`, `${a}:1:3,${b}:1`],
    [`${a}:1-5:tag:1-2`, `${a}:1-5,${a}:tag:1-2`],
  ])('%s is written as %s', (text, written) => {
    expect(MysqlGtids.parse(text).toString()).toBe(written);
    expect(MysqlGtids.parse(written).toString()).toBe(written);
  });

  test('are those that were put in, in any order, and no others', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 40 })), (numbers) => {
        const set = new MysqlGtids();
        for (const number of numbers) set.add(`${a}:${number}`);
        for (let number = 1; number <= 40; number += 1) expect(set.has(`${a}:${number}`)).toBe(numbers.includes(number));
        expect(set.copy().covers(set) && set.covers(set.copy())).toBe(true);
      }),
    );
  });

  test('cover what is in them, source by source', () => {
    const set = MysqlGtids.parse(`${a}:1-10:20,${b}:1`);
    expect(set.covers(MysqlGtids.parse(`${a}:3-10:20`))).toBe(true);
    expect(set.covers(MysqlGtids.parse(`${a}:3-11`))).toBe(false);
    expect(MysqlGtids.parse(`${a}:1-10:20`).covers(set)).toBe(false);
    expect(set.covers(MysqlGtids.parse(''))).toBe(true);
  });

  test.each(['0-1-5', `${a}:0`, a, `${a}:5-x`, 'no'])('%s is refused', (text) => {
    expect(() => MysqlGtids.parse(text)).toThrow(expect.objectContaining({ kind: 'usage' }));
  });
});

describe('transactions of MariaDB', () => {
  test('are all up to the last of each domain', () => {
    const set = MariadbGtids.parse('1-2-7, 0-1-50');
    expect(set.toString()).toBe('0-1-50,1-2-7');
    expect([set.has('0-9-50'), set.has('0-1-51'), set.has('2-1-1')]).toEqual([true, false, false]);
    set.add('0-3-51');
    expect(set.toString()).toBe('0-3-51,1-2-7');
    expect(set.covers(MariadbGtids.parse('0-1-50'))).toBe(true);
    expect(MariadbGtids.parse('0-1-50').covers(set)).toBe(false);
  });

  test('are refused where they are malformed', () => {
    expect(() => MariadbGtids.parse('0-1')).toThrow(expect.objectContaining({ kind: 'usage' }));
  });
});
