import type { KeyObject } from 'node:crypto';
import type { Place } from '../model/backup/layout.ts';
import { hasLogBehind, type Manifest } from '../model/backup/manifest.ts';
import type { Verification } from '../model/backup/verification.ts';
import { reachOf } from '../model/backup/reach.ts';
import { BerthError } from '../model/errors.ts';
import type { DatabaseJob } from './databases.ts';
import { keyIdOf, type Recipient } from './format/keys.ts';
import { readFrom, readWithoutLogs } from './jobs/catalogue.ts';
import { takeIncrement, type Incremented } from './jobs/take-increment.ts';
import { LogShipper, type Shipped } from './jobs/ship-logs.ts';
import { acquireLease, takeBackup, type Taken, type TakeTools, type Wish } from './jobs/take-backup.ts';
import { inspect, prove } from './jobs/verify.ts';
import type { BackedUpEngine } from './ports/engine.ts';

export interface DatabaseTools extends TakeTools {
  readonly engine: BackedUpEngine;
  readonly recipients: () => readonly Recipient[];
  /** Opens what is made here. */
  readonly identity: KeyObject;
}

/** Looks at the log in the time that it may be behind: one may come just too early, and what it finds has to be brought to the store. */
const looksInTime = 3;
/** How often it is looked whether somebody else has made a full backup. */
const refreshMs = 60_000;
/** After a failure, so that a server that is away is not asked all the time. */
const retryMs = 15_000;
/** A full backup that is needed and fails is not begun again sooner. */
const fullRetryMs = 300_000;

/** Told of what happens while the log is shipped. */
export interface ShippingEvents {
  readonly shipped: (logs: readonly Manifest[]) => void;
  /** Needed at once, and now begun. */
  readonly fullNeeded: (because: string) => void;
  readonly full: (taken: Taken) => void;
  readonly failed: (what: 'log' | 'full', error: unknown) => void;
}

/** The backups of one database: full ones and increments when they are due, and the log all the time. */
export class DatabaseBackups {
  readonly job: DatabaseJob;
  readonly #place: Place;
  readonly #tools: DatabaseTools;
  #shipper: LogShipper | undefined;
  /** Asked for, and not yet shipped. */
  #wanted: { readonly until: Date; readonly done: () => void; readonly fail: (error: unknown) => void } | undefined;
  #wake = new AbortController();
  constructor(job: DatabaseJob, site: string, tools: DatabaseTools) {
    this.job = job;
    this.#place = { site, source: job.name };
    this.#tools = tools;
  }

