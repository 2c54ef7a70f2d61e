import { unpackImage } from './page-image.ts';
import type { Part } from './relations.ts';
import { BrokenWal, type WalRecord } from './wal-reader.ts';

/** Numbers of those who write records, of 17 and of 18. */
const managers = { log: 0, transaction: 1, storage: 2, database: 4, standby: 8, heap2: 9, heap: 10 } as const;

/** The upper half of `info` is of the one who wrote the record. With rows and with ends of transactions its highest bit is another matter. */
const kindOf = (manager: number, info: number): number =>
  info & (manager === managers.heap || manager === managers.heap2 || manager === managers.transaction ? 0x70 : 0xf0);
const ends = { commit: 0x00, abort: 0x20, commitPrepared: 0x30, abortPrepared: 0x40 } as const;
const heapKinds = { insert: 0x00, delete: 0x10, update: 0x20, hotUpdate: 0x40 } as const;
const multiInsert = 0x50;
const superDelete = 8;
const movedToPartition = 16;
const created = 0x10;
const shortened = 0x20;
const running = 0x10;
const droppedDatabase = 0x20;
const checkpoints: ReadonlySet<number> = new Set([0x00, 0x10]);

/** Whether there is something in a record that is looked at. */
export function isLookedAt(manager: number, info: number): boolean {
  const kind = kindOf(manager, info);
  switch (manager) {
    case managers.heap:
      return kind === heapKinds.insert || kind === heapKinds.delete || kind === heapKinds.update || kind === heapKinds.hotUpdate;
    case managers.heap2:
      return kind === multiInsert;
    case managers.transaction:
      return kind === ends.commit || kind === ends.abort || kind === ends.commitPrepared || kind === ends.abortPrepared;
    case managers.storage:
      return kind === created || kind === shortened;
    case managers.standby:
      return kind === running;
    case managers.database:
      return kind === droppedDatabase;
    case managers.log:
      return checkpoints.has(kind);
    default:
      return false;
  }
}

/** A file of rows or of an index: the number of its database and its own. */
export interface RelationFile {
  readonly database: number;
  readonly file: number;
}

/** As a file comes and goes: in which tablespace it lies is said as well. */
export interface StoredFile extends RelationFile {
  readonly tablespace: number;
}

/** A row of a catalog that was made, and the number of its file as far as it has one. */
export interface CatalogRow {
  readonly oid: number;
  readonly name: string;
}

export interface ClassRow extends CatalogRow {
  readonly schema: number;
  readonly file: number;
  readonly isTemporary: boolean;
  /** A letter, as in pg_class. */
  readonly kind: string;
}

/** How a record refers to pages, and where what it is about begins. */
interface Parts {
  database: number;
  file: number;
  /** Of the first page: its image, and what was changed in it. */
  imageAt: number;
  imageBytes: number;
  /** Of the bytes in the middle of the page that it leaves out: where they are, and how many. */
  imageHole: number;
  imageHoleBytes: number;
  imageHow: number;
  dataAt: number;
  dataBytes: number;
  mainAt: number;
}

const imageFlag = 0x10;
const sameFile = 0x80;
const compressed = 0x1c;
const holes = 0x01;
const references = { origin: 253, long: 254, short: 255, top: 252, most: 32 } as const;

/** One for all: there are millions of them. */
const parts: Parts = {
  database: 0,
  file: 0,
  imageAt: 0,
  imageBytes: 0,
  imageHole: 0,
  imageHoleBytes: 0,
  imageHow: 0,
  dataAt: 0,
  dataBytes: 0,
  mainAt: 0,
};

