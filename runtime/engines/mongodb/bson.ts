import type { Bytes } from '../../streams/blocks.ts';
import { ByteReader } from '../../streams/byte-reader.ts';

/** What is no BSON, or only a part of it. */
export class BrokenBson extends Error {
  override readonly name = 'BrokenBson';
}

/** A document may have 16 MiB, and one of the log some more around it. */
const largestDocument = 48 * 2 ** 20;
const smallestDocument = 5;
const lengthBytes = 4;

/** Whether that many bytes can be a document. */
export const isLength = (bytes: number): boolean => bytes >= smallestDocument && bytes <= largestDocument;

/** Documents as they stand one after the other in a file, each whole. @throws BrokenBson when the last one is cut off. */
export async function* documentsOf(source: Bytes): AsyncGenerator<Buffer> {
  await using reader = new ByteReader(source);
  for (;;) {
    const length = await reader.take(lengthBytes);
    if (length.length === 0) return;
    const bytes = length.length === lengthBytes ? Buffer.from(length).readInt32LE(0) : 0;
    if (!isLength(bytes)) throw new BrokenBson(`a document cannot have ${bytes} bytes`);
    const rest = await reader.take(bytes - lengthBytes);
    if (rest.length < bytes - lengthBytes) throw new BrokenBson(`a document of ${bytes} bytes is cut off`);
    yield Buffer.concat([length, rest], bytes);
  }
}

const bsonType = { string: 0x02, boolean: 0x08, date: 0x09, timestamp: 0x11, int64: 0x12 } as const;

/** A field of a document, as its bytes. */
interface Field {
  readonly type: number;
  readonly value: Buffer;
}

/** How long a value is; those that say so themselves do it in their first four bytes. */
const lengths: Readonly<Record<number, (at: Buffer) => number>> = {
  0x01: () => 8,
  0x02: (at) => 4 + at.readInt32LE(0),
  0x03: (at) => at.readInt32LE(0),
  0x04: (at) => at.readInt32LE(0),
  0x05: (at) => 5 + at.readInt32LE(0),
  0x06: () => 0,
  0x07: () => 12,
  0x08: () => 1,
  0x09: () => 8,
  0x0a: () => 0,
  0x0b: (at) => at.indexOf(0, at.indexOf(0) + 1) + 1,
  0x0c: (at) => 4 + at.readInt32LE(0) + 12,
  0x0d: (at) => 4 + at.readInt32LE(0),
  0x0e: (at) => 4 + at.readInt32LE(0),
  0x0f: (at) => at.readInt32LE(0),
  0x10: () => 4,
  0x11: () => 8,
  0x12: () => 8,
  0x13: () => 16,
  0x7f: () => 0,
  0xff: () => 0,
};

/** The fields of a document, without what lies within them. @throws BrokenBson */
export function fieldsOf(document: Buffer): ReadonlyMap<string, Field> {
  const fields = new Map<string, Field>();
  const end = document.length - 1;
  for (let at = lengthBytes; at < end;) {
    const type = document.readUInt8(at);
    const nameEnd = document.indexOf(0, at + 1);
    const lengthOf = lengths[type];
    if (nameEnd < 0 || lengthOf === undefined) throw new BrokenBson(`a field of type ${type} is unknown`);
    const begin = nameEnd + 1;
    const rest = document.subarray(begin, end);
    const bytes = rest.length < 4 && type !== bsonType.boolean ? lengthOf(Buffer.concat([rest, Buffer.alloc(4)])) : lengthOf(rest);
    if (bytes < 0 || begin + bytes > end) throw new BrokenBson('a field reaches beyond its document');
    fields.set(document.toString('utf8', at + 1, nameEnd), { type, value: document.subarray(begin, begin + bytes) });
    at = begin + bytes;
  }
  return fields;
}

/** A field that is of that type, or nothing. */
const valueOf = (field: Field | undefined, type: number): Buffer | undefined => (field?.type === type ? field.value : undefined);

export const textIn = (field: Field | undefined): string | undefined => valueOf(field, bsonType.string)?.toString('utf8', 4).slice(0, -1);
export const truthIn = (field: Field | undefined): boolean => valueOf(field, bsonType.boolean)?.readUInt8(0) === 1;
export const dateIn = (field: Field | undefined): Date | undefined => {
  const value = valueOf(field, bsonType.date);
  return value && new Date(Number(value.readBigInt64LE(0)));
};
export const int64In = (field: Field | undefined): bigint | undefined => valueOf(field, bsonType.int64)?.readBigInt64LE(0);
/** A time of the log: seconds in its upper half, and how many have come in that second in its lower. */
export const timestampIn = (field: Field | undefined): bigint | undefined => valueOf(field, bsonType.timestamp)?.readBigUInt64LE(0);
