import type { KeyObject } from 'node:crypto';
import type { Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { LoggedTransaction, LogReader } from '../ports/log-reader.ts';
import type { ChainRules } from '../ports/log-source.ts';
import type { Store } from '../ports/store.ts';
import { baseOf, chainsOf, joined, type Chain } from './coverage.ts';
import { KeptTransactions, type ListedTransaction } from './kept-transactions.ts';
import { holesIn, runsWithin, timesOf, type Hole, type Run } from './log-runs.ts';
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
  /** All that was committed by then was looked at, but for what lies in a hole. */
  readonly logUntil: Date;
  /** Those that were asked for: the oldest first, or the largest. */
  readonly transactions: readonly ListedTransaction[];
  /** Of all there are, given or not, the one that removes most, and the largest where none does; nothing where not all is known of each. */
  readonly suspect: ListedTransaction | null;
  /** What is counted of a table. */
  readonly counts: LogReader['counts'];
  /** How many there are, of which as many as the limit says are given. */
  readonly matched: number;
  /** Times between the two of which no log was read. */
  readonly holes: readonly Hole[];
}

export interface ListTools {
  readonly store: Store;
  readonly engine: string;
  readonly rules: ChainRules;
  readonly reader: LogReader;
  /** What was found of a backup. A log that is broken is left out; what it follows may be. */
  readonly isBroken: (id: string) => boolean;
  readonly identity: KeyObject;
  readonly width: number;
  readonly heard: (bytes: number) => void;
}

const hourMs = 3_600_000;

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
  const { rules, isBroken } = tools;
  const chains = chainsOf(manifests, rules).filter(({ logs }) => logs.length > 0);
  const times = timesOf(chains, manifests, isBroken);
  const reached = joined([...times.spans, ...times.unreadable]);
  const [first, last] = [reached[0], reached.at(-1)];
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
  const kept = new KeptTransactions(query);
  const runs = chains.map((chain) => runsWithin(chain, { from: since, until }, isBroken));
  const histories = historiesOf(chains, rules);
  for (const [index, chain] of chains.entries()) {
    const isShownLater = shownIn(runs.slice(index + 1).flat(), chain, rules);
    const base = baseOf(chain);
    const history = histories[index] ?? base.id;
    const readTools = { ...tools, engine: { engine: tools.engine } };
    kept.turn();
    for (const { after, logs } of runs[index] ?? []) {
      signal.throwIfAborted();
      await tools.reader.read(
        { after, base: () => openOne(base, readTools, signal) },
        openEach(logs, readTools, signal),
        (transaction) => {
          const isAsked = transaction.at >= since && transaction.at <= until && touches(transaction, query.table, tools.reader.nameParts);
          // What had ended by the time of the base cannot be taken out of what it holds: where there is a chain before it, it is told there.
          if (isAsked && rules.isAfter(base, transaction.id) && !isShownLater(transaction))
            kept.take({ ...transaction, history, full: chain.full.id });
        },
        tools.heard,
      );
    }
  }
  return {
    since,
    until,
    logUntil: last.until,
    counts: tools.reader.counts,
    transactions: kept.inOrder(),
    suspect: kept.suspect(),
    matched: kept.matched,
    holes: holesIn({ from: since, until: until < last.until ? until : last.until }, times),
  };
}

/** What several chains of one history hold counts to the newest, as a restore takes it from there. */
function shownIn(later: readonly Run[], chain: Chain, rules: ChainRules): (transaction: LoggedTransaction) => boolean {
  const ofSameHistory = later.flatMap(({ base, after, logs }) => {
    const tip = logs.at(-1);
    return tip !== undefined && rules.holdsAllOf(tip, baseOf(chain)) ? [{ base, after, tip }] : [];
  });
  const holds = (manifest: Manifest, { id, place }: LoggedTransaction): boolean =>
    place === undefined ? !rules.isAfter(manifest, id) : rules.reaches(manifest, place);
  return (transaction) =>
    ofSameHistory.some(
      ({ base, after, tip }) =>
        rules.isAfter(base, transaction.id) && (after === base || !holds(after, transaction)) && holds(tip, transaction),
    );
}

/** For each chain the base of the first one of its history: what was put back, or is another server's, begins a new one. */
function historiesOf(chains: readonly Chain[], rules: ChainRules): readonly string[] {
  const histories: string[] = [];
  for (const [index, chain] of chains.entries()) {
    const before = chains[index - 1];
    const goesOn = before !== undefined && rules.holdsAllOf(chain.logs.at(-1) ?? baseOf(chain), baseOf(before));
    histories.push((goesOn ? histories[index - 1] : undefined) ?? baseOf(chain).id);
  }
  return histories;
}

/** `orders` is that of any database, or of any schema; a statement ends with what it is about. */
function touches(
  { tables, statements, partOf = [], isOpaque, isPartial, isUnnamed: isNumber }: LoggedTransaction,
  table: string | undefined,
  nameParts: number,
): boolean {
  if (table === undefined) return true;
  const wanted = table.toLowerCase();
  const ends = (text: string): boolean => [`.${wanted}`, ` ${wanted}`].some((end) => ` ${text.toLowerCase()}`.endsWith(end));
  // What is done to a database is done to its tables.
  const holdsIt = (statement: string): boolean => {
    const [, database] = /^(?:ALTER|DROP|CREATE OR REPLACE) (?:DATABASE|SCHEMA) (.+)$/.exec(statement) ?? [];
    return database !== undefined && (wanted.split('.').length < nameParts || wanted.startsWith(`${database.toLowerCase()}.`));
  };
  // What is not known to the end may be the one.
  return (
    isOpaque ||
    isPartial === true ||
    isNumber === true ||
    tables.some(({ name, isUnnamed }) => isUnnamed === true || ends(name)) ||
    partOf.some(ends) ||
    statements.some((each) => ends(each) || holdsIt(each))
  );
}
