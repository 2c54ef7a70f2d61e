import { crc32 } from 'node:zlib';

/** How a file of the binary log begins. */
export const magic = Buffer.from([0xfe, 0x62, 0x69, 0x6e]);
export const headBytes = 19;
const checksumBytes = 4;

export const eventType = {
  rotate: 4,
  formatDescription: 15,
  gtid: 33,
  anonymousGtid: 34,
  previousGtids: 35,
  taggedGtid: 42,
  mariadbGtid: 162,
  mariadbGtidList: 163,
} as const;

const wanted: ReadonlySet<number> = new Set(Object.values(eventType));
/** No event of these kinds is larger. */
const largestWanted = 64 * 2 ** 20;

/** Kinds that the server makes up for who receives them. MariaDB leaves the place out of the events within a transaction, too. */
const madeUp: ReadonlySet<number> = new Set([eventType.rotate, eventType.formatDescription, eventType.mariadbGtidList, 27, 41, 164]);

/** Of the flags of an event. */
const inUse = 0x01;
const artificial = 0x20;

/** What stands in the head of an event. */
export interface EventHead {
  readonly type: number;
  /** Seconds since 1970. */
  readonly seconds: number;
  readonly serverId: number;
  readonly bytes: number;
  /** The lower 32 bits of where it ends in its file; 0 where that is not said. */
  readonly endsAt: number;
  /** Made up by the server for who receives it: it stands in no file. */
  readonly isArtificial: boolean;
}

export interface ScanHandler {
  /** Bytes as they stand in the file, those of artificial events too. */
  readonly bytes: (piece: Uint8Array, head: EventHead) => void;
  /** @param body - Without its checksum; only of events that say where the log stands. */
  readonly event: (head: EventHead, body: Buffer | undefined) => void;
}

/** An event that is not what was written. */
export class BrokenLog extends Error {}

/** Events of the binary log, in pieces of any length, however large they are. Checks their checksums. */
export class EventScanner {
  readonly #handler: ScanHandler;
  readonly #headBuffer = Buffer.alloc(headBytes);
  readonly #tail = Buffer.alloc(checksumBytes);
  #head: EventHead | undefined;
  #filled = 0;
  /** Bytes of the present event that are still to come. */
  #left = 0;
  #crc = 0;
  #body: Buffer[] | undefined;
  #hasChecksums = true;
  #isStopped = false;
  constructor(handler: ScanHandler) {
    this.#handler = handler;
  }

  /** Whether an event has begun and not ended. */
  get isWithin(): boolean {
    return this.#filled > 0;
  }

  /** Whatever else comes is not looked at. */
  stop(): void {
    this.#isStopped = true;
  }

  push(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#isStopped;)
      at += this.#head === undefined ? this.#takeHead(chunk.subarray(at)) : this.#takeBody(chunk.subarray(at));
  }