  /** A full backup. While the log is shipped by this process, nothing of it is left out between this and the one before. */
  async full(wish: Wish, signal: AbortSignal): Promise<Taken> {
    const {
      recipients,
      engine: { producer },
    } = this.#tools;
    const take = (): Promise<Taken> =>
      takeBackup({ place: this.#place, kind: 'full', producer, recipients }, wish, this.#tools, undefined, signal);
    return this.#beside(take);
  }

  /** What has changed since the newest full backup or increment; a full one where that cannot be had. */
  async increment(wish: Wish, signal: AbortSignal): Promise<Taken> {
    const taken = await this.#beside(() => takeIncrement(this.#place, wish, this.#tools, signal));
    return 'manifest' in taken ? taken : { ...(await this.full(wish, signal)), fullBecause: taken.because };
  }

  /** While a backup is made by the process that ships, the log goes on, and follows it then. */
  async #beside<T extends Taken | Incremented>(take: () => Promise<T>): Promise<T> {
    let taken: T | undefined;
    const make = async (): Promise<Manifest | undefined> => {
      taken = await take();
      return 'manifest' in taken ? taken.manifest : undefined;
    };
    await (this.#shipper === undefined ? make() : this.#shipper.during(make));
    if (taken === undefined) throw new Error('a backup ended without an outcome');
    return taken;
  }

  /**
   * Resolves once all that was committed by now lies in the store, and fails with what keeps it from getting there: nobody who asks waits for a server
   * that is away. One at a time; by the process that ships.
   */
  async cover(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const stopped = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', stopped);
    this.#wanted = { until: this.#tools.clock.now(), done: resolve, fail: reject };
    this.#wake.abort();
    try {
      await promise;
    } finally {
      this.#wanted = undefined;
      signal.removeEventListener('abort', stopped);
    }
  }

  /** Ships the log until the signal comes. Whatever fails is told and tried again; a full backup that is needed is made. */
  async ship(events: ShippingEvents, signal: AbortSignal): Promise<void> {
    const { clock } = this.#tools;
    let failedFull: { readonly at: number; readonly error: unknown } | undefined;
    while (!signal.aborted) {
      try {
        await this.#shipWhileHeld(signal, async (shipped) => {
          if (shipped.kind === 'shipped') events.shipped(shipped.logs);
          if (shipped.kind !== 'full needed') return;
          if (failedFull !== undefined && clock.elapsed() - failedFull.at < fullRetryMs) return this.#wanted?.fail(failedFull.error);
          events.fullNeeded(shipped.because);
          try {
            events.full(await this.full({ due: null, label: null }, signal));
          } catch (error) {
            if (signal.aborted) return;
            failedFull = { at: clock.elapsed(), error };
            events.failed('full', error);
            this.#wanted?.fail(error);
          }
        });
      } catch (error) {
        if (signal.aborted) return;
        events.failed('log', error);
        this.#wanted?.fail(error);
        const wake = (this.#wake = new AbortController());
        await clock.sleep(retryMs, AbortSignal.any([signal, wake.signal]));
      }
    }
  }

  /** Of two agents one ships; the other waits until the first is gone. */
  async #shipWhileHeld(signal: AbortSignal, heard: (shipped: Shipped) => Promise<void>): Promise<void> {
    const { engine, clock, recipients } = this.#tools;
    const lease = await acquireLease(`${this.#place.source}.log`, this.#tools, signal);
    const stop = AbortSignal.any([signal, lease.lost]);
    try {
      await using feed = await engine.logs.open(stop);
      this.#shipper = new LogShipper(this.#place, {
        ...this.#tools,
        feed,
        rules: engine.rules,
        lease,
        recipients: recipients(),
        refreshMs,
      });
      const known = idsOf(recipients());
      // Who may open what is made from now on may change at any time; the log goes on with those of today.
      while (!stop.aborted && idsOf(recipients()) === known) {
        const wake = (this.#wake = new AbortController());
        const wanted = this.#wanted;
        const shipped = await this.#shipper.pass(stop, wanted?.until);
        await heard(shipped);
        const isCovered = wanted !== undefined && coveredBy(shipped) >= wanted.until;
        if (isCovered) wanted.done();
        // A full backup that was just made is followed at once, so that there is a time to restore to.
        const isAtRest = shipped.kind !== 'full needed' && (isCovered || this.#wanted === undefined);
        await clock.sleep(isAtRest ? (this.job.database.rpo * 1000) / looksInTime : 1000, AbortSignal.any([stop, wake.signal]));
      }
    } finally {
      this.#shipper = undefined;
      await lease.release();
    }
  }

  /** Restores the newest full backup, or increment with what it rests on, and compares it with what the original held; where there was no quiet moment to compare with, sees that the engine accepts it. */
  async prove(signal: AbortSignal): Promise<Verification | undefined> {
    const { store, trusted, engine, identity, width } = this.#tools;
    const newest = (await readWithoutLogs(this.#place, store, trusted, signal)).findLast(({ kind }) => hasLogBehind(kind));
    if (newest === undefined) return undefined;
    const manifests = await readFrom(this.#place, newest.id, store, trusted, signal);
    const tools = { ...this.#tools, engine: engine.scratch, rules: engine.rules, identity, width };
    try {
      return await prove(this.#place, newest, manifests, tools, signal);
    } catch (error) {
      // Its log may not have been shipped yet, or its facts are damaged, which is found then.
      if (!(error instanceof BerthError) || !['usage', 'damaged'].includes(error.kind)) throw error;
      return inspect(this.#place, newest, manifests, tools, signal);
    }
  }
}

const idsOf = (recipients: readonly Recipient[]): string => recipients.map(({ name, key }) => `${name} ${keyIdOf(key)}`).join('\n');

/** All that was committed by then lies in the store. */
const coveredBy = (shipped: Shipped): Date =>
  shipped.kind === 'quiet'
    ? shipped.coveredUntil
    : shipped.kind === 'shipped'
      ? (shipped.logs.map((log) => reachOf(log).coveredUntil).at(-1) ?? new Date(0))
      : new Date(0);
