import type { Manifest } from '../../model/backup/manifest.ts';
import type { Producer } from './producer.ts';

/** What there is of an engine's log after some backup. */
export type Cut =
  /** All of it up to now, or the first part when there is a lot: then `more` comes after. */
  | { readonly kind: 'log'; readonly producer: Producer; readonly more: boolean }
  /** Nothing was written, and it is not yet time to say so again. All that was committed by then is in the backup. */
  | { readonly kind: 'nothing'; readonly coveredUntil: Date }
  /** Something is missing between, for ever: only a new full backup helps. The source is ready for one when it says so. */
  | { readonly kind: 'hole'; readonly because: string };

/** The log of an engine while it is received. Disposing of it stops that; the engine keeps what comes meanwhile, as long as it was told to. */
export interface LogFeed extends AsyncDisposable {
  /**
   * What comes after a backup, with not a byte missing and none too many. Waits a moment for what the engine has just written.
   *
   * @param after - A full backup, an increment, or a log that this source has cut.
   * @param until - A time for which the backups are to say that they hold all that was committed by then, even if that was nothing.
   */
  readonly cut: (after: Manifest, signal: AbortSignal, until?: Date) => Promise<Cut>;
  /** What is older than the end of that backup is not asked for again. */
  readonly forget: (upTo: Manifest, signal: AbortSignal) => Promise<void>;
}

export interface LogSource {
  readonly engine: string;
  /** From now on the engine keeps its log until it was received. To be done before the first full backup begins. */
  readonly open: (signal: AbortSignal) => Promise<LogFeed>;
}

/** How the backups of an engine rest on each other. Pure: manifests are all it looks at. */
export interface ChainRules {
  /** Whether a log begins where its parent ends, on the same server, with nothing between; or whether an increment is what changed since its parent. */
  readonly follows: (parent: Manifest, child: Manifest) => boolean;
  /**
   * Whether what is restored up to the end of a log holds all that another backup holds, though the log does not follow it: both are of the same server, and of the
   * same history. What was written before data were put back, or by a server that another one was promoted over, never does.
   */
  readonly holdsAllOf: (log: Manifest, other: Manifest) => boolean;
  /** Whether a backup holds the log up to that place, in the engine's own words. */
  readonly reaches: (manifest: Manifest, position: string) => boolean;
  /** Whether a full backup or an increment, without any log, is restored to that very place. */
  readonly endsAt: (base: Manifest, position: string) => boolean;
  /** Whether a transaction can only have ended after a full backup or an increment; those are what a restore can stop at. */
  readonly isAfter: (base: Manifest, transaction: string) => boolean;
  /** Whether a log has come as far as where a transaction ends, by its number alone; nothing where its manifest does not tell. */
  readonly comesTo: (log: Manifest, transaction: string) => boolean | undefined;
  /** How one transaction is written, and an example of it that says where it is told. */
  readonly transaction: { readonly form: RegExp; readonly example: string };
}
