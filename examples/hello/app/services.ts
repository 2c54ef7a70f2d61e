import type { Note } from './note.ts';

/**
 * What the application needs from its three dependencies. Every promise settles within a few seconds and rejects with
 * {@link Unavailable} when the dependency cannot serve; none of them needs a restart of the application to recover.
 */
export interface Services {
  readonly database: Database;
  readonly cache: Cache;
  readonly storage: Storage;
}

export interface Database {
  /** True from the first time the database was reached and its tables were there, and for ever after. */
  readonly reached: boolean;
  /** Resolves when the database answers and accepts writes. */
  ping(): Promise<void>;
  /** Adds one visit and resolves with the new total. */
  countVisit(): Promise<number>;
  /** Records a note whose text is already stored. Recording the same note twice leaves one row. */
  recordNote(note: Note): Promise<void>;
  /** How many notes were ever recorded. */
  countNotes(): Promise<number>;
  close(): Promise<void>;
}

export interface Cache {
  ping(): Promise<void>;
  /** Adds one hit and resolves with the new total. */
  countHit(): Promise<number>;
  close(): Promise<void>;
}

export interface Storage {
  /** Resolves when the store answers and the bucket is there. */
  ping(): Promise<void>;
  put(note: Note): Promise<void>;
  /** The newest notes first, at most `most` of them. */
  latest(most: number): Promise<readonly Note[]>;
  /** Removing what is absent succeeds. */
  remove(note: Note): Promise<void>;
  close(): Promise<void>;
}

export type ServiceName = 'database' | 'redis' | 'storage';

/** A dependency did not serve. The message is safe to show to anybody: it holds a code, never an address or a password. */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly service: ServiceName;
  readonly code: string;
  constructor(service: ServiceName, code: string, options?: ErrorOptions) {
    super(`${service} is unavailable (${code})`, options);
    this.service = service;
    this.code = code;
  }
}
