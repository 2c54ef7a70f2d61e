import type { Manifest } from '../../model/backup/manifest.ts';
import type { Restorable } from './scratch-engine.ts';

/** What a transaction did to a table. Counts are of what the engine writes for changes, which is not always one for each row. */
export interface TouchedTable {
  readonly name: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** A transaction that lies in the log. Holds no values of rows, and no text of statements: those may be secrets, or about people. */
export interface LoggedTransaction {
  /** As a restore takes it. */
  readonly id: string;
  /** When it was committed, as exactly as the engine notes it. */
  readonly at: Date;
  readonly bytes: number;
  readonly tables: readonly TouchedTable[];
  /** What came as a statement: what it does, and to what: `DROP TABLE shop.orders`. */
  readonly statements: readonly string[];
  /** It may have done more than is told: it is written in a way that is not looked into, or not to the end. */
  readonly isOpaque: boolean;
}

/** Reads a log that was shipped. */
export interface LogReader {
  /**
   * Tells of each transaction in the order of the log, and holds no more than one at a time. Those in which backups note the time are left out.
   *
   * @param after - What the first of these logs follows.
   * @param heard - Is told how many bytes have just been read.
   * @throws BerthError `damaged` for a log that is not what was written.
   */
  readonly read: (
    after: Manifest,
    logs: AsyncIterable<Restorable>,
    found: (transaction: LoggedTransaction) => void,
    heard: (bytes: number) => void,
  ) => Promise<void>;
}
