import { describe, expect, test } from 'vitest';
import { KeptTransactions } from '../../../runtime/jobs/kept-transactions.ts';
import { minute } from './chains.ts';

const one = (id: string, bytes: number, deleted: number, ...statements: readonly string[]) => ({
  id,
  at: minute(bytes % 7),
  bytes,
  tables: deleted === 0 ? [] : [{ name: 'shop.orders', inserted: 0, updated: 0, deleted }],
  statements,
  isOpaque: false,
  history: 'first',
  full: 'first',
});

function suspectIn(transactions: readonly (ReturnType<typeof one> & { readonly isPartial?: boolean })[], limit = 50): string | undefined {
  const kept = new KeptTransactions({ limit, largest: false });
  for (const each of transactions) kept.take(each);
  return kept.suspect()?.id;
}

describe('of all transactions that came, a restore is offered to just before the one', () => {
  test('that removes most rows', () => {
    expect(suspectIn([one('a', 900, 0), one('b', 10, 3), one('c', 20, 40)])).toBe('c');
    expect(suspectIn([one('c', 20, 40), one('b', 10, 3), one('a', 900, 0)], 1)).toBe('c');
  });

  test('that removes rows of tables, and not definitions of the server', () => {
    const grant = { ...one('e', 5, 0), tables: [{ name: 'catalog', inserted: 0, updated: 0, deleted: 400 }] };
    expect(suspectIn([grant, one('b', 4, 3)])).toBe('b');
  });

  test.each([
    'DROP TABLE shop.orders',
    'DROP DATABASE shop',
    'DROP SCHEMA shop',
    'CREATE OR REPLACE TABLE shop.orders',
    'CREATE OR REPLACE DATABASE shop',
    'TRUNCATE shop.orders',
    'TRUNCATE TABLE shop.orders',
    'DROP PARTITION shop.orders',
    'TRUNCATE PARTITION shop.orders',
    'DELETE shop.orders',
  ])('that removes something as a whole: %s', (statement) => {
    expect(suspectIn([one('d', 1, 0, statement), one('c', 20, 40_000)])).toBe('d');
  });

  test.each([
    'DROP INDEX i ON shop.orders',
    'DROP VIEW shop.v',
    'DROP USER',
    'DROP TEMPORARY TABLE shop.t',
    'DROP TABLESPACE t',
    'CREATE TABLE shop.t',
    'ALTER TABLE shop.t',
  ])('and not that removes no data: %s', (statement) => {
    expect(suspectIn([one('c', 20, 1), one('d', 90, 0, statement)])).toBe('c');
  });

  test('that removes a database before tables, more tables before fewer, and of as many the later one', () => {
    const two = one('two', 1, 0, 'DROP TABLE shop.a', 'DROP TABLE shop.b');
    expect(suspectIn([one('d', 1, 0, 'DROP DATABASE shop'), two])).toBe('d');
    expect(suspectIn([two, one('one', 1, 0, 'DROP TABLE shop.c')])).toBe('two');
    expect(suspectIn([one('late', 6, 0, 'DROP TABLE shop.c'), one('early', 1, 0, 'DROP TABLE shop.d')])).toBe('late');
  });

  test('that is the largest where nothing is removed, and none where there is none, or one of which not all is known', () => {
    expect(suspectIn([one('a', 900, 0), one('b', 10, 0)])).toBe('a');
    expect(suspectIn([])).toBe(undefined);
    expect(suspectIn([one('a', 900, 4), { ...one('b', 10, 0), isOpaque: true }])).toBe(undefined);
    expect(suspectIn([one('a', 900, 4), { ...one('b', 10, 0), isPartial: true }])).toBe(undefined);
    // Rows that lie beside a table because they are long are told as of one, where nothing tells what a file is.
    const nameless = (deleted: number) => ({
      ...one('b', 10, 0),
      tables: [{ name: 'relation 16414 of database shop', inserted: 9, updated: 0, deleted, isUnnamed: true as const }],
    });
    expect(suspectIn([one('a', 900, 4), nameless(0)])).toBe('a');
    expect(suspectIn([one('a', 900, 4), nameless(1)])).toBe(undefined);
  });
});