function partsOf({ body, bodyAt, bodyEnd, start }: WalRecord): Parts {
  let at = bodyAt;
  let data = 0;
  let main = 0;
  let firstImage = 0;
  let firstData = 0;
  let isFirst = true;
  while (bodyEnd - at > data) {
    const reference = body.readUInt8(at);
    if (reference <= references.most) {
      const flags = body.readUInt8(at + 1);
      const dataBytes = body.readUInt16LE(at + 2);
      let imageBytes = 0;
      at += 4;
      if ((flags & imageFlag) !== 0) {
        imageBytes = body.readUInt16LE(at);
        const how = body.readUInt8(at + 4);
        const saysHole = (how & compressed) !== 0 && (how & holes) !== 0;
        if (isFirst) {
          parts.imageHole = body.readUInt16LE(at + 2);
          // Where nothing is compressed the length of the image tells.
          parts.imageHoleBytes = saysHole ? body.readUInt16LE(at + 5) : (how & holes) === 0 ? 0 : pageBytes - imageBytes;
          parts.imageHow = how;
        }
        at += saysHole ? 7 : 5;
      }
      if (isFirst) {
        parts.database = body.readUInt32LE(at + 4);
        parts.file = body.readUInt32LE(at + 8);
        [firstImage, firstData, isFirst] = [imageBytes, dataBytes, false];
      }
      if ((flags & sameFile) === 0) at += 12;
      at += 4;
      data += imageBytes + dataBytes;
    } else if (reference === references.short) {
      main = body.readUInt8(at + 1);
      at += 2;
      data += main;
    } else if (reference === references.long) {
      main = body.readUInt32LE(at + 1);
      at += 5;
      data += main;
    } else if (reference === references.origin) at += 3;
    else if (reference === references.top) at += 5;
    else throw unreadable(start);
  }
  if (bodyEnd - at !== data) throw unreadable(start);
  parts.imageAt = at;
  parts.imageBytes = firstImage;
  parts.dataAt = at + firstImage;
  parts.dataBytes = firstData;
  parts.mainAt = bodyEnd - main;
  return parts;
}

const unreadable = (start: number): BrokenWal => new BrokenWal(`the record at byte ${start} of the log is of no form that is known`);

/** What is told of what stands in the log, in its order. */
export interface WalEvents {
  readonly inserted: (xid: number, file: RelationFile, rows: number, record: WalRecord) => void;
  readonly updated: (xid: number, file: RelationFile) => void;
  readonly deleted: (xid: number, file: RelationFile) => void;
  /** An insertion was taken back: it had met a row that was there. */
  readonly takenBack: (xid: number, file: RelationFile) => void;
  readonly created: (xid: number, file: StoredFile) => void;
  /** All rows of a file went in one step, which is how a table is emptied whose file is of the same transaction. */
  readonly emptied: (xid: number, file: StoredFile) => void;
  readonly databaseDropped: (xid: number, database: number) => void;
  readonly committed: (commit: Ending) => void;
  readonly aborted: (abort: Ending) => void;
  /** Whatever is below `oldest` and did not end never will; what is not below `next` has not begun yet. */
  readonly running: (oldest: number, next: number) => void;
  /** The whole number of the transaction that comes next. */
  readonly checkpoint: (next: number) => void;
}

export interface Ending {
  readonly xid: number;
  /** Within it, and of one fate with it. */
  readonly children: readonly number[];
  /** In milliseconds. */
  readonly at: number;
  /** Files that go with it. */
  readonly dropped: readonly StoredFile[];
}

/** Tablespace, database and number, one after the other. */
const storedFile = (bytes: Buffer, at: number): StoredFile => ({
  tablespace: bytes.readUInt32LE(at),
  database: bytes.readUInt32LE(at + 4),
  file: bytes.readUInt32LE(at + 8),
});
/** Of the files of a relation the one with its rows; of an unlogged one, that alone from which it is made after a crash is told of. */
const forks: ReadonlySet<number> = new Set([0, 3]);

/** Whether it is about the rows, and not what is known of them alone. */
const ofRows = 1;

export function tell(record: WalRecord, events: WalEvents): void {
  const { manager, info, xid, body, bodyEnd } = record;
  const kind = kindOf(manager, info);
  if (manager === managers.heap || manager === managers.heap2) return tellOfRows(record, events);
  const { mainAt } = partsOf(record);
  const main = body.subarray(mainAt, bodyEnd);
  if (manager === managers.transaction) tellOfEnd(record, main, events);
  else if (manager === managers.storage) {
    if (kind === shortened) {
      if (main.readUInt32LE(0) === 0 && (main.readUInt32LE(16) & ofRows) !== 0) events.emptied(xid, storedFile(main, 4));
    } else if (forks.has(main.readUInt32LE(12))) events.created(xid, storedFile(main, 0));
  } else if (manager === managers.database) events.databaseDropped(xid, main.readUInt32LE(0));
  else if (manager === managers.standby) events.running(main.readUInt32LE(16), main.readUInt32LE(12));
  else if (checkpoints.has(kind)) events.checkpoint(main.readUInt32LE(28) * 2 ** 32 + main.readUInt32LE(24));
}

