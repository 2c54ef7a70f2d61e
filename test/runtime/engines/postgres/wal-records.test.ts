import { expect, test } from 'vitest';
import { formatLsn } from '../../../../runtime/engines/postgres/lsn.ts';
import { WalReader } from '../../../../runtime/engines/postgres/wal-reader.ts';
import { isLookedAt, tell, type Ending, type RelationFile, type WalEvents } from '../../../../runtime/engines/postgres/wal-records.ts';
import { eighteen, seventeen } from './recorded-wal.ts';

const fileOf = ({ database, file }: RelationFile): string => `${database}/${file}`;

test.each([seventeen, eighteen])(
  'every record of $version is what its pg_waldump says it is: rows by their tables, ends with their times, parts and files',
  ({ dump, log, start }) => {
    const told: { lsn: string; bytes: number; told: readonly unknown[] | undefined }[] = [];
    let last: readonly unknown[] | undefined;
    const say = (...words: readonly unknown[]): void => void (last = words);
    const end =
      (what: string) =>
      ({ xid, children, at, dropped }: Ending): void =>
        say(what, xid, at, children, dropped.map(fileOf));
    const change =
      (what: string) =>
      (xid: number, file: RelationFile, rows = 1): void =>
        say(what, xid, fileOf(file), rows);
    const nothing = (): void => undefined;
    const events: WalEvents = {
      inserted: change('inserted'),
      updated: change('updated'),
      deleted: change('deleted'),
      takenBack: nothing,
      committed: end('COMMIT'),
      aborted: end('ABORT'),
      created: (xid, file) => say('CREATE', xid, fileOf(file)),
      emptied: (xid, file) => say('EMPTY', xid, fileOf(file)),
      databaseDropped: nothing,
      running: nothing,
      checkpoint: nothing,
    };
    const reader = new WalReader(start, isLookedAt, (record) => {
      last = undefined;
      if (record.bodyEnd > record.bodyAt) tell(record, events);
      const [high = '', low = ''] = formatLsn(BigInt(record.start)).split('/');
      told.push({ lsn: `${high}/${low.padStart(8, '0')}`, bytes: record.bytes, told: last });
    });
    reader.push(log);
    reader.end(true);
    const expected = dump();
    expect(expected.filter((each) => each.told !== undefined).length).toBeGreaterThan(3000);
    expect(told).toEqual(expected);
  },
);

test('what is not looked at is taken for nothing else: a server that changed how it writes pages, or has recovered, has made no checkpoint', () => {
  const kinds = Array.from({ length: 16 }, (_, kind) => kind << 4);
  expect(kinds.filter((info) => isLookedAt(0, info))).toEqual([0x00, 0x10]);
  expect(kinds.filter((info) => isLookedAt(1, info))).toEqual([0x00, 0x20, 0x30, 0x40, 0x80, 0xa0, 0xb0, 0xc0]);
  expect(kinds.filter((info) => isLookedAt(2, info))).toEqual([0x10, 0x20]);
  expect(kinds.filter((info) => isLookedAt(4, info))).toEqual([0x20]);
  expect(kinds.filter((info) => isLookedAt(8, info))).toEqual([0x10]);
  expect(kinds.filter((info) => isLookedAt(9, info))).toEqual([0x50, 0xd0]);
  expect(kinds.filter((info) => isLookedAt(10, info))).toEqual([0x00, 0x10, 0x20, 0x40, 0x80, 0x90, 0xa0, 0xc0]);
  expect(kinds.some((info) => isLookedAt(11, info) || isLookedAt(200, info))).toBe(false);
});
