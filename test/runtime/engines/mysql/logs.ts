import { crc32 } from 'node:zlib';
import { eventType, magic } from '../../../../runtime/engines/mysql/binlog-events.ts';

/** An event as the server writes it, with its checksum. */
export function eventOf(type: number, body: Buffer, { seconds = 1_700_000_000, serverId = 1, flags = 0, endsAt = 1 } = {}): Buffer {
  const event = Buffer.alloc(19 + body.length + 4);
  event.writeUInt32LE(seconds, 0);
  event.writeUInt8(type, 4);
  event.writeUInt32LE(serverId, 5);
  event.writeUInt32LE(event.length, 9);
  event.writeUInt32LE(endsAt, 13);
  event.writeUInt16LE(flags, 17);
  body.copy(event, 19);
  event.writeUInt32LE(crc32(event.subarray(0, -4)), event.length - 4);
  return event;
}

/** With checksums, as its last byte says. */
export const description = eventOf(eventType.formatDescription, Buffer.concat([Buffer.alloc(57), Buffer.from([1])]));
export const source = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const uuid = Buffer.from(source.replaceAll('-', ''), 'hex');

/** A transaction of MySQL that was committed at that time, with rows of so many bytes. */
export function transaction(number: number, microseconds: number, bytes = 40): Buffer {
  const body = Buffer.alloc(56);
  uuid.copy(body, 1);
  body.writeBigInt64LE(BigInt(number), 17);
  body.writeUInt8(2, 25);
  body.writeUIntLE(microseconds % 2 ** 48, 42, 6);
  // The uppermost bit says that another time follows.
  body.writeUInt8(Math.floor(microseconds / 2 ** 48) | 0x80, 48);
  return Buffer.concat([eventOf(eventType.gtid, body), eventOf(30, Buffer.alloc(bytes, number)), eventOf(16, Buffer.alloc(8))]);
}

/** What MySQL says of the files before: numbers up to that one. */
export function previous(last: number): Buffer {
  const body = Buffer.alloc(48);
  body.writeBigUInt64LE(1n, 0);
  uuid.copy(body, 8);
  body.writeBigUInt64LE(1n, 24);
  body.writeBigUInt64LE(1n, 32);
  body.writeBigUInt64LE(BigInt(last + 1), 40);
  return eventOf(eventType.previousGtids, body);
}

/** A transaction of MariaDB. */
export function mariadbTransaction(domain: number, serverId: number, number: number, seconds: number): Buffer {
  const body = Buffer.alloc(19);
  body.writeBigUInt64LE(BigInt(number), 0);
  body.writeUInt32LE(domain, 8);
  const rows = eventOf(30, Buffer.alloc(10), { serverId, seconds: seconds + 1 });
  return Buffer.concat([eventOf(eventType.mariadbGtid, body, { serverId, seconds }), rows]);
}

/** What MariaDB says of the files before. */
export function gtidList(...gtids: readonly (readonly [number, number, number])[]): Buffer {
  const body = Buffer.alloc(4 + 16 * gtids.length);
  body.writeUInt32LE(gtids.length, 0);
  for (const [index, [domain, server, number]] of gtids.entries()) {
    body.writeUInt32LE(domain, 4 + 16 * index);
    body.writeUInt32LE(server, 8 + 16 * index);
    body.writeBigUInt64LE(BigInt(number), 12 + 16 * index);
  }
  return eventOf(eventType.mariadbGtidList, body);
}

export const anonymous = eventOf(eventType.anonymousGtid, Buffer.alloc(56));

/** A slice of the log. */
export const slice = (...events: readonly Buffer[]): Buffer => Buffer.concat([magic, description, ...events]);