function tellOfRows(record: WalRecord, events: WalEvents): void {
  const { manager, info, xid, body } = record;
  const found = partsOf(record);
  if (manager === managers.heap2) return events.inserted(xid, found, body.readUInt16LE(found.mainAt + 2), record);
  switch (kindOf(manager, info)) {
    case heapKinds.insert:
      return events.inserted(xid, found, 1, record);
    case heapKinds.delete: {
      const flags = body.readUInt8(found.mainAt + 7);
      if ((flags & superDelete) !== 0) return events.takenBack(xid, found);
      // It is in another partition from then on.
      return (flags & movedToPartition) !== 0 ? events.updated(xid, found) : events.deleted(xid, found);
    }
    default:
      return events.updated(xid, found);
  }
}

/** From 1970 to 2000. */
const epochMs = 946_684_800_000;
const has = { database: 1, children: 2, files: 4, messages: 8, prepared: 16, statistics: 256 } as const;
const withMore = 0x80;
/** Of what the statistics know of things that are dropped. */
const statisticsBytes = { 17: 12, 18: 16 } as const;
const messageBytes = 16;

function tellOfEnd({ info, xid, start, version }: WalRecord, main: Buffer, events: WalEvents): void {
  const kind = kindOf(managers.transaction, info);
  const more = (info & withMore) === 0 ? 0 : main.readUInt32LE(8);
  let at = more === 0 ? 8 : 12;
  if ((more & has.database) !== 0) at += 8;
  const take = <T>(flag: number, bytes: number, read: (place: number) => T): readonly T[] => {
    if ((more & flag) === 0) return [];
    const count = main.readUInt32LE(at);
    const from = at + 4;
    at = from + count * bytes;
    if (at > main.length) throw unreadable(start);
    return Array.from({ length: count }, (_, index) => read(from + index * bytes));
  };
  const children = take(has.children, 4, (place) => main.readUInt32LE(place));
  const dropped = take(has.files, 12, (place) => storedFile(main, place));
  take(has.statistics, statisticsBytes[version], () => undefined);
  take(has.messages, messageBytes, () => undefined);
  const ending = {
    // What was prepared is ended by somebody else.
    xid: (more & has.prepared) === 0 ? xid : main.readUInt32LE(at),
    children,
    at: Math.floor(Number(main.readBigInt64LE(0)) / 1000) + epochMs,
    dropped,
  };
  if (kind === ends.commit || kind === ends.commitPrepared) events.committed(ending);
  else events.aborted(ending);
}

const tupleHead = 23;
const rowHead = 5;
const pageBytes = 8192;
const pageHead = 24;

/** The values of the row that was inserted, of which none before those that are read may be missing. Nothing for many rows at once. */
export function insertedRow(record: WalRecord): Buffer | undefined {
  const { body, manager } = record;
  if (manager !== managers.heap) return undefined;
  const { imageAt, imageBytes, imageHole, imageHoleBytes, imageHow, dataAt, dataBytes, mainAt } = partsOf(record);
  if (dataBytes > 0) return body.subarray(dataAt + rowHead + body.readUInt8(dataAt + 4) - tupleHead, dataAt + dataBytes);
  if (imageBytes === 0) return undefined;
  // A page without the hole in its middle.
  const image = unpackImage(body.subarray(imageAt, imageAt + imageBytes), imageHow, pageBytes - imageHoleBytes);
  if (image === undefined) return undefined;
  const place = (inPage: number): number => (inPage < imageHole ? inPage : inPage - imageHoleBytes);
  const pointer = image.readUInt32LE(place(pageHead + 4 * (body.readUInt16LE(mainAt) - 1)));
  const row = place(pointer & 0x7fff);
  return image.subarray(row + image.readUInt8(row + 22), row + (pointer >>> 17));
}

/** Names are of 64 bytes, filled up with zeros. */
const nameAt = (row: Buffer, at: number): string => row.toString('utf8', at, row.indexOf(0, at));

export const schemaIn = (row: Buffer): CatalogRow => ({ oid: row.readUInt32LE(0), name: nameAt(row, 4) });

/** Of `pg_inherits`: which is a part of which. */
export const partIn = (row: Buffer): Part => ({ oid: row.readUInt32LE(0), whole: row.readUInt32LE(4) });

export function classIn(row: Buffer, version: WalRecord['version']): ClassRow {
  // 18 has one more number before them.
  const letters = version === 17 ? 112 : 116;
  return {
    ...schemaIn(row),
    schema: row.readUInt32LE(68),
    file: row.readUInt32LE(88),
    isTemporary: row.toString('latin1', letters + 2, letters + 3) === 't',
    kind: row.toString('latin1', letters + 3, letters + 4),
  };
}
