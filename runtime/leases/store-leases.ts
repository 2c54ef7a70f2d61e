import { leasePrefix } from '../../model/backup/layout.ts';
import { BerthError } from '../../model/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Held, Lease, Leases } from '../ports/lease.ts';
import type { Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { formatLease, parseLease, type LeaseRecord } from './lease-record.ts';
import { lostTo } from './lost.ts';

export interface StoreLeasesOptions {
  readonly store: Store;
  readonly site: string;
  /** Unique for each process, and of use to a person: host, container, start. */
  readonly holder: string;
  readonly clock: Clock;
  /** A holder that gives no sign of life for so long is taken for dead. */
  readonly ttlMs: number;
}

const longestRecord = 4096;
/** A holder gives up before anybody else may begin to believe that it is dead. */
const holderGivesUpAt = 0.8;
const beatsPerTtl = 4;
/** Objects of earlier epochs that stay. A runtime that slept through one heartbeat must not find itself alone when it wakes. */
const keptEpochs = 100;

/**
 * A lease in the store itself, made of nothing but "create where there is none". Each holder has an object of its own, numbered by its
 * epoch, and a new one begins by creating the next number: of two who try, one succeeds. So an old list does no harm. Nobody compares
 * the clocks of two hosts: a holder is dead when its object was seen unchanged for the whole time by the clock of who watches.
 */
export function storeLeases(options: StoreLeasesOptions): Leases {
  const { store, site, clock, ttlMs } = options;
  const seen = new Map<string, { readonly text: string; readonly since: number }>();
  let exclusive: boolean | undefined;

  return {
    async acquire(name, signal) {
      exclusive ??= await store.exclusive(signal);
      if (!exclusive) throw notExclusive(store.name);
      const prefix = leasePrefix(site, name);
      const newest = await newestEpoch(store, prefix, signal);
      const silent = newest === 0 ? undefined : await holderOf(prefix, newest, signal);
      if (silent !== undefined) return silent;
      const record: LeaseRecord = { format: 'berth-lease', version: 1, holder: options.holder, epoch: newest + 1, beat: 0, state: 'held' };
      const since = momentOf(clock);
      if (!(await store.create(keyOf(prefix, newest + 1), formatLease(record), signal)))
        return { heldBy: 'another runtime that was quicker' };
      return new StoreLease(name, prefix, record, since, options);
    },
  };

  /** Who holds an epoch; `undefined` when nobody does any more. */
  async function holderOf(prefix: string, epoch: number, signal: AbortSignal): Promise<Held | undefined> {
    const bytes = await collect(store.read(keyOf(prefix, epoch), signal), longestRecord);
    const record = parseLease(bytes);
    if (record?.state === 'released') return undefined;
    const text = Buffer.from(bytes).toString('latin1');
    const before = seen.get(prefix);
    if (before?.text === text && clock.elapsed() - before.since >= ttlMs) return undefined;
    if (before?.text !== text) seen.set(prefix, { text, since: clock.elapsed() });
    return { heldBy: record?.holder ?? 'something that is not a runtime' };
  }
}

const notExclusive = (name: string): BerthError =>
  new BerthError(
    'unsupported',
    `${name} cannot keep two runtimes apart: it overwrites where it is told not to`,
    'update the store to a version that knows If-None-Match, or make sure that one agent alone ever writes and set `lease: file`',
  );

const keyOf = (prefix: string, epoch: number): string => `${prefix}${String(epoch).padStart(12, '0')}`;

/** A list may be old; whether the next number is there is asked of the store itself. */
async function newestEpoch(store: Store, prefix: string, signal: AbortSignal): Promise<number> {
  let newest = 0;
  for await (const { key } of store.list(prefix, signal)) newest = Math.max(newest, Number(key.slice(prefix.length)) || 0);
  while ((await store.size(keyOf(prefix, newest + 1), signal)) !== undefined) newest += 1;
  return newest;
}

interface Moment {
  readonly elapsed: number;
  readonly wall: number;
}
const momentOf = (clock: Clock): Moment => ({ elapsed: clock.elapsed(), wall: clock.now().getTime() });

class StoreLease implements Lease {
  readonly #name: string;
  readonly #prefix: string;
  readonly #options: StoreLeasesOptions;
  readonly #lost = new AbortController();
  readonly #ended = new AbortController();
  readonly #beating: Promise<void>;
  #record: LeaseRecord;
  /** When the last sign of life was begun: from then on others count. */
  #alive: Moment;
  constructor(name: string, prefix: string, record: LeaseRecord, alive: Moment, options: StoreLeasesOptions) {
    this.#name = name;
    this.#prefix = prefix;
    this.#record = record;
    this.#alive = alive;
    this.#options = options;
    this.#beating = this.#beat();
  }

  get epoch(): number {
    return this.#record.epoch;
  }

  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  confirm = async (signal: AbortSignal): Promise<void> => {
    signal.throwIfAborted();
    if (!this.#lost.signal.aborted) await this.#look(signal);
    if (this.#tooOld()) this.#lose('it did not hear from this one in time');
    this.#lost.signal.throwIfAborted();
  };

  release = async (): Promise<void> => {
    this.#ended.abort();
    await this.#beating;
    if (this.#lost.signal.aborted) return;
    this.#lose('this one gave it back');
    const { store, ttlMs } = this.#options;
    const released = formatLease({ ...this.#record, state: 'released' });
    // Where this fails, the next one waits until it takes us for dead.
    await store.put(keyOf(this.#prefix, this.epoch), released, AbortSignal.timeout(ttlMs)).catch(() => undefined);
  };

  /** Ours while our object is there and the next one is not. Old ones are deleted from the lowest on, so both cannot be missing. */
  async #look(signal: AbortSignal): Promise<void> {
    const { store } = this.#options;
    const next = await store.size(keyOf(this.#prefix, this.epoch + 1), signal);
    const own = await store.size(keyOf(this.#prefix, this.epoch), signal);
    if (next !== undefined || own === undefined) this.#lose(`epoch ${this.epoch + 1} has begun`);
  }

  async #beat(): Promise<void> {
    const { clock, ttlMs } = this.#options;
    await this.#deleteOld().catch(() => undefined);
    for (;;) {
      await clock.sleep(ttlMs / beatsPerTtl, this.#ended.signal);
      if (this.#ended.signal.aborted || this.#lost.signal.aborted) return;
      if (this.#tooOld()) return this.#lose('it did not hear from this one in time');
      await this.#renew().catch(() => undefined); // the store may be back at the next beat
    }
  }

  async #renew(): Promise<void> {
    const { store, clock, ttlMs } = this.#options;
    const begun = momentOf(clock);
    const signal = AbortSignal.any([this.#ended.signal, AbortSignal.timeout(ttlMs)]);
    await this.#look(signal);
    if (this.#lost.signal.aborted) return;
    const record = { ...this.#record, beat: this.#record.beat + 1 };
    await store.put(keyOf(this.#prefix, this.epoch), formatLease(record), signal);
    this.#record = record;
    this.#alive = begun;
  }

  /** From the lowest on, so that who finds the next one missing finds its own missing as well. */
  async #deleteOld(): Promise<void> {
    const { store } = this.#options;
    const old: string[] = [];
    for await (const { key } of store.list(this.#prefix, this.#ended.signal))
      if (key < keyOf(this.#prefix, Math.max(0, this.epoch - keptEpochs))) old.push(key);
    for (const key of old.sort()) await store.delete(key, this.#ended.signal);
  }

  #tooOld(): boolean {
    const { clock, ttlMs } = this.#options;
    // The one clock may stand still while the host sleeps, the other may be set; either is reason enough to doubt.
    const passed = Math.max(clock.elapsed() - this.#alive.elapsed, clock.now().getTime() - this.#alive.wall);
    return passed > ttlMs * holderGivesUpAt;
  }

  #lose(by: string): void {
    this.#lost.abort(lostTo(this.#name, by));
  }
}
