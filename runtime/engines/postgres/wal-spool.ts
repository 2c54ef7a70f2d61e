import { mkdir, open, readdir, readFile, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { BerthError } from '../../../model/errors.ts';
import type { Bytes } from '../../streams/blocks.ts';
import { pageBytes as walPage, segmentName, startOfSegment, startOfSegmentNamed, type Lsn } from './lsn.ts';

const pageBytes = Number(walPage);
const zeroPage = Buffer.alloc(pageBytes);
/** Fields of the head of a page. */
const timelineAt = 4;
const positionAt = 8;
/** Read at a time; a whole number of pages. */
const chunkBytes = 2 ** 20;

/** What a part of the log belongs to. */
export interface WalShape {
  readonly timeline: number;
  readonly segmentBytes: number;
}

/** The folder that pg_receivewal writes to: whole files, and one `.partial` that is filled up with zeros. */
export class WalSpool {
  readonly folder: string;
  readonly #owner: string;
  /** @param root - Holds that folder, and beside it whose log it is. */
  constructor(root: string) {
    this.folder = join(root, 'wal');
    this.#owner = join(root, 'server');
  }

  prepare = async (): Promise<void> => void (await mkdir(this.folder, { recursive: true, mode: 0o700 }));

  /** Whether the log is there from that place on. */
  async holds(from: Lsn, { timeline, segmentBytes }: WalShape): Promise<boolean> {
    const name = segmentName(timeline, from, segmentBytes);
    return (await readdir(this.folder)).some((each) => each === name || each === `${name}.partial`);
  }

  /** Deletes whole files that end before that place. */
  async forget(before: Lsn, { segmentBytes }: WalShape): Promise<void> {
    const keepFrom = startOfSegment(before, segmentBytes);
    for (const name of await readdir(this.folder)) {
      const found = startOfSegmentNamed(name, segmentBytes);
      if (found !== undefined && found.start < keepFrom) await rm(join(this.folder, name), { force: true });
    }
  }

  /** Whether what lies here is the log of that server, of the timeline that it is on. */
  belongsTo = async (owner: string): Promise<boolean> => (await readFile(this.#owner, 'utf8').catch(() => '')) === owner;

  /** Log of another server, or of a timeline that was left, is of no use, and in the way: pg_receivewal goes on behind the last file that it finds. */
  async giveTo(owner: string): Promise<void> {
    await this.clear();
    await writeFile(this.#owner, owner);
  }

  async clear(): Promise<void> {
    for (const name of await readdir(this.folder)) await rm(join(this.folder, name), { force: true });
  }

  /**
   * The log from one place to, and without, another, all of which must have been received.
   *
   * @throws BerthError `io` when what lies there is not the log: a file that is gone, or of which nothing but its length is there.
   */
  async *read(from: Lsn, to: Lsn, shape: WalShape): Bytes {
    for (let at = from; at < to;) {
      const start = startOfSegment(at, shape.segmentBytes);
      const end = start + BigInt(shape.segmentBytes);
      const until = to < end ? to : end;
      yield* this.#readFile(start, at, until, shape);
      at = until;
    }
  }

  async *#readFile(start: Lsn, from: Lsn, to: Lsn, shape: WalShape): AsyncGenerator<Uint8Array> {
    await using file = await this.#openSegment(start, shape);
    const pages = new PageCheck(start, shape);
    const buffer = Buffer.allocUnsafe(chunkBytes);
    // From the beginning of the page: the head of it tells what it is.
    for (let at = Number(from - start) - (Number(from - start) % pageBytes); at < Number(to - start);) {
      const wanted = Math.min(chunkBytes, Math.ceil((Number(to - start) - at) / pageBytes) * pageBytes);
      const { bytesRead } = await file.read(buffer, 0, wanted, at);
      if (bytesRead < wanted) throw notTheLog(start, shape, 'it is too short');
      pages.check(buffer.subarray(0, bytesRead), at, Number(to - start));
      const skip = Math.max(0, Number(from - start) - at);
      yield Buffer.from(buffer.subarray(skip, Math.min(bytesRead, Number(to - start) - at)));
      at += bytesRead;
    }
  }

  /** It loses its `.partial` at any moment. */
  async #openSegment(start: Lsn, shape: WalShape): Promise<FileHandle> {
    const path = join(this.folder, segmentName(shape.timeline, start, shape.segmentBytes));
    for (const each of [path, `${path}.partial`, path])
      try {
        return await open(each);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    throw notTheLog(start, shape, 'it is gone');
  }
}

/** Every page says where it belongs. Those after a switch to the next file are zeros to its end; zeros anywhere else were never received. */
class PageCheck {
  readonly #start: Lsn;
  readonly #shape: WalShape;
  #zerosFrom: number | undefined;
  constructor(start: Lsn, shape: WalShape) {
    this.#start = start;
    this.#shape = shape;
  }

  check(bytes: Buffer, at: number, to: number): void {
    for (let page = 0; page < bytes.length && at + page < to; page += pageBytes) {
      const head = bytes.subarray(page, page + pageBytes);
      if (head.equals(zeroPage)) this.#zerosFrom ??= at + page;
      else if (this.#zerosFrom !== undefined || !this.#belongs(head, at + page))
        throw notTheLog(this.#start, this.#shape, `its page at byte ${at + page} is of another place`);
    }
    if (this.#zerosFrom !== undefined && at + bytes.length >= to && to < this.#shape.segmentBytes)
      throw notTheLog(this.#start, this.#shape, `nothing was received from byte ${this.#zerosFrom} on`);
  }

  #belongs(head: Buffer, at: number): boolean {
    return head.readUInt32LE(timelineAt) === this.#shape.timeline && head.readBigUInt64LE(positionAt) === this.#start + BigInt(at);
  }
}

const notTheLog = (start: Lsn, { timeline, segmentBytes }: WalShape, what: string): BerthError =>
  new BerthError(
    'io',
    `${segmentName(timeline, start, segmentBytes)} in the spool is not the log of the server: ${what}`,
    'let nothing but the agent write to its spool; it is tried again',
  );
