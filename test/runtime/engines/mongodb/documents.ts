import type { Manifest } from '../../../../model/backup/manifest.ts';
import { formatTimestamp, markOf, readEntry, type Timestamp } from '../../../../runtime/engines/mongodb/oplog-entry.ts';
import { manifest } from '../../format/manifests.ts';

/** Documents and archives in the shapes that BSON's specification and that of mongodump's archive have. */

const cstring = (text: string): Buffer => Buffer.from(`${text}\0`);
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
};
const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, value));
  return bytes;
};

export const typed = (type: number, value: Buffer) => ({ type, value });
export const text = (value: string) => typed(0x02, Buffer.concat([int32(Buffer.byteLength(value) + 1), cstring(value)]));
export const inner = (value: Buffer) => typed(0x03, value);
const truth = (value: boolean) => typed(0x08, Buffer.from([Number(value)]));
const date = (value: Date) => typed(0x09, int64(BigInt(value.getTime())));
export const number = (value: number) => typed(0x10, int32(value));
const timestamp = (value: Timestamp) => typed(0x11, int64(value));
const long = (value: bigint) => typed(0x12, int64(value));

export function bson(fields: Readonly<Record<string, ReturnType<typeof typed>>>): Buffer {
  const body = Buffer.concat(
    Object.entries(fields).map(([name, { type, value }]) => Buffer.concat([Buffer.from([type]), cstring(name), value])),
  );
  return Buffer.concat([int32(body.length + 5), body, Buffer.alloc(1)]);
}

export const at = (seconds: number, count = 1): Timestamp => (BigInt(seconds) << 32n) | BigInt(count);

interface Written {
  readonly count?: number;
  readonly term?: number;
  readonly op?: string;
  readonly ns?: string;
  readonly wall?: Date;
  readonly value?: string;
}

/** An entry of an oplog as servers of version 8.0 write it. */
export const entry = (
  seconds: number,
  { count = 1, term = 1, op = 'i', ns = 'shop.orders', wall = new Date(seconds * 1000), value = 'x' }: Written = {},
): Buffer =>
  bson({
    op: text(op),
    ns: text(ns),
    o: inner(bson({ _id: number(seconds), value: text(value) })),
    ts: timestamp(at(seconds, count)),
    t: long(BigInt(term)),
    v: long(2n),
    wall: date(wall),
  });
/** What a primary writes every ten seconds when nobody else does. */
export const noop = (seconds: number): Buffer => entry(seconds, { op: 'n', ns: '', value: 'periodic noop' });

const terminator = int32(-1);
const heading = (db: string, collection: string, ended: boolean): Buffer =>
  bson({ db: text(db), collection: text(collection), EOF: truth(ended), CRC: long(0n) });

/** An archive with two pieces of one collection around a piece of the oplog. */
export function archive(oplog: readonly Buffer[], { ends = true } = {}): Buffer {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(0x81_99_e2_6d);
  const head = bson({
    concurrent_collections: number(1),
    version: text('0.1'),
    server_version: text('8.0.20'),
    tool_version: text('100.13.0'),
  });
  const metadata = bson({ db: text('shop'), collection: text('orders'), metadata: text('{"indexes":[]}'), size: number(20) });
  const row = (id: number): Buffer => bson({ _id: number(id), note: text('not of the oplog') });
  const piece = (db: string, collection: string, documents: readonly Buffer[]): readonly Buffer[] => [
    heading(db, collection, false),
    ...documents,
    terminator,
  ];
  const end = (db: string, collection: string): readonly Buffer[] => [heading(db, collection, true), terminator];
  return Buffer.concat([
    magic,
    head,
    metadata,
    terminator,
    ...piece('shop', 'orders', [row(1), row(2)]),
    ...(oplog.length === 0 ? [] : piece('', 'oplog', oplog)),
    ...piece('shop', 'orders', [row(3)]),
    ...end('shop', 'orders'),
    ...(ends ? end('', 'oplog') : []),
  ]);
}

/** In pieces of that size, as a pipe gives them. */
export async function* inPieces(bytes: Buffer, size = 7): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

/** All that comes. */
export async function gathered<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of source) all.push(each);
  return all;
}

const made = { engine: 'mongodb', tool: { name: 'mongodump', version: '8.0.20', image: null } } as const;

/** A full backup that ends with an entry. */
export const fullAt = (last: Buffer, changes: Partial<Manifest> = {}): Manifest =>
  manifest({
    ...made,
    position: { from: null, to: formatTimestamp(readEntry(last).at) },
    facts: {
      replicaSet: 'rs0',
      version: '8.0.20',
      compatibility: '8.0',
      last: markOf(last),
      coveredUntil: readEntry(last).wall.toISOString(),
    },
    ...changes,
  });

/** A log with the entries that come after one. */
export const logOf = (known: Buffer, entries: readonly Buffer[], changes: Partial<Manifest> = {}): Manifest => {
  const last = entries.at(-1) ?? known;
  return manifest({
    ...made,
    kind: 'log',
    position: { from: formatTimestamp(readEntry(known).at), to: formatTimestamp(readEntry(last).at) },
    facts: { after: markOf(known), last: markOf(last), coveredUntil: readEntry(last).wall.toISOString() },
    ...changes,
  });
};
