import { describe, expect, test } from 'vitest';
import { BrokenBson, documentsOf, fieldsOf, textIn } from '../../../../runtime/engines/mongodb/bson.ts';
import { formatTimestamp, markOf, parseTimestamp, queryFrom, readEntry } from '../../../../runtime/engines/mongodb/oplog-entry.ts';
import { at, bson, entry, gathered, inner, inPieces, noop, number, text, typed } from './documents.ts';

const all = async (bytes: Buffer): Promise<readonly Buffer[]> => gathered(documentsOf(inPieces(bytes, 3)));

describe('documents of MongoDB', () => {
  test('are told apart, in whatever pieces they come', async () => {
    const documents = [entry(1), noop(2), bson({})];
    expect(await all(Buffer.concat(documents))).toEqual(documents);
    expect(await all(Buffer.alloc(0))).toEqual([]);
  });

  test.each([
    ['is cut off', entry(1).subarray(0, -1)],
    ['ends within its length', entry(1).subarray(0, 3)],
    ['has a length that none can have', Buffer.from([4, 0, 0, 0, 0])],
  ])('are refused where one %s', async (_, bytes) => {
    await expect(all(bytes)).rejects.toThrow(BrokenBson);
  });

  test('are looked at no deeper than their own fields, whatever types stand before', () => {
    const zeros = (bytes: number): Buffer => Buffer.alloc(bytes);
    const before = {
      double: typed(0x01, zeros(8)),
      list: typed(0x04, bson({ 0: number(1) })),
      binary: typed(0x05, Buffer.concat([Buffer.from([3, 0, 0, 0, 4]), zeros(3)])),
      id: typed(0x07, zeros(12)),
      nothing: typed(0x0a, zeros(0)),
      pattern: typed(0x0b, Buffer.from('a.*\0i\0')),
      decimal: typed(0x13, zeros(16)),
      deep: inner(bson({ op: text('wrong') })),
    };
    expect(textIn(fieldsOf(bson({ ...before, op: text('i') })).get('op'))).toBe('i');
    expect(() => fieldsOf(bson({ strange: typed(0x42, zeros(1)) }))).toThrow('a field of type 66 is unknown');
    expect(() => fieldsOf(bson({ long: typed(0x02, Buffer.from([200, 0, 0, 0, 0])) }))).toThrow('beyond its document');
  });
});

describe('an entry of the oplog', () => {
  test('has a place, a time and an election, and is known again by all of it', () => {
    const written = entry(1_766_361_600, { count: 4, term: 3 });
    expect(readEntry(written)).toEqual({ at: at(1_766_361_600, 4), wall: new Date(1_766_361_600_000), isWrite: true });
    expect(markOf(written)).toEqual({ ts: '1766361600:4', term: 3, hash: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(markOf(entry(1_766_361_600, { count: 4, term: 3, value: 'y' }))).not.toEqual(markOf(written));
    expect(() => readEntry(bson({ op: text('i') }))).toThrow('no entry of an oplog');
  });

  test('changes nothing that is restored where it is a sign of life, or what the server notes for itself', () => {
    expect(readEntry(noop(5)).isWrite).toBe(false);
    expect(readEntry(entry(5, { ns: 'config.transactions' })).isWrite).toBe(false);
    expect(readEntry(entry(5, { op: 'c', ns: 'admin.$cmd' })).isWrite).toBe(true);
  });

  test('is written as the programs of the engine write its place, and asked for in their words', () => {
    expect(parseTimestamp('1766361600:4')).toBe(at(1_766_361_600, 4));
    expect(formatTimestamp(at(4_294_967_295, 4_294_967_295))).toBe('4294967295:4294967295');
    expect(parseTimestamp('0/3000148')).toBe(0n);
    expect(queryFrom(at(1_766_361_600, 4))).toBe('{"ts":{"$gte":{"$timestamp":{"t":1766361600,"i":4}}}}');
  });
});
