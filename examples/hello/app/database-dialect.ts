/** The schemes of a DATABASE_URL, which name its engine. */
export const databaseSchemes = ['postgres', 'postgresql', 'mysql', 'mariadb'] as const;

/** What the application asks of an engine, in that engine's words. Each promise settles within a few seconds and rejects with the driver's own error. */
export interface Dialect {
  readonly tablesExist: () => Promise<boolean>;
  /** Replicas that start together may all try: the tables are there afterwards, once. */
  readonly createTables: () => Promise<void>;
  /** Whether the server answers and yet takes no writes, as a replica does. */
  readonly isReadOnly: () => Promise<boolean>;
  /** Adds one visit and resolves with the new total. */
  readonly addVisit: () => Promise<number>;
  /** Adding the same note twice leaves one row. */
  readonly addNote: (key: string, bytes: number, createdAt: Date) => Promise<void>;
  readonly countNotes: () => Promise<number>;
  readonly close: () => Promise<void>;
  /** The code of an error that says that a table is not there. */
  readonly undefinedTable: string;
}

export interface DialectOptions {
  readonly url: string;
  readonly poolSize: number;
  /** Called when a connection that nobody was using is gone. */
  readonly onLost: (error: Error) => void;
}

export const CONNECT_MS = 2000;
/** A peer that vanished without a word is noticed after this long. */
export const QUERY_MS = 3000;
export const IDLE_MS = 30_000;
