import type { Manifest } from '../../../model/backup/manifest.ts';
import { mongodbChain } from '../../../runtime/engines/mongodb/chain-rules.ts';
import { mysqlChain } from '../../../runtime/engines/mysql/chain-rules.ts';
import { dialects } from '../../../runtime/engines/mysql/dialect.ts';
import { postgresChain } from '../../../runtime/engines/postgres/chain-rules.ts';
import { formatLsn } from '../../../runtime/engines/postgres/lsn.ts';
import { sqlserverChain } from '../../../runtime/engines/sqlserver/chain-rules.ts';
import type { ChainRules } from '../../../runtime/ports/log-source.ts';
import { manifest } from '../format/manifests.ts';
import { minute } from './chains.ts';

/** What was committed: what tells it from any other is which object it is. */
interface Committed {
  readonly history: number;
  readonly number: number;
}

/** How an engine numbers what it has, and what it writes into manifests. */
interface Numbering {
  readonly rules: ChainRules;
  /** Whether a manifest says how far its log has come. */
  readonly tells: boolean;
  /** Whether a server that begins with data of another writes that into its log first. */
  readonly beginsWithEntry?: boolean;
  readonly next: (state: readonly Committed[], history: number, clock: number) => number;
  readonly id: (committed: Committed) => string;
  readonly position: (state: readonly Committed[]) => string;
  readonly facts: (history: number, before: readonly Committed[], after: readonly Committed[]) => Manifest['facts'];
}

const uuid = (history: number): string => `${history}e11fa47-71ca-11e1-9e33-c80aa9429562`;
const place = (state: readonly Committed[]) => ({ file: 'binlog.000001', position: state.length + 4 });
const binlog: Numbering['facts'] = (history, before, after) => ({
  server: uuid(history),
  serverId: 1,
  file: place(before).file,
  from: place(before).position,
  next: place(after),
});
/** It goes on from where the data stood that were put back. */
const goesOn = (state: readonly Committed[]): number => state.length + 1;
const sqlLsn = (number: number): string => `00000001:${number.toString(16).padStart(8, '0')}:0001`;
const segmentBytes = 16_777_216;
const secondsOf = (state: readonly Committed[]): string => `${state.at(-1)?.number ?? 0}:1`;

const postgres = (timelineOf: (history: number) => number): Numbering => ({
  rules: postgresChain,
  tells: false,
  next: goesOn,
  id: ({ number }) => String(number),
  position: (state) => formatLsn(BigInt(state.length * segmentBytes)),
  facts: (history, _, after) => ({
    systemIdentifier: '7',
    timeline: timelineOf(history),
    segmentBytes,
    snapshot: `${after.length + 1}:${after.length + 1}:`,
  }),
});

export const numberings: Readonly<Record<string, Numbering>> = {
  'mariadb': {
    rules: mysqlChain(dialects.mariadb),
    tells: true,
    next: goesOn,
    id: ({ number }) => `0-1-${number}`,
    position: (state) => (state.length === 0 ? '' : `0-1-${state.length}`),
    facts: binlog,
  },
  'mysql': {
    rules: mysqlChain(dialects.mysql),
    tells: true,
    next: (state, history) => state.filter((each) => each.history === history).length + 1,
    id: ({ history, number }) => `${uuid(history)}:${number}`,
    position: (state) =>
      [...Map.groupBy(state, ({ history }) => history)].map(([history, all]) => `${uuid(history)}:1-${all.length}`).join(','),
    facts: binlog,
  },
  'postgres': postgres((history) => history),
  /** Put back more than once to what its first timeline holds, it gives each of those that follow the same name. */
  'postgres of two timelines': postgres((history) => Math.min(history, 2)),
  'sqlserver': {
    rules: sqlserverChain,
    tells: true,
    next: goesOn,
    id: ({ number }) => sqlLsn(number),
    position: (state) => sqlLsn(state.length + 1),
    facts: (history) => ({ family: 'a', fork: String(history) }),
  },
  'mongodb': {
    rules: mongodbChain,
    tells: true,
    beginsWithEntry: true,
    next: (_state, _history, clock) => clock,
    id: ({ number }) => `${number}:1`,
    position: secondsOf,
    facts: (history, before, after) => ({
      after: { ts: secondsOf(before), term: history, hash: `${history} ${before.length}` },
      last: { ts: secondsOf(after), term: history, hash: `${history} ${after.length}` },
    }),
  },
};

/** What happens to a database, and to its backups. */
export type Event = { readonly kind: 'commit' | 'full' | 'log' } | { readonly kind: 'restore'; readonly to: number };

/** Backups of it, and what really lies in each log. */
export class Life {
  readonly manifests: Manifest[] = [];
  readonly holds = new Map<string, readonly Committed[]>();
  readonly #numbering: Numbering;
  #state: readonly Committed[] = [];
  #history = 1;
  #clock = 0;
  #last: { readonly manifest: Manifest; readonly state: readonly Committed[] } | undefined;
  constructor(numbering: Numbering, events: readonly Event[]) {
    this.#numbering = numbering;
    for (const event of events) this.#live(event);
  }

  get written(): readonly Committed[] {
    return [...new Set([...this.holds.values()].flat())];
  }

  #live(event: Event): void {
    this.#clock += 1;
    switch (event.kind) {
      case 'commit': {
        const number = this.#numbering.next(this.#state, this.#history, this.#clock);
        this.#state = [...this.#state, { history: this.#history, number }];
        return;
      }
      case 'full':
        return this.#add({ kind: 'full' }, this.#state);
      case 'log':
        if (this.#last === undefined) return;
        return this.#add({ kind: 'log', chain: this.#last.manifest.chain, parent: this.#last.manifest.id }, this.#last.state);
      case 'restore':
        this.#state = this.#state.slice(0, event.to);
        this.#history += 1;
        this.#last = undefined;
        if (this.#numbering.beginsWithEntry === true) this.#state = [...this.#state, { history: this.#history, number: this.#clock }];
    }
  }

  #add(changes: Partial<Manifest>, before: readonly Committed[]): void {
    const id = `01JD5Z5M2R${String(this.#clock).padStart(16, '0')}`;
    const at = minute(this.#clock).toISOString();
    const { position, facts } = this.#numbering;
    const made = manifest({
      id,
      chain: id,
      finishedAt: at,
      position: { from: changes.kind === 'log' ? position(before) : null, to: position(this.#state) },
      facts: { ...facts(this.#history, before, this.#state), restorableFrom: at, coveredUntil: at },
      ...changes,
    });
    this.manifests.push(made);
    if (made.kind === 'log') this.holds.set(id, this.#state.slice(before.length));
    this.#last = { manifest: made, state: this.#state };
  }
}
