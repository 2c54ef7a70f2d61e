import { crc32cEnd, crc32cOf, crc32cStart } from './crc32c.ts';
import { formatLsn, pageBytes as walPage } from './lsn.ts';

/** Bytes that are no log as the server writes it. */
export class BrokenWal extends Error {}

/** Versions whose log is understood. */
export type WalVersion = 17 | 18;

/** What a record says of itself. Holds until the next one is told of. */
export interface WalRecord {
  /** Where it begins, and where it ends. */
  start: number;
  end: number;
  /** The transaction that wrote it; 0 for none. */
  xid: number;
  bytes: number;
  manager: number;
  info: number;
  /** Of the server that wrote it. */
  version: WalVersion;
  /** What comes after its head lies in there, from the one to the other; nothing where it was not wanted. */
  body: Buffer;
  bodyAt: number;
  bodyEnd: number;
}

export interface WalPlace {
  readonly at: bigint;
  readonly segmentBytes: number;
  readonly timeline: number;
  readonly version: WalVersion;
  /** Whether a record begins there; or, at the beginning of a page, behind its head. */
  readonly atRecord: boolean;
}

const pageBytes = Number(walPage);
const headBytes = 24;
const pageHead = 24;
const firstPageHead = 40;
/** By which the pages of a version are known. */
const magics = { 17: 0xd116, 18: 0xd118 } as const;
const flags = { continues: 1, gaveUp: 8 } as const;
const checksumAt = 20;
const alignment = 8;
const isSwitch = (manager: number, info: number): boolean => manager === 0 && (info & 0xf0) === 0x40;
const nothing = Buffer.alloc(0);
const viewOf = ({ buffer, byteOffset, length }: Uint8Array): DataView => new DataView(buffer, byteOffset, length);
/** More than a record that anybody wants to see has. The server itself writes none beyond a gigabyte. */
const mostBytes = 1020 * 2 ** 20;

const wholeNumber = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);

/**
 * Records of a log that comes in pieces of any length, across pages and files. Their checksums are worked out; what is not wanted passes by and is
 * not held. Places are plain numbers here: they are exact up to eight petabytes of log.
 */
