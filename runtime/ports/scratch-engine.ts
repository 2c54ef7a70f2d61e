import type { Manifest } from '../../model/backup/manifest.ts';
import type { Json } from '../../model/backup/shape.ts';
import type { Bytes } from '../streams/blocks.ts';

/** Where a restore ends. Positions and transactions are in the engine's own words. */
export type RestoreTarget =
  | { readonly kind: 'latest' }
  /** With the last commit at or before it. */
  | { readonly kind: 'time'; readonly at: Date }
  /** With the end of a transaction, or just before it. */
  | { readonly kind: 'transaction'; readonly id: string; readonly inclusive: boolean }
  /** Before what stands at that place in the log. */
  | { readonly kind: 'position'; readonly position: string };

/** A backup and a way to its files; each comes out checked. */
export interface Restorable {
  readonly manifest: Manifest;
  /** @throws BerthError `damaged` while it is read, and for a file that the backup does not have. */
  readonly open: (file: string) => Bytes;
}

/** A restored engine that nobody but us can reach. Disposing of it stops it and deletes all of it. */
export interface Scratch extends AsyncDisposable {
  /** How far it has got, in the engine's own words. */
  readonly position: string;
  /** The time that backups had last written into it, by the clock of the server that was copied; nothing where they never did. */
  readonly canary: (signal: AbortSignal) => Promise<Date | undefined>;
  /** What it now holds, in a form that {@link ScratchEngine.compare} knows. */
  readonly facts: (signal: AbortSignal) => Promise<Json>;
  /**
   * Stops it in order, and leaves its data on the disk under this new name of the same file system, for a server that is not thrown away. Once.
   *
   * @returns what is left to do for whoever starts that server, each in a sentence.
   */
  readonly keep: (folder: string, signal: AbortSignal) => Promise<readonly string[]>;
}

/** An engine's files, laid out and proven to be sound, but not started. */
export interface LaidOut extends AsyncDisposable {
  /** Starts the engine, which reads its log up to the target. Once. */
  readonly recover: (target: RestoreTarget, signal: AbortSignal) => Promise<Scratch>;
}

/** What starts a server, in a container of its own. */
export type StandingCommand = readonly [string, ...string[]];

/** The engine of the agent's own image, in a folder of the agent's. */
export interface ScratchEngine {
  readonly engine: string;
  /**
   * @param chain - A full backup, increments that rest on it, and the logs that follow, in order.
   * @throws BerthError `damaged` when it is not what the engine calls sound.
   */
  readonly layOut: (chain: readonly Restorable[], signal: AbortSignal) => Promise<LaidOut>;
  /** What a full backup or an increment says that it holds, and the place where that is true; nothing where it could not say. */
  readonly expectation: (base: Restorable) => Promise<{ readonly target: RestoreTarget; readonly facts: Json } | undefined>;
  /** The differences, each in one line. */
  readonly compare: (expected: Json, found: Json) => readonly string[];
  /**
   * What starts a server over data that were kept, which stays and is there to be looked at: only its socket leads to it, where the clients of its image look for
   * one. Writes what it needs beside the data. Missing where an engine has no such server.
   */
  readonly standing?: (data: string, full: Manifest) => Promise<StandingCommand>;
}
