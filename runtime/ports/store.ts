import type { Bytes, HashedBlock } from '../streams/blocks.ts';

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** By the clock of the store. */
  readonly modified: Date;
  /** Where the store has one: another one means other bytes. */
  readonly etag?: string;
}

/** From byte `from` to, and without, byte `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Where backups lie. Keys are those of `keyPattern`; anything else is refused before it reaches the store.
 *
 * What holds for all: an object is there as a whole or not at all, and once a method has resolved it stays, even when the power
 * fails. Who wrote a key reads what he wrote. Failures that time can heal are retried inside, for as long as the adapter was told;
 * what comes out is a BerthError with a cure: `unreachable` or `io` for the store, `damaged` for an object that is not there. An
 * aborted signal ends any call soon and with the reason of the signal.
 */
export interface Store {
  /** For messages: where it is, without secrets. */
  readonly name: string;
  /** Writes a small object; replaces one that is there. */
  put: (key: string, body: Uint8Array, signal: AbortSignal) => Promise<void>;
  /**
   * Writes a small object where there is none. Of several who try at the same time exactly one gets `true`, provided that
   * {@link Store.exclusive} holds. `false` says that the object there is another one.
   */
  create: (key: string, body: Uint8Array, signal: AbortSignal) => Promise<boolean>;
  /**
   * Writes an object of any length, of at least one part and at most 10,000; all but the last must have 5 MiB or more. When the parts
   * fail, or do not arrive as they were sent, it rejects and nobody ever sees the key. The key must be a new one. Holds a few parts in memory.
   */
  upload: (key: string, parts: AsyncIterable<HashedBlock>, signal: AbortSignal) => Promise<void>;
  /** The bytes of an object, or of a part of it. Ends without an error only when all of them were given. Fails when the object is not there. */
  read: (key: string, signal: AbortSignal, range?: ByteRange) => Bytes;
  /** How long an object is; `undefined` when there is none. Sees every finished write at once. */
  size: (key: string, signal: AbortSignal) => Promise<number | undefined>;
  /** All whose key begins with `prefix`, in any order. May not yet have what was just written: nothing that deletes may rest on it alone. */
  list: (prefix: string, signal: AbortSignal) => AsyncIterable<ObjectInfo>;
  /** What is not there counts as deleted. */
  delete: (key: string, signal: AbortSignal) => Promise<void>;
  /** Removes for good what uploads that were broken off before that time have left behind, and what was replaced or deleted before it and is locked no more. Answers how many. */
  clean: (prefix: string, before: Date, signal: AbortSignal) => Promise<number>;
  /** Free bytes, where the store can tell. */
  room: () => Promise<number | undefined>;
  /** Whether {@link Store.create} is safe against others here; found out by trying. Where it is not, one writer alone may use the store. */
  exclusive: (signal: AbortSignal) => Promise<boolean>;
  /** There where nobody can remove for good what a backup consists of, until its time is over. */
  readonly locked?: LockedStore;
}

/** An object that was removed or replaced, and came back. */
export interface Revived {
  readonly key: string;
  /** What had happened to it. */
  readonly was: 'removed' | 'replaced';
}

/** What deleting an object there does: it is in no list any more, and its bytes stay. */
export interface LockedStore {
  /** Until when nobody can remove what is written now. */
  readonly days: number;
  /** Days and kind of the lock: under others everything is locked anew. */
  readonly terms: string;
  /** @throws BerthError `unsupported` for a store that does not keep what is locked. */
  readonly check: (signal: AbortSignal) => Promise<void>;
  /** Its time begins again. */
  readonly renew: (key: string, signal: AbortSignal) => Promise<void>;
  /**
   * Brings back what backups consisted of at that time. Throws the first failure once all others are back.
   *
   * @param dryRun - Only tells what would come back.
   */
  readonly revive: (prefix: string, at: Date, dryRun: boolean, signal: AbortSignal) => AsyncIterable<Revived>;
}