export class WalReader {
  readonly #segmentBytes: number;
  readonly #timeline: number;
  readonly #wants: (manager: number, info: number) => boolean;
  readonly #found: (record: WalRecord) => void;
  readonly #record: WalRecord = {
    start: 0,
    end: 0,
    xid: 0,
    bytes: 0,
    manager: 0,
    info: 0,
    version: 17,
    body: nothing,
    bodyAt: 0,
    bodyEnd: 0,
  };
  readonly #head = Buffer.alloc(headBytes);
  readonly #headView = viewOf(this.#head);
  readonly #page = Buffer.alloc(firstPageHead);
  #at: number;
  /** Of the present page; none where its head comes next. */
  #pageLeft: number;
  #pageFilled = 0;
  /** Up to here nothing is looked at, neither heads of pages. */
  #blindTo = 0;
  /** What is left of a record of which the beginning was not seen. */
  #strayLeft = 0;
  #knowsRecord: boolean;
  #headFilled = 0;
  #bodyLeft = 0;
  #isWanted = false;
  #crc = crc32cStart;
  /** Of a body that does not lie in one piece. */
  #scratch = Buffer.alloc(pageBytes);
  #scratchFilled = 0;
  #before: number | undefined;
  #view = this.#headView;

  constructor(
    { at, segmentBytes, timeline, version, atRecord }: WalPlace,
    wants: (manager: number, info: number) => boolean,
    found: (record: WalRecord) => void,
  ) {
    this.#segmentBytes = segmentBytes;
    this.#timeline = timeline;
    this.#wants = wants;
    this.#found = found;
    this.#record.version = version;
    this.#at = Number(at);
    const inPage = this.#at % pageBytes;
    this.#knowsRecord = atRecord && inPage !== 0;
    this.#pageLeft = inPage === 0 || !atRecord ? 0 : pageBytes - inPage;
    // Where a record begins in the middle of a page is not to be seen: the next page says how much of one comes first.
    if (inPage !== 0 && !atRecord) this.#blindTo = this.#at + pageBytes - inPage;
  }

  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    this.#view = viewOf(chunk);
    for (let at = 0; at < bytes.length;) at += this.#take(bytes, at);
  }

  /** @param isWhole - Whether the log was cut where a record ends. */
  end(isWhole: boolean): void {
    if (isWhole && (this.#headFilled > 0 || this.#strayLeft > 0)) throw this.#broken('the log breaks off within a record');
  }

  #take(bytes: Buffer, from: number): number {
    const there = bytes.length - from;
    if (this.#at < this.#blindTo) return this.#pass(Math.min(there, this.#blindTo - this.#at));
    if (this.#pageLeft === 0) return this.#takePageHead(bytes, from);
    const most = Math.min(there, this.#pageLeft);
    const taken = this.#strayLeft > 0 ? this.#takeStray(most) : this.#takeRecord(bytes, from, most);
    this.#pageLeft = this.#at < this.#blindTo ? 0 : this.#pageLeft - taken;
    return taken;
  }

  #pass(bytes: number): number {
    this.#at += bytes;
    return bytes;
  }

  #takePageHead(bytes: Buffer, from: number): number {
    const need = (this.#at - this.#pageFilled) % this.#segmentBytes === 0 ? firstPageHead : pageHead;
    const taken = bytes.copy(this.#page, this.#pageFilled, from, from + need - this.#pageFilled);
    this.#pageFilled += taken;
    this.#at += taken;
    if (this.#pageFilled === need) this.#beginPage(need);
    return taken;
  }

  #beginPage(head: number): void {
    const start = this.#at - head;
    const magic = this.#page.readUInt16LE(0);
    const info = this.#page.readUInt16LE(2);
    const stray = this.#page.readUInt32LE(16);
    const { version } = this.#record;
    if (magic !== magics[version])
      throw this.#broken(`its page is not of PostgreSQL ${version}: it begins with 0x${magic.toString(16).toUpperCase().padStart(4, '0')}`);
    if (wholeNumber(this.#page, 8) !== start) throw this.#broken('its page is of another place');
    if (this.#page.readUInt32LE(4) > this.#timeline) throw this.#broken(`its page is of timeline ${this.#page.readUInt32LE(4)}`);
    this.#pageFilled = 0;
    this.#pageLeft = pageBytes - head;
    const continues = (info & flags.continues) !== 0 ? stray : 0;
    // A record that a crash cut off, which the server gave up.
    if ((info & flags.gaveUp) !== 0) this.#forgetRecord();
    const expected = this.#headFilled === 0 ? this.#strayLeft : this.#headFilled < headBytes ? undefined : this.#bodyLeft;
    if (!this.#knowsRecord) this.#strayLeft = continues;
    else if (expected === undefined ? continues === 0 : continues !== expected)
      throw this.#broken('its page does not go on with the record before it');
    this.#knowsRecord = true;
  }

  #forgetRecord(): void {
    this.#headFilled = 0;
    this.#bodyLeft = 0;
    this.#strayLeft = 0;
  }

  #takeStray(most: number): number {
    const taken = Math.min(this.#strayLeft, most);
    this.#strayLeft -= taken;
    this.#at += taken;
    return taken;
  }

  #takeRecord(bytes: Buffer, from: number, most: number): number {
    if (this.#headFilled === headBytes) return this.#takeBody(bytes, from, most);
    // Records begin at every eighth byte.
    const gap = this.#headFilled === 0 ? (alignment - (this.#at % alignment)) % alignment : 0;
    if (gap > 0) return this.#pass(Math.min(gap, most));
    if (this.#headFilled === 0) this.#record.start = this.#at;
    const taken = bytes.copy(this.#head, this.#headFilled, from, from + Math.min(most, headBytes - this.#headFilled));
    this.#headFilled += taken;
    this.#at += taken;
    if (this.#headFilled === headBytes) this.#beginRecord();
    return taken;
  }

  #beginRecord(): void {
    const record = this.#record;
    record.bytes = this.#head.readUInt32LE(0);
    record.xid = this.#head.readUInt32LE(4);
    record.info = this.#head.readUInt8(16);
    record.manager = this.#head.readUInt8(17);
    const before = wholeNumber(this.#head, 8);
    if (record.bytes < headBytes || record.bytes > mostBytes) throw this.#broken(`a record of ${record.bytes} bytes`, record.start);
    if (before >= record.start || (this.#before !== undefined && before !== this.#before))
      throw this.#broken('the record does not follow the one before it', record.start);
    this.#bodyLeft = record.bytes - headBytes;
    this.#isWanted = this.#wants(record.manager, record.info);
    this.#crc = crc32cStart;
    this.#scratchFilled = 0;
    if (this.#bodyLeft === 0) this.#endRecord(nothing, 0, 0);
  }

  #takeBody(bytes: Buffer, from: number, most: number): number {
    const taken = Math.min(most, this.#bodyLeft);
    this.#crc = crc32cOf(this.#crc, this.#view, from, from + taken);
    const isAllHere = this.#scratchFilled === 0 && taken === this.#record.bytes - headBytes;
    if (this.#isWanted && !isAllHere) this.#hold(bytes, from, taken);
    this.#bodyLeft -= taken;
    this.#at += taken;
    if (this.#bodyLeft > 0) return taken;
    if (!this.#isWanted) this.#endRecord(nothing, 0, 0);
    else if (isAllHere) this.#endRecord(bytes, from, from + taken);
    else this.#endRecord(this.#scratch, 0, this.#scratchFilled);
    return taken;
  }

  #hold(bytes: Buffer, from: number, taken: number): void {
    if (this.#scratchFilled + taken > this.#scratch.length) {
      const larger = Buffer.alloc(2 * (this.#scratchFilled + taken));
      this.#scratch.copy(larger, 0, 0, this.#scratchFilled);
      this.#scratch = larger;
    }
    bytes.copy(this.#scratch, this.#scratchFilled, from, from + taken);
    this.#scratchFilled += taken;
  }

  #endRecord(body: Buffer, bodyAt: number, bodyEnd: number): void {
    const record = this.#record;
    if (crc32cEnd(crc32cOf(this.#crc, this.#headView, 0, checksumAt)) !== this.#head.readUInt32LE(checksumAt))
      throw this.#broken('the checksum of the record does not fit', record.start);
    this.#headFilled = 0;
    this.#before = record.start;
    record.end = this.#at;
    record.body = body;
    record.bodyAt = bodyAt;
    record.bodyEnd = bodyEnd;
    this.#found(record);
    // The rest of that file is nothing.
    if (isSwitch(record.manager, record.info)) this.#blindTo = Math.ceil(this.#at / this.#segmentBytes) * this.#segmentBytes;
  }

  #broken = (what: string, at = this.#at): BrokenWal => new BrokenWal(`at ${formatLsn(BigInt(at))}: ${what}`);
}
