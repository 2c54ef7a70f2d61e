import {
  eventType,
  EventScanner,
  readGtidList,
  readMariadbGtid,
  readMysqlGtid,
  readPreviousGtids,
  type EventHead,
} from './binlog-events.ts';
import type { GtidSet } from './gtids.ts';

/** A transaction of the log. */
export interface Transaction {
  readonly gtid: string;
  /** When it was committed, in milliseconds: in microseconds for MySQL; the second in which its last statement began for MariaDB. */
  readonly at: number;
  /** Where it begins: bytes before it. */
  readonly start: number;
}

/** A log that does not go on where what we have ends. */
export class NotContinuous extends Error {}

/**
 * Follows the transactions of a log, and proves that nothing lies between what was there before and what comes: a file says which
 * transactions stand in the files before it, and no transaction comes twice.
 */
export class SliceReader {
  readonly #gtids: GtidSet;
  readonly #parse: (text: string) => GtidSet;
  readonly #found: (transaction: Transaction) => void;
  readonly #scanner: EventScanner;
  #open: { gtid: string; start: number; at: number | undefined; seconds: number } | undefined;
  #offset: number;

  /**
   * @param gtids - All that came before; what is found is put in.
   * @param offset - Bytes before the first event.
   * @param bytes - Is given each event as it stands in the file.
   */
  constructor(
    gtids: GtidSet,
    parse: (text: string) => GtidSet,
    offset: number,
    found: (transaction: Transaction) => void,
    also: {
      readonly bytes?: (piece: Uint8Array, head: EventHead) => void;
      readonly event?: (head: EventHead, body: Buffer | undefined) => void;
    } = {},
  ) {
    this.#gtids = gtids;
    this.#parse = parse;
    this.#offset = offset;
    this.#found = found;
    this.#scanner = new EventScanner({
      bytes: (piece, head) => also.bytes?.(piece, head),
      event: (head, body) => {
        this.#see(head, body);
        also.event?.(head, body);
      },
    });
  }

  push = (chunk: Uint8Array): void => this.#scanner.push(chunk);

  stop = (): void => this.#scanner.stop();

  /** No more comes. @throws NotContinuous when it breaks off within an event. */
  end(): void {
    if (this.#scanner.isWithin) throw new NotContinuous('the log breaks off within an event');
    this.#close();
  }

  #see(head: EventHead, body: Buffer | undefined): void {
    if (body !== undefined) this.#place(head, body);
    if (this.#open !== undefined && head.seconds > this.#open.seconds) this.#open.seconds = head.seconds;
    this.#offset += head.bytes;
  }

  #place(head: EventHead, body: Buffer): void {
    switch (head.type) {
      case eventType.gtid: {
        const { gtid, at } = readMysqlGtid(body);
        return this.#begin(gtid, at, head);
      }
      case eventType.mariadbGtid:
        return this.#begin(readMariadbGtid(body, head), undefined, head);
      case eventType.previousGtids:
        return this.#expect(readPreviousGtids(body));
      case eventType.mariadbGtidList:
        return this.#expect(readGtidList(body));
      case eventType.rotate:
        return this.#close();
      case eventType.anonymousGtid:
        throw new NotContinuous('a transaction has no GTID: somebody has turned them off');
      case eventType.taggedGtid:
        throw new NotContinuous('a transaction has a GTID with a tag, which these backups do not know');
    }
  }

  #begin(gtid: string, at: number | undefined, { seconds }: EventHead): void {
    this.#close();
    if (this.#gtids.has(gtid))
      throw new NotContinuous(`transaction ${gtid} is in the log, and was before it: the server has another history`);
    this.#open = { gtid, start: this.#offset, at, seconds };
  }

  #close(): void {
    if (this.#open === undefined) return;
    const { gtid, start, at, seconds } = this.#open;
    this.#open = undefined;
    this.#gtids.add(gtid);
    this.#found({ gtid, start, at: at ?? seconds * 1000 });
  }

  #expect(text: string): void {
    this.#close();
    const before = this.#parse(text);
    if (!this.#gtids.covers(before))
      throw new NotContinuous(`the log goes on after ${before.toString()}, and ${this.#gtids.toString()} is what was received`);
  }
}
