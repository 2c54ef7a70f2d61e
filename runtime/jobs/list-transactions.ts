import type { KeyObject } from 'node:crypto';
import type { Manifest } from '../../model/backup/manifest.ts';
import { reachOf } from '../../model/backup/reach.ts';
import { BerthError } from '../../model/errors.ts';
import type { LoggedTransaction, LogReader } from '../ports/log-reader.ts';
import type { ChainRules } from '../ports/log-source.ts';
import type { Store } from '../ports/store.ts';
import { baseOf, chainsOf, restorableSpans, type Chain, type Span } from './coverage.ts';
import { openEach, openOne } from './restore-engine.ts';

export interface TransactionQuery {
  /** An hour before the end, or the beginning of the log, where nothing is said. */
  readonly since: Date | undefined;
  /** The end of the log, where nothing is said. */
  readonly until: Date | undefined;
  /** With its database or without. */
  readonly table: string | undefined;
  readonly limit: number;
  /** The largest, and not the newest, are kept; the largest first. */
  readonly largest: boolean;
}

export interface TransactionList {
  readonly since: Date;
  readonly until: Date;
  /** All that was committed by then was looked at. */
  readonly logUntil: Date;
  /** Those that were asked for: the oldest first, or the largest. */
  readonly transactions: readonly LoggedTransaction[];
  /** What is counted of a table. */
  readonly counts: LogReader['counts'];
  /** How many there are, of which as many as the limit says are given. */
  readonly matched: number;
  /** Times between the two of which there is no log. */
  readonly holes: readonly Span[];
}

export interface ListTools {
  readonly store: Store;
  readonly engine: string;
  readonly rules: ChainRules;
  readonly reader: LogReader;
  readonly identity: KeyObject;
  readonly width: number;
  readonly heard: (bytes: number) => void;
}

const hourMs = 3_600_000;
/** A commit notes its time before it is written, by another clock than that of the agent; MariaDB notes when its last statement began. */
const slackMs = 300_000;

/**
 * The transactions of a time that lie in the log.
 *
 * @param manifests - Of one source.
 * @throws BerthError `usage` where there is no log of that time.
 */
export async function listTransactions(
  manifests: readonly Manifest[],
  query: TransactionQuery,
  tools: ListTools,
  signal: AbortSignal,
): Promise<TransactionList> {
  const chains = chainsOf(manifests, tools.rules);
  const spans = restorableSpans(chains.filter(({ logs }) => logs.length > 0));
  const [first, last] = [spans[0], spans.at(-1)];
  if (first === undefined || last === undefined)
    throw new BerthError(
      'usage',
      'there is no log of it in the backups',
      'make a full backup with `berth backup now`, behind which the log is shipped; `berth backup list` shows what there is',
    );
  const until = query.until ?? last.until;
  const since = query.since ?? new Date(Math.max(until.getTime() - hourMs, Math.min(first.from.getTime(), until.getTime())));
  if (since > until)
    throw new BerthError('usage', `${since.toISOString()} lies after ${until.toISOString()}`, 'let --since be earlier than --until');
  if (until < first.from || since > last.until)
    throw new BerthError(
      'usage',
      `there is no log from ${since.toISOString()} to ${until.toISOString()}`,
      `it reaches from ${first.from.toISOString()} to ${last.until.toISOString()}`,
    );
  const kept = new Kept(query);
  for (const [index, chain] of chains.entries()) {
    signal.throwIfAborted();
    const isShownLater = inNext(chains[index + 1], tools.rules);
    const { after, logs } = logsWithin(chain, since, until);
    if (logs.length === 0) continue;
    const base = baseOf(chain);
    const readTools = { ...tools, engine: { engine: tools.engine } };
    await tools.reader.read(
      { after, base: () => openOne(base, readTools, signal) },
      openEach(logs, readTools, signal),
      (transaction) => {
        const isAsked = transaction.at >= since && transaction.at <= until && touches(transaction, query.table);
        // What had ended by the time of the base cannot be taken out of what it holds: where there is a chain before it, it is told there.
        if (isAsked && tools.rules.isAfter(base, transaction.id) && !isShownLater(transaction)) kept.take(transaction);
      },
      tools.heard,
    );
  }
  return {
    since,
    until,
    logUntil: last.until,
    counts: tools.reader.counts,
    transactions: kept.inOrder(),
    matched: kept.matched,
    holes: holesIn(spans, since, until),
  };
}

/** What two chains that overlap both hold counts to the newer, as a restore takes it from there. */
function inNext(next: Chain | undefined, rules: ChainRules): (transaction: LoggedTransaction) => boolean {
  const tip = next?.logs.at(-1);
  if (next === undefined || tip === undefined) return () => false;
  const isIn = ({ id, place }: LoggedTransaction): boolean => (place === undefined ? !rules.isAfter(tip, id) : rules.reaches(tip, place));
  return (transaction) => rules.isAfter(baseOf(next), transaction.id) && isIn(transaction);
}

/** The logs that can hold a commit of that time, and what the first of them follows. */
function logsWithin(chain: Chain, since: Date, until: Date): { readonly after: Manifest; readonly logs: readonly Manifest[] } {
  const line = [baseOf(chain), ...chain.logs];
  const pairs = chain.logs.map((log, index) => ({ log, after: line[index] ?? baseOf(chain) }));
  const wanted = pairs.filter(
    ({ log, after }) =>
      new Date(log.finishedAt).getTime() + slackMs >= since.getTime() &&
      (after === baseOf(chain) || reachOf(after).coveredUntil.getTime() <= until.getTime() + slackMs),
  );
  return { after: wanted[0]?.after ?? baseOf(chain), logs: wanted.map(({ log }) => log) };
}

function holesIn(spans: readonly Span[], since: Date, until: Date): readonly Span[] {
  const bounds = [{ until: since }, ...spans.filter((span) => span.until > since && span.from < until)];
  return bounds.flatMap(({ until: from }, index) => {
    const next = (bounds[index + 1] as Span | undefined)?.from;
    return next !== undefined && next > from ? [{ from, until: next }] : [];
  });
}

/** `orders` is that of any database, or of any schema; a statement ends with what it is about. */
function touches({ tables, statements, isOpaque }: LoggedTransaction, table: string | undefined): boolean {
  if (table === undefined) return true;
  const wanted = table.toLowerCase();
  const ends = (text: string): boolean => [`.${wanted}`, ` ${wanted}`].some((end) => ` ${text.toLowerCase()}`.endsWith(end));
  // What cannot be looked into may be the one, and so may what has no name.
  return isOpaque || tables.some(({ name, isUnnamed }) => isUnnamed === true || ends(name)) || statements.some(ends);
}

/** As many as are asked for, however many come. */
class Kept {
  matched = 0;
  readonly #query: TransactionQuery;
  #held: LoggedTransaction[] = [];
  constructor(query: TransactionQuery) {
    this.#query = query;
  }

  take(transaction: LoggedTransaction): void {
    this.matched += 1;
    this.#held.push(transaction);
    if (this.#held.length >= 2 * this.#query.limit + 1000) this.#held = this.#best();
  }

  inOrder = (): readonly LoggedTransaction[] => this.#best();

  #best(): LoggedTransaction[] {
    const { limit, largest } = this.#query;
    return largest ? this.#held.toSorted((a, b) => b.bytes - a.bytes).slice(0, limit) : this.#held.slice(-limit);
  }
}