  #takeHead(bytes: Uint8Array): number {
    const piece = bytes.subarray(0, headBytes - this.#filled);
    this.#headBuffer.set(piece, this.#filled);
    this.#filled += piece.length;
    if (this.#filled === headBytes) this.#begin();
    return piece.length;
  }

  #begin(): void {
    const raw = this.#headBuffer;
    const type = raw.readUInt8(4);
    const flags = raw.readUInt16LE(17);
    // Set while the server writes to the file, and not part of the checksum.
    if (type === eventType.formatDescription) raw.writeUInt16LE(flags & ~inUse, 17);
    const bytes = raw.readUInt32LE(9);
    if (bytes < headBytes + checksumBytes) throw new BrokenLog(`an event of ${bytes} bytes`);
    const endsAt = raw.readUInt32LE(13);
    const isArtificial = (flags & artificial) !== 0 || (endsAt === 0 && madeUp.has(type));
    this.#head = { type, seconds: raw.readUInt32LE(0), serverId: raw.readUInt32LE(5), bytes, endsAt, isArtificial };
    this.#left = bytes - headBytes;
    this.#body = wanted.has(type) ? [] : undefined;
    if (this.#body !== undefined && bytes > largestWanted) throw new BrokenLog(`an event of kind ${type} with ${bytes} bytes`);
    this.#crc = crc32(raw);
    this.#handler.bytes(Buffer.from(raw), this.#head);
  }

  #takeBody(bytes: Uint8Array): number {
    const head = this.#head as EventHead;
    const piece = bytes.subarray(0, this.#left);
    const covered = Math.min(piece.length, Math.max(0, this.#left - checksumBytes));
    if (covered > 0) this.#crc = crc32(piece.subarray(0, covered), this.#crc);
    if (covered < piece.length) this.#tail.set(piece.subarray(covered), checksumBytes - (this.#left - covered));
    this.#body?.push(Buffer.from(piece));
    this.#handler.bytes(piece, head);
    this.#left -= piece.length;
    if (this.#left === 0) this.#end(head);
    return piece.length;
  }

  #end(head: EventHead): void {
    const whole = this.#body && Buffer.concat(this.#body);
    if (head.type === eventType.formatDescription && whole !== undefined)
      this.#hasChecksums = whole.readUInt8(whole.length - checksumBytes - 1) === 1;
    if (this.#hasChecksums && this.#tail.readUInt32LE() !== this.#crc)
      throw new BrokenLog(`the checksum of an event of kind ${head.type} does not fit`);
    this.#head = undefined;
    this.#filled = 0;
    this.#handler.event(head, this.#hasChecksums ? whole?.subarray(0, -checksumBytes) : whole);
  }
}

const uuidOf = (bytes: Buffer): string => bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');

/** Where MySQL notes the moment of a commit: microseconds in 55 bits, and a flag. */
const committedAt = 42;
const committedBytes = 7;

/** A transaction of MySQL, and when it was committed: milliseconds, with their fractions. */
export function readMysqlGtid(body: Buffer): { readonly gtid: string; readonly at: number | undefined } {
  const gtid = `${uuidOf(body.subarray(1, 17))}:${body.readBigInt64LE(17)}`;
  if (body.length < committedAt + committedBytes) return { gtid, at: undefined };
  const high = body.readUInt8(committedAt + 6) & 0x7f;
  return { gtid, at: (high * 2 ** 48 + body.readUIntLE(committedAt, 6)) / 1000 };
}

/** A transaction of MariaDB. */
export const readMariadbGtid = (body: Buffer, { serverId }: EventHead): string =>
  `${body.readUInt32LE(8)}-${serverId}-${body.readBigUInt64LE(0)}`;

/** All transactions in files before this one, as MySQL has them. */
export function readPreviousGtids(body: Buffer): string {
  if (body.readUInt8(7) !== 0) throw new BrokenLog('transactions with tags');
  const sources: string[] = [];
  let at = 8;
  for (let left = Number(body.readBigUInt64LE(0)); left > 0; left -= 1) {
    const parts = [uuidOf(body.subarray(at, at + 16))];
    let intervals = Number(body.readBigUInt64LE(at + 16));
    at += 24;
    for (; intervals > 0; intervals -= 1, at += 16) parts.push(`${body.readBigUInt64LE(at)}-${body.readBigUInt64LE(at + 8) - 1n}`);
    sources.push(parts.join(':'));
  }
  return sources.join(',');
}

/** Of an event that who does not know it may pass over. */
const ignorable = 0x80;

/** An event that says so, with its checksum. A file of MySQL's has to have one before its first transaction. */
export function previousGtidsEvent(gtids: string, { seconds, serverId }: EventHead): Buffer {
  const number = (value: bigint): Buffer => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    return bytes;
  };
  const sources = gtids.split(',').filter((each) => each !== '');
  const parts = sources.flatMap((each) => {
    const [uuid = '', ...intervals] = each.split(':');
    const bounds = intervals.map((interval) => {
      const [from = '', to = from] = interval.split('-');
      if (!/^\d+$/.test(from)) throw new BrokenLog('transactions with tags');
      return Buffer.concat([number(BigInt(from)), number(BigInt(to) + 1n)]);
    });
    return [Buffer.from(uuid.replaceAll('-', ''), 'hex'), number(BigInt(bounds.length)), ...bounds];
  });
  const body = Buffer.concat([number(BigInt(sources.length)), ...parts]);
  const event = Buffer.alloc(headBytes + body.length + checksumBytes);
  event.writeUInt32LE(seconds, 0);
  event.writeUInt8(eventType.previousGtids, 4);
  event.writeUInt32LE(serverId, 5);
  event.writeUInt32LE(event.length, 9);
  event.writeUInt16LE(ignorable, 17);
  body.copy(event, headBytes);
  event.writeUInt32LE(crc32(event.subarray(0, -checksumBytes)), event.length - checksumBytes);
  return event;
}

/** The same for MariaDB: of several of a domain the last is where it stands. */
export function readGtidList(body: Buffer): string {
  const count = body.readUInt32LE(0) & 0x0fff_ffff;
  return Array.from({ length: count }, (_, index) => 4 + 16 * index)
    .map((at) => `${body.readUInt32LE(at)}-${body.readUInt32LE(at + 4)}-${body.readBigUInt64LE(at + 8)}`)
    .join(',');
}

/** The file that comes next. */
export const readRotate = (body: Buffer): string => body.subarray(8).toString('utf8');
