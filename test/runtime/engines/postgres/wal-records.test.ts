import { expect, test } from 'vitest';
import { formatLsn } from '../../../../runtime/engines/postgres/lsn.ts';
import { WalReader } from '../../../../runtime/engines/postgres/wal-reader.ts';
import { isLookedAt, tell, type Ending, type RelationFile, type WalEvents } from '../../../../runtime/engines/postgres/wal-records.ts';
import { dump, log, start } from './recorded-wal.ts';

const fileOf = ({ database, file }: RelationFile): string => `${database}/${file}`;

test('every record is what pg_waldump says it is: rows by their tables, ends with their times, parts and files', () => {
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
    created: nothing,
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
});
