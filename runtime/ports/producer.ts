import { BerthError } from '../../model/errors.ts';
import type { Json } from '../../model/backup/shape.ts';
import type { Bytes } from '../streams/blocks.ts';

/** One file of a backup while it is made: `dump.sql`, `base.tar`. */
export interface ProducedStream {
  readonly name: string;
  /** Fails when what it gives is not all, and keeps nobody waiting for more than it was asked for. */
  readonly bytes: Bytes;
}

/** What an engine says of itself at the moment that its streams show. */
export interface SnapshotFacts {
  /** In the engine's own words: GTIDs, an LSN. `from` only for what follows another backup. */
  readonly position: { readonly from: string | null; readonly to: string | null };
  /** Identity, version, counts, checksums: taken inside of the snapshot, so that a restore can be held against them. */
  readonly facts: { readonly [name: string]: Json };
  readonly tool: { readonly name: string; readonly version: string; readonly image: string | null };
}

/** A consistent view of an engine, open until it is disposed of. */
interface Snapshot extends AsyncDisposable {
  /** One after the other; each is read to its end before the next is asked for. */
  readonly streams: AsyncIterable<ProducedStream>;
  /**
   * Asked once all streams have ended. Rejects when they cannot be relied on after all: an exit code, a trailer that is missing, an engine
   * that is another one than at the start.
   */
  readonly finish: () => Promise<SnapshotFacts>;
}

/** Only what changed since a backup cannot be had any more, and never will be: a full backup is made in place of an increment. */
export class NoIncrement extends BerthError {
  /** As of its parent, of which every failure that helps would be one. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return value instanceof BerthError && 'onlyFull' in value;
  }
  readonly onlyFull = true;
  constructor(because: string) {
    super('unsupported', because, 'make a full backup: `berth backup now` with the name of the database');
  }
}

/** All that an engine has to bring for its backups. */
export interface Producer {
  /** `postgres`. */
  readonly engine: string;
  readonly open: (signal: AbortSignal) => Promise<Snapshot>;
}
