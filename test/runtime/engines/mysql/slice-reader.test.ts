import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BrokenLog, previousGtidsEvent } from '../../../../runtime/engines/mysql/binlog-events.ts';
import { MariadbGtids, MysqlGtids, type GtidSet } from '../../../../runtime/engines/mysql/gtids.ts';
import { NotContinuous, SliceReader, type Transaction } from '../../../../runtime/engines/mysql/slice-reader.ts';
import { cut } from '../../streams/bytes.ts';
import { anonymous, description, gtidList, mariadbTransaction, previous, source, transaction } from './logs.ts';

const mysql = (text: string): GtidSet => MysqlGtids.parse(text);
const mariadb = (text: string): GtidSet => MariadbGtids.parse(text);

function read(log: Buffer, held: string, parse = mysql, lengths: readonly number[] = []) {
  const found: Transaction[] = [];
  const gtids = parse(held);
  const reader = new SliceReader(gtids, parse, 4, (each) => found.push(each));
  for (const piece of cut(log, lengths)) reader.push(piece);
  reader.end();
  return { found, gtids: gtids.toString() };
}

describe('a log of MySQL', () => {
  const log = Buffer.concat([description, previous(4), transaction(5, 1_700_000_000_123_456), transaction(6, 1_700_000_000_500_000, 9000)]);

  test('shows its transactions with the time of their commit and where they begin, however it is cut', () => {
    const start = 4 + description.length + previous(4).length;
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 8 }), (lengths) => {
        const { found, gtids } = read(log, `${source}:1-4`, mysql, lengths);
        expect(found).toEqual([
          { gtid: `${source}:5`, at: 1_700_000_000_123.456, start },
          { gtid: `${source}:6`, at: 1_700_000_000_500, start: start + transaction(5, 0).length },
        ]);
        expect(gtids).toBe(`${source}:1-6`);
      }),
    );
  });

  test('may begin with what stood before it, as a slice does that begins within a file', () => {
    const head = { type: 15, seconds: 1, serverId: 1, bytes: 0, endsAt: 0, isArtificial: true };
    const opening = previousGtidsEvent(`${source}:1-3:5`, head);
    const begun = Buffer.concat([description, opening, transaction(6, 1_700_000_000_000_000)]);
    expect(read(begun, `${source}:1-3:5`).gtids).toBe(`${source}:1-3:5-6`);
    expect(() => read(begun, `${source}:1-3`)).toThrow(NotContinuous);
    expect(read(Buffer.concat([description, previousGtidsEvent('', head)]), '').gtids).toBe('');
  });

  test('that goes on later than what there is has a hole', () => {
    expect(() => read(log, `${source}:1-3`)).toThrow(
      new NotContinuous(`the log goes on after ${source}:1-4, and ${source}:1-3 is what was received`),
    );
  });

  test('with a transaction that was there before is that of a server with another history', () => {
    expect(() => read(log, `${source}:1-5`)).toThrow(/transaction .*:5 is in the log, and was before it/);
  });

  test('with a flipped bit anywhere in an event is broken', () => {
    fc.assert(
      fc.property(fc.integer({ min: description.length + 19, max: description.length + previous(4).length - 1 }), fc.nat(7), (at, bit) => {
        const flipped = Buffer.from(log);
        flipped[at]! ^= 1 << bit;
        expect(() => read(flipped, `${source}:1-4`)).toThrow(BrokenLog);
      }),
    );
  });

  test('that breaks off within an event is not whole', () => {
    expect(() => read(log.subarray(0, -1), `${source}:1-4`)).toThrow(new NotContinuous('the log breaks off within an event'));
  });

  test('without GTIDs cannot be followed', () => {
    expect(() => read(Buffer.concat([description, anonymous]), '')).toThrow('a transaction has no GTID: somebody has turned them off');
  });
});

describe('a log of MariaDB', () => {
  test('shows its transactions, with the latest second in them', () => {
    const log = Buffer.concat([description, gtidList([0, 1, 4]), mariadbTransaction(0, 2, 5, 1000), mariadbTransaction(1, 1, 1, 2000)]);
    const { found, gtids } = read(log, '0-1-4', mariadb);
    expect(found.map(({ gtid, at }) => [gtid, at])).toEqual([
      ['0-2-5', 1_001_000],
      ['1-1-1', 2_001_000],
    ]);
    expect(gtids).toBe('0-2-5,1-1-1');
    expect(() => read(log, '0-1-3', mariadb)).toThrow(NotContinuous);
  });
});
