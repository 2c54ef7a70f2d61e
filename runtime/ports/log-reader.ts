import type { Manifest } from '../../model/backup/manifest.ts';
import type { Restorable } from './scratch-engine.ts';

/** What a transaction did to a table. What is counted the reader says. */
export interface TouchedTable {
  readonly name: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Nothing tells its name: it was made after what the names are known from. */
  readonly isUnnamed?: true;
}

/** Stands for all tables of the server's own: what a change of definitions is made of. */
export const ownTables = 'catalog';

/** A transaction that lies in the log. Holds no values of rows, and no text of statements: those may be secrets, or about people. */
export interface LoggedTransaction {
  /** As a restore takes it. */
  readonly id: string;
  /** When it was committed, as exactly as the engine notes it. */
  readonly at: Date;
  /** Where its end stands in the log, in the engine's own words; not where `id` says it. */
  readonly place?: string;
  readonly bytes: number;
  readonly tables: readonly TouchedTable[];
  /** What came as a statement: what it does, and to what: `DROP TABLE shop.orders`. */
  readonly statements: readonly string[];
  /** Tables that something of what it touched is a partition of, or inherits from, at whatever depth. */
  readonly partOf?: readonly string[];
  /** A statement is about something of which nothing tells the whole name. */
  readonly isUnnamed?: true;
  /** It may have done more than is told: it is written in a way that is not looked into, or not to the end. */
  readonly isOpaque: boolean;
  /** It has, or may have, begun before the place from which the log was read: then it has done at least what is told. */
  readonly isPartial?: boolean;
}

/** Where a log begins to be read. */
interface LogStart {
  /** The full backup or increment of its chain. */
  readonly base: () => Promise<Restorable>;
  /** What the first of the logs follows: that, or a log. */
  readonly after: Manifest;
}

/** Reads a log that was shipped. */
export interface LogReader {
  /** What is counted of a table: rows, or what the engine writes for some of them together. */
  readonly counts: 'rows' | 'events';
  /** Of how many parts the whole name of a table is, its database and its schema with it. */
  readonly nameParts: 2 | 3;
  /**
   * Tells of each transaction in the order in which they were committed, and holds no more than what has not ended yet. Those in which backups note the time are left out.
   *
   * @param heard - Is told how many bytes have just been read.
   * @throws BerthError `damaged` for a log that is not what was written.
   */
  readonly read: (
    start: LogStart,
    logs: AsyncIterable<Restorable>,
    found: (transaction: LoggedTransaction) => void,
    heard: (bytes: number) => void,
  ) => Promise<void>;
}
