import { idInKey, manifestPrefix, type Place } from '../../model/backup/layout.ts';
import { hasLogBehind, type Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { ChainRules, LogFeed } from '../ports/log-source.ts';
import { backup, type BackupTools } from './backup.ts';
import { isLog, readCatalogue, readFrom } from './catalogue.ts';
import { baseOf, chainsOf } from './coverage.ts';

/** For so long a log that cannot be read or shipped is tried again while a full backup waits to take over: without it, one that never can would keep the log from all that come. */
const patienceMs = 900_000;

/** How often it is looked whether somebody else has made the full backup that is missing. */
const lostPauseMs = 30_000;

export interface ShipTools extends Omit<BackupTools, 'producer'> {
  readonly feed: LogFeed;
  readonly rules: ChainRules;
  readonly trusted: TrustedSigners;
  /** How often it is looked whether somebody else has made a full backup. */
  readonly refreshMs: number;
}

export type Shipped =
  | { readonly kind: 'shipped'; readonly logs: readonly Manifest[] }
  /** Nothing new. */
  | { readonly kind: 'quiet'; readonly coveredUntil: Date }
  /** Nothing can be shipped before a full backup was made; it should be made at once. */
  | { readonly kind: 'full needed'; readonly because: string };

/**
 * Ships the log of an engine, behind the newest full backup or increment. One for a source; its passes are made one after the other.
 * While such a one is made, and until the moment from which on it can be restored to any time, the log goes on behind the one before,
 * so that no time is left out. Then the new one takes over with its own end, from which on the log is shipped once more.
 */
export class LogShipper {
  readonly #place: Place;
  readonly #tools: ShipTools;
  /** The last of the chain that is being shipped. */
  #tip: Manifest | undefined;
  /** The full backup or increment that the log is shipped behind. */
  #base = '';
  /** One that is to take over. */
  #next: Manifest | undefined;
  #newestId = '';
  #lookedAt = -Infinity;
  #missing = 'there is no full backup yet';
  /** Of each that is being made up to where the log was shipped when it was begun, the oldest first: it ends behind that. Nothing of the log is known to be needless where there is none. */
  readonly #making = new Set<{ readonly behind: Manifest | undefined }>();
  /** The same of the one that is to take over, where it is known. */
  #nextBehind: Manifest | undefined;
  /** There was a hole, and no full backup since. */
  #isLost = false;
  /** The chain that is being shipped cannot go on, for whatever reason. */
  #failingSince: number | undefined;
  constructor(place: Place, tools: ShipTools) {
    this.#place = place;
    this.#tools = tools;
  }

  /** Makes a full backup, or an increment, while nothing of the log is forgotten that comes from then on: it goes on behind it. */
  async during<T extends Manifest | undefined>(work: () => Promise<T>): Promise<T> {
    const making = { behind: this.#tip };
    this.#making.add(making);
    try {
      const made = await work();
      if (made !== undefined) this.#take(made, making.behind);
      return made;
    } finally {
      this.#making.delete(making);
    }
  }

  /**
   * Ships all that is there now.
   *
   * @param until - A time up to which the backups are to say that they hold everything, even if nothing was written.
   */
  async pass(signal: AbortSignal, until?: Date): Promise<Shipped> {
    await this.#look(signal);
    // It was taken over already, and what came then broke off.
    if (this.#tip !== undefined && this.#next?.id === this.#base) this.#next = undefined;
    const next = this.#next;
    const from = next && reachOf(next).restorableFrom;
    let shipped: Shipped = { kind: 'full needed', because: this.#missing };
    if (this.#tip !== undefined) {
      try {
        shipped = await this.#ship(this.#tip, signal, from === undefined || (until !== undefined && until > from) ? until : from);
        this.#failingSince = undefined;
        if (shipped.kind === 'full needed') this.#loseTip(shipped.because);
        else if (from === undefined || reachOf(this.#tip).coveredUntil < from) return shipped;
      } catch (error) {
        if (next === undefined || !this.#isGivenUp(signal)) throw error;
        // The chain is left only once the log goes on behind the next: where that fails as well, the trouble lies elsewhere.
        shipped = { kind: 'full needed', because: error instanceof Error ? error.message : String(error) };
      }
    }
    if (next === undefined) return shipped;
    const behindNext = await this.#ship(next, signal, until);
    this.#failingSince = undefined;
    // Another one may have been made meanwhile.
    if (this.#next === next) this.#next = undefined;
    // Nobody has written since: what comes is to follow it all the same.
    if (behindNext.kind === 'quiet') this.#goOnBehind(next);
    if (behindNext.kind !== 'full needed') return behindNext;
    // It stands alone; what it was to follow goes on, if there is any.
    if (this.#tip !== undefined) return shipped;
    this.#loseTip(behindNext.because);
    return behindNext;
  }

  #isGivenUp(signal: AbortSignal): boolean {
    const now = this.#tools.clock.elapsed();
    this.#failingSince ??= now;
    return !signal.aborted && now - this.#failingSince >= patienceMs;
  }

  #loseTip(because: string): void {
    this.#tip = undefined;
    this.#isLost = true;
    this.#missing = because;
  }

  #goOnBehind(made: Manifest): void {
    this.#tip = made;
    this.#isLost = false;
    this.#base = made.id;
  }

  #take(made: Manifest, behind: Manifest | undefined): void {
    const present = this.#next?.id ?? (this.#tip === undefined ? '' : this.#base);
    if (made.id <= present) return;
    this.#next = made;
    this.#nextBehind = behind;
  }

  /** Up to where nobody needs the log any more. Full backups that follow each other without a pause hold no more of it than since they were begun. */
  #needless(tip: Manifest): Manifest | undefined {
    const held = [...this.#making].map(({ behind }) => behind);
    const all = this.#next === undefined ? held : [this.#nextBehind, ...held];
    return all.length === 0 ? tip : all.includes(undefined) ? undefined : all[0];
  }

  /** The truth lies in the store: at the start, and now and then, since one may have been made by another process. */
  async #look(signal: AbortSignal): Promise<void> {
    const { store, trusted, clock, refreshMs } = this.#tools;
    const isAtWork = this.#tip !== undefined || this.#next !== undefined;
    // Behind a hole it is asked every second or so, and nothing but a full backup helps: of one of our own we hear by ourselves.
    const pauseMs = isAtWork ? refreshMs : this.#isLost ? Math.min(refreshMs, lostPauseMs) : 0;
    if (clock.elapsed() - this.#lookedAt < pauseMs) return;
    const prefix = manifestPrefix(this.#place);
    const known = this.#tip === undefined ? '' : this.#base;
    const isNew = (key: string): boolean => !isLog(key) && (idInKey(key, prefix) ?? '') > known;
    const made = (await readCatalogue(store, prefix, trusted, signal, isNew)).manifests;
    this.#lookedAt = clock.elapsed();
    const newest = made.at(-1);
    if (newest === undefined) return;
    if (this.#tip === undefined) await this.#begin(made.slice(-2), signal);
    else this.#take(newest, undefined);
  }

  /** Behind the newest; when nothing follows it yet, the one before has to be brought to its end first. */
  async #begin(made: readonly Manifest[], signal: AbortSignal): Promise<void> {
    const { store, trusted, rules } = this.#tools;
    // An increment counts with all that it rests on.
    const manifests = await readFrom(this.#place, made[0]?.id ?? '', store, trusted, signal);
    this.#newestId = manifests.at(-1)?.id ?? '';
    const [newest, before] = [...chainsOf(manifests, rules)].reverse();
    if (newest === undefined) return;
    const isAlone = newest.logs.length === 0 && before !== undefined;
    const chain = isAlone ? before : newest;
    this.#goOnBehind(baseOf(chain));
    this.#tip = chain.logs.at(-1) ?? baseOf(chain);
    this.#next = isAlone ? baseOf(newest) : undefined;
    this.#nextBehind = undefined;
  }

  async #ship(after: Manifest, signal: AbortSignal, until?: Date): Promise<Shipped> {
    const { feed } = this.#tools;
    const logs: Manifest[] = [];
    for (let tip = after; ;) {
      const cut = await feed.cut(tip, signal, until);
      if (cut.kind === 'hole') return { kind: 'full needed', because: cut.because };
      if (cut.kind === 'nothing') return logs.length > 0 ? { kind: 'shipped', logs } : { kind: 'quiet', coveredUntil: cut.coveredUntil };
      const request = {
        place: this.#place,
        kind: 'log',
        after: { chain: tip.chain, parent: tip.id },
        label: null,
        scheduledFor: null,
        newestId: tip.id > this.#newestId ? tip.id : this.#newestId,
      } as const;
      tip = await backup(request, { ...this.#tools, producer: cut.producer }, signal);
      if (hasLogBehind(after.kind)) this.#base = after.id;
      this.#tip = tip;
      this.#newestId = tip.id;
      logs.push(tip);
      const needless = this.#needless(tip);
      if (needless !== undefined) await feed.forget(needless, signal);
      if (!cut.more) return { kind: 'shipped', logs };
    }
  }
}
