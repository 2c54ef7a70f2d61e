import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { dialects } from '../../../../runtime/engines/mysql/dialect.ts';
import { mysqlLogReader } from '../../../../runtime/engines/mysql/transactions.ts';
import type { LoggedTransaction } from '../../../../runtime/ports/log-reader.ts';
import type { Bytes } from '../../../../runtime/streams/blocks.ts';
import { manifest } from '../../format/manifests.ts';
import { cut } from '../../streams/bytes.ts';
import { eventOf, mariadbTransaction, previous, slice, source, transaction } from './logs.ts';

const after = manifest({ kind: 'full', position: { from: null, to: `${source}:1-4` } });

async function read(logs: readonly Buffer[], lengths: readonly number[] = [], base = after, { parse } = dialects.mysql) {
  const found: LoggedTransaction[] = [];
  let bytes = 0;
  const each = async function* () {
    for (const log of logs) {
      await Promise.resolve();
      const open = async function* (): Bytes {
        await Promise.resolve();
        yield* cut(log, lengths);
      };
      yield { manifest: manifest({ kind: 'log' }), open };
    }
  };
  await mysqlLogReader({ parse }).read(
    { after: base, base: () => Promise.reject(new Error('is not asked for')) },
    each(),
    (one) => found.push(one),
    (more) => (bytes += more),
  );
  return { found, bytes };
}

const number = (table: number): Buffer => Buffer.from([table, 0, 0, 0, 0, 0]);
const map = (table: number, schema: string, name: string): Buffer =>
  eventOf(
    19,
    Buffer.concat([
      number(table),
      Buffer.from([1, 0, schema.length]),
      Buffer.from(`${schema}\0`),
      Buffer.from([name.length]),
      Buffer.from(`${name}\0`),
      Buffer.alloc(9),
    ]),
  );
const rows = (type: number, table: number, bytes = 30): Buffer => eventOf(type, Buffer.concat([number(table), Buffer.alloc(bytes, 7)]));
const query = (schema: string, text: string): Buffer => {
  const head = Buffer.alloc(13);
  head.writeUInt8(schema.length, 8);
  head.writeUInt16LE(5, 11);
  return eventOf(2, Buffer.concat([head, Buffer.alloc(5, 1), Buffer.from(`${schema}\0${text}`)]));
};
/** Without rows of its own. */
const begun = (at: number): Buffer => transaction(at, 1_700_000_000_000_000 + at * 1000, 0).subarray(0, 19 + 56 + 4);

describe('transactions of a log', () => {
  const first = Buffer.concat([
    begun(5),
    query('', 'BEGIN'),
    map(9, 'shop', 'orders'),
    rows(32, 9, 40_000),
    rows(32, 9),
    map(10, 'shop', 'audit'),
    rows(30, 10),
  ]);
  const second = Buffer.concat([begun(6), query('shop', 'DROP TABLE `orders`')]);
  const third = Buffer.concat([begun(7), map(9, 'shop', 'people'), rows(31, 9), eventOf(40, Buffer.alloc(90))]);

  test('are told with what they did to which tables, however the log is cut', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 8 }), async (lengths) => {
        const { found } = await read([slice(previous(4), first, second), slice(third)], lengths);
        expect(found).toEqual([
          {
            id: `${source}:5`,
            at: new Date(1_700_000_000_005),
            bytes: first.length,
            tables: [
              { name: 'shop.orders', inserted: 0, updated: 0, deleted: 2 },
              { name: 'shop.audit', inserted: 1, updated: 0, deleted: 0 },
            ],
            statements: [],
            isOpaque: false,
          },
          {
            id: `${source}:6`,
            at: new Date(1_700_000_000_006),
            bytes: second.length,
            tables: [],
            statements: ['DROP TABLE shop.orders'],
            isOpaque: false,
          },
          {
            id: `${source}:7`,
            at: new Date(1_700_000_000_007),
            bytes: third.length,
            tables: [{ name: 'shop.people', inserted: 0, updated: 1, deleted: 0 }],
            statements: [],
            isOpaque: true,
          },
        ]);
      }),
      { numRuns: 30 },
    );
  });

  test('are those of MariaDB as well', async () => {
    const base = manifest({ kind: 'full', position: { from: null, to: '0-1-4' } });
    const { found } = await read([slice(mariadbTransaction(0, 2, 5, 1000))], [], base, dialects.mariadb);
    expect(found.map(({ id, at }) => [id, at.getTime()])).toEqual([['0-2-5', 1_001_000]]);
  });

  test('have nothing of a checksum at the end of their statements', async () => {
    const all = Array.from({ length: 60 }, (_, n) => Buffer.concat([begun(5 + n), query('shop', `DROP TABLE t${n}`)]));
    const { found } = await read([slice(...all)]);
    expect(found.map(({ statements }) => statements)).toEqual(all.map((_, n) => [`DROP TABLE shop.t${n}`]));
  });

  test('leave out those that only note the time for backups', async () => {
    const noted = (at: number, ...also: readonly Buffer[]): Buffer =>
      Buffer.concat([begun(at), query('', 'BEGIN'), map(9, 'berth_canary', 'canary'), rows(31, 9), ...also]);
    const others = [map(10, 'shop', 'audit'), rows(30, 10)];
    const { found } = await read([slice(previous(4), noted(5), noted(6, ...others), Buffer.concat([begun(7), query('', 'COMMIT')]))]);
    expect(found.map(({ id }) => id)).toEqual([`${source}:6`, `${source}:7`]);
  });

  test('say where a statement may have done more than is told, or is longer than what is looked at', async () => {
    const names = Array.from({ length: 2000 }, (_, n) => `\`some_table_${n}\``).join(',');
    const statements = ['WITH x AS (SELECT 1) DELETE FROM orders', `DROP TABLE ${names}`, 'DROP TABLE a, b'];
    const { found } = await read([slice(previous(4), ...statements.map((text, n) => Buffer.concat([begun(5 + n), query('shop', text)])))]);
    expect(found.map(({ isOpaque }) => isOpaque)).toEqual([true, true, false]);
    expect(found[1]?.statements.slice(0, 2)).toEqual(['DROP TABLE shop.some_table_0', 'DROP TABLE shop.some_table_1']);
    expect(found[2]?.statements).toEqual(['DROP TABLE shop.a', 'DROP TABLE shop.b']);
  });

  test('are counted as they are read', async () => {
    expect((await read([slice(second)])).bytes).toBe(slice(second).length);
  });

  test('of a log that is not what was written are no answer', async () => {
    await expect(read([slice(previous(4), first).subarray(0, -1)])).rejects.toThrow(
      expect.objectContaining({ kind: 'damaged', message: expect.stringContaining('the log breaks off within an event') }),
    );
    await expect(read([slice(previous(8), first)])).rejects.toThrow(expect.objectContaining({ kind: 'damaged' }));
  });
});
