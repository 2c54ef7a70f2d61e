import { describe, expect, test } from 'vitest';
import { mysqlChain } from '../../../../runtime/engines/mysql/chain-rules.ts';
import { dialects } from '../../../../runtime/engines/mysql/dialect.ts';
import { manifest } from '../../format/manifests.ts';

const rules = mysqlChain(dialects.mariadb);
const full = manifest({
  position: { from: null, to: '0-1-50' },
  facts: { server: '', serverId: 1, next: { file: 'binlog.000002', position: 198 } },
});
const facts = { server: '', serverId: 1, file: 'binlog.000002', from: 198, to: 900, next: { file: 'binlog.000003', position: 4 } };
const log = (changes: object, from = '0-1-50') =>
  manifest({ kind: 'log', position: { from, to: '0-1-60' }, facts: { ...facts, ...changes } });

describe('a log of MySQL or MariaDB', () => {
  test('follows where the one before it ends: in the same file, at the same place, after the same transactions, on the same server', () => {
    expect(rules.follows(full, log({}))).toBe(true);
    expect(rules.follows(full, log({ from: 199 }))).toBe(false);
    expect(rules.follows(full, log({ file: 'binlog.000003' }))).toBe(false);
    expect(rules.follows(full, log({ serverId: 2 }))).toBe(false);
    expect(rules.follows(full, log({}, '0-1-49'))).toBe(false);
    expect(
      rules.follows(
        log({}),
        manifest({ kind: 'log', position: { from: '0-1-60', to: '0-1-60' }, facts: { ...facts, file: 'binlog.000003', from: 4 } }),
      ),
    ).toBe(true);
  });

  test('holds all that another full backup of the same server holds, once it has the transactions of that; of data that were put back it holds nothing', () => {
    const newer = (to: string, changes: object = {}) =>
      manifest({ position: { from: null, to }, facts: { server: '', serverId: 1, ...changes } });
    expect([rules.holdsAllOf(log({}), newer('0-1-60')), rules.holdsAllOf(log({}), newer('0-1-61'))]).toEqual([true, false]);
    expect(rules.holdsAllOf(log({}), newer('0-1-55', { server: '1766361600' }))).toBe(false);
    expect(rules.holdsAllOf(log({}), newer('0-1-55', { serverId: 2 }))).toBe(false);
    const mysql = mysqlChain(dialects.mysql);
    const [own, other] = ['3e11fa47-71ca-11e1-9e33-c80aa9429562', '4e11fa47-71ca-11e1-9e33-c80aa9429562'];
    const executed = manifest({ kind: 'log', position: { from: '', to: `${own}:1-60` }, facts: { server: own, serverId: 1 } });
    expect(mysql.holdsAllOf(executed, newer(`${own}:1-55`, { server: own }))).toBe(true);
    expect(mysql.holdsAllOf(executed, newer(`${own}:1-55`, { server: other }))).toBe(false);
    expect(mysql.holdsAllOf(executed, newer(`${own}:1-55,${other}:1`, { server: own }))).toBe(false);
  });

  test('reaches the transactions up to its last', () => {
    expect([rules.reaches(log({}), '0-1-60'), rules.reaches(log({}), '0-1-61')]).toEqual([true, false]);
    expect([rules.endsAt(full, '0-1-50'), rules.endsAt(full, '0-1-49'), rules.endsAt(full, '0-1-51')]).toEqual([true, false, false]);
    expect([rules.isAfter(full, '0-1-50'), rules.isAfter(full, '0-1-51')]).toEqual([false, true]);
  });
});
