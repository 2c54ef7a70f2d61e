import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MysqlGtids } from '../../../../runtime/engines/mysql/gtids.ts';
import { findEnd, placeRelayLogs } from '../../../../runtime/engines/mysql/relay.ts';
import type { RestoreTarget } from '../../../../runtime/ports/scratch-engine.ts';
import { previous, slice, source, transaction } from './logs.ts';

let home = '';
let paths: string[] = [];
const first = slice(transaction(5, 1_000_000), transaction(6, 2_000_500));
const second = slice(previous(6), transaction(7, 3_000_000), transaction(8, 4_000_000));

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'berth-relay-'));
  paths = [first, second].map((bytes, index) => {
    const path = join(home, String(index));
    writeFileSync(path, bytes);
    return path;
  });
});
afterEach(() => rmSync(home, { recursive: true }));

const end = (target: RestoreTarget) => findEnd(paths, MysqlGtids.parse(`${source}:1-4`), (text) => MysqlGtids.parse(text), target);
const at = (milliseconds: number): RestoreTarget => ({ kind: 'time', at: new Date(milliseconds) });
const transactionOf = (number: number, inclusive: boolean): RestoreTarget => ({
  kind: 'transaction',
  id: `${source}:${number}`,
  inclusive,
});

describe('the end of a log', () => {
  test.each<[string, RestoreTarget, number, number]>([
    ['latest', { kind: 'latest' }, 2, 8],
    ['a time before the first', at(999), 1, 4],
    ['the very time of a commit', at(1000), 1, 5],
    ['a millisecond that a commit lies half of one beyond', at(2000), 1, 5],
    ['a time between', at(2999), 2, 6],
    ['a time after the last', at(9999), 2, 8],
    ['a transaction', transactionOf(6, true), 2, 6],
    ['just before a transaction', transactionOf(6, false), 1, 5],
    ['the last transaction', transactionOf(8, true), 2, 8],
    ['a set of transactions', { kind: 'position', position: `${source}:1-7` }, 2, 7],
  ])('for %s', async (_, target, slices, last) => {
    const found = await end(target);
    expect([found.slices, found.goal.toString()]).toEqual([slices, `${source}:1-${last}`]);
    expect(found.transactions).toBe(last - 4);
  });

  test('is nowhere for a transaction that is not there, or a set that never was', async () => {
    await expect(end(transactionOf(99, true))).rejects.toMatchObject({ kind: 'usage' });
    await expect(end({ kind: 'position', position: `${source}:1-5:7` })).rejects.toMatchObject({ kind: 'usage' });
  });

  test('is cut into the files that a replica reads, just before the transaction that is too much', async () => {
    await placeRelayLogs(paths, await end(at(3500)), home);
    expect(readFileSync(join(home, 'relay.index'), 'utf8')).toBe('./relay.000001\n./relay.000002\n');
    expect(readFileSync(join(home, 'relay.000001')).equals(first)).toBe(true);
    expect(readFileSync(join(home, 'relay.000002')).equals(slice(previous(6), transaction(7, 3_000_000)))).toBe(true);
  });
});
