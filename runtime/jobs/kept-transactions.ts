import { ownTables, type LoggedTransaction } from '../ports/log-reader.ts';

/** One of a list. */
export interface ListedTransaction extends LoggedTransaction {
  /** The backup with which its history began: after data were put back, or on another server, a number may stand for another transaction. */
  readonly history: string;
  /** The full backup behind which it was read: a restore to just before it begins with that one, or with another of the same history. */
  readonly full: string;
}

interface Held {
  readonly transaction: ListedTransaction;
  /** The latest commit of its log so far: those of one log stay in its order, whatever clocks say. */
  readonly place: number;
}

/** Sooner or later as many as were asked for are thrown away, and not with each one that comes. */
const slack = 1000;

/** As many as are asked for, however many come. */
export class KeptTransactions {
  matched = 0;
  readonly #query: { readonly limit: number; readonly largest: boolean };
  #held: Held[] = [];
  #place = -Infinity;
  #suspect: ListedTransaction | undefined;
  #isUnsure = false;
  constructor(query: { readonly limit: number; readonly largest: boolean }) {
    this.#query = query;
  }

  /** What comes now stands in another log than what came before. */
  turn(): void {
    this.#place = -Infinity;
  }

  take(transaction: ListedTransaction): void {
    this.matched += 1;
    this.#place = Math.max(this.#place, transaction.at.getTime());
    this.#held.push({ transaction, place: this.#place });
    if (this.#held.length >= 2 * this.#query.limit + slack) this.#held = this.#best();
    this.#isUnsure ||= isUncertain(transaction);
    if (this.#suspect === undefined || removesMore(transaction, this.#suspect)) this.#suspect = transaction;
  }

  inOrder = (): readonly ListedTransaction[] => this.#best().map(({ transaction }) => transaction);

  /** Of all that came, the one that removes most, and the largest where none does; nothing where one may have done more than is known. */
  suspect = (): ListedTransaction | null => (this.#isUnsure ? null : (this.#suspect ?? null));

  #best(): Held[] {
    const { limit, largest } = this.#query;
    if (largest) return this.#held.toSorted((a, b) => b.transaction.bytes - a.transaction.bytes).slice(0, limit);
    return this.#held.toSorted((a, b) => a.place - b.place).slice(-limit);
  }
}

/** It may have removed more than is told, or less: rows without a name of a table may lie beside one because it is long. */
const isUncertain = ({ isOpaque, isPartial, tables }: LoggedTransaction): boolean =>
  isOpaque || isPartial === true || tables.some(({ isUnnamed, deleted }) => isUnnamed === true && deleted > 0);

const ofDatabases = /^(?:DROP|CREATE OR REPLACE) (?:DATABASE|SCHEMA)\b/;
const ofTables = /^(?:(?:DROP|CREATE OR REPLACE) TABLE\b|DROP PARTITION\b|DROP\/TRUNCATE\b|TRUNCATE\b|DELETE\b)/;

/** Whole databases, then whole tables, then rows, then bytes. Of whole ones nobody knows how much was in them: there the later counts. */
function removesMore(one: LoggedTransaction, other: LoggedTransaction): boolean {
  const [mine, theirs] = [weightOf(one), weightOf(other)];
  const differs = mine.findIndex((each, index) => each !== theirs[index]);
  return differs < 0 ? one.at >= other.at : (mine[differs] ?? 0) > (theirs[differs] ?? 0);
}

function weightOf({ statements, tables, bytes }: LoggedTransaction): readonly number[] {
  const count = (kind: RegExp): number => statements.filter((each) => kind.test(each)).length;
  const whole = [count(ofDatabases), count(ofTables)];
  const rows = tables.reduce((sum, { name, deleted }) => sum + (name === ownTables ? 0 : deleted), 0);
  return [...whole, rows, whole.some((each) => each > 0) || rows > 0 ? 0 : bytes];
}
