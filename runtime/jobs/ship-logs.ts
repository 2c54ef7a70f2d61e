import { idInKey, manifestPrefix, type Place } from '../../model/backup/layout.ts';
import type { Manifest } from '../../model/backup/manifest.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { ChainRules, LogFeed } from '../ports/log-source.ts';
import { backup, type BackupTools } from './backup.ts';
import { readCatalogue } from './catalogue.ts';
import { chainsOf } from './coverage.ts';

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
 * Ships the log of an engine, behind the newest full backup. One for a source; its passes are made one after the other.
 * While a full backup is made the log goes on behind the one before, so that no time is left out; the new one takes over
 * with its own end, from which on the log is shipped once more.
 */
export class LogShipper {
  readonly #place: Place;
  readonly #tools: ShipTools;
  /** The last of the chain that is being shipped. */
  #tip: Manifest | undefined;
  /** A full backup that is to take over. */
  #next: Manifest | undefined;
  #newestId = '';
  #lookedAt = -Infinity;
  #missing = 'there is no full backup yet';
  #holding = 0;
  constructor(place: Place, tools: ShipTools) {
    this.#place = place;
    this.#tools = tools;
  }

  /** Makes a full backup while nothing of the log is forgotten, and begins a new chain with it. */
  async duringFull(work: () => Promise<Manifest>): Promise<Manifest> {
    this.#holding += 1;
    try {
      const full = await work();
      this.#take(full);
      return full;
    } finally {
      this.#holding -= 1;
    }
  }

  /** Ships all that is there now. */
  async pass(signal: AbortSignal): Promise<Shipped> {
    await this.#look(signal);
    for (const after of [this.#next, this.#tip]) {
      if (after === undefined) continue;
      const shipped = await this.#ship(after, signal);
      if (after === this.#next) this.#next = undefined;
      if (shipped.kind !== 'full needed') return shipped;
      this.#missing = shipped.because;
      if (after === this.#tip) this.#tip = undefined;
    }
    return { kind: 'full needed', because: this.#missing };
  }

  #take(full: Manifest): void {
    const present = this.#next ?? this.#tip;
    if (present === undefined || full.id > present.chain) this.#next = full;
  }

  /** The truth lies in the store: at the start, and now and then, since a full backup may have been made by another process. */
  async #look(signal: AbortSignal): Promise<void> {
    const { store, trusted, clock, rules, refreshMs } = this.#tools;
    if (clock.elapsed() - this.#lookedAt < refreshMs) return;
    const prefix = manifestPrefix(this.#place);
    const known = this.#tip?.chain ?? '';
    const isNewFull = (key: string): boolean => key.endsWith('.full.json') && (idInKey(key, prefix) ?? '') > known;
    const newest = (await readCatalogue(store, prefix, trusted, signal, isNewFull)).manifests.at(-1);
    this.#lookedAt = clock.elapsed();
    if (newest === undefined) return;
    if (this.#tip !== undefined) return this.#take(newest);
    const { manifests } = await readCatalogue(store, prefix, trusted, signal, (key) => (idInKey(key, prefix) ?? '') >= newest.id);
    const [chain] = chainsOf(manifests, rules).filter(({ full }) => full.id === newest.id);
    this.#tip = chain?.logs.at(-1) ?? newest;
    this.#newestId = manifests.at(-1)?.id ?? newest.id;
  }

  async #ship(after: Manifest, signal: AbortSignal): Promise<Shipped> {
    const { feed } = this.#tools;
    const logs: Manifest[] = [];
    for (let tip = after; ;) {
      const cut = await feed.cut(tip, signal);
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
      this.#tip = tip;
      this.#newestId = tip.id;
      logs.push(tip);
      if (this.#holding === 0 && this.#next === undefined) await feed.forget(tip, signal);
      if (!cut.more) return { kind: 'shipped', logs };
    }
  }
}
