import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { BerthError } from '../../../model/errors.ts';
import type { LoggedTransaction, LogReader, TouchedTable } from '../../ports/log-reader.ts';
import { BrokenLog, eventType, headBytes, magic, type EventHead } from './binlog-events.ts';
import type { Dialect } from './dialect.ts';
import { logFile } from './log-source.ts';
import { NotContinuous, SliceReader } from './slice-reader.ts';
import { subjectsOf } from './statement.ts';

const kinds = { query: 2, tableMap: 19, payload: 40, compressedQuery: 165 } as const;
type Change = 'inserted' | 'updated' | 'deleted';
/** Kinds of events with rows: the older of both engines, the newer, those of MySQL with parts of documents, and the compressed ones of MariaDB. */
const changes = new Map<number, Change>([
  ...[23, 30, 166, 169].map((type) => [type, 'inserted'] as const),
  ...[24, 31, 39, 167, 170].map((type) => [type, 'updated'] as const),
  ...[25, 32, 168, 171].map((type) => [type, 'deleted'] as const),
]);
/** Enough for what is looked at: names, and how a statement begins. The rest of an event passes by. */
const mostBytes = 16 * 1024;
const isLookedAt = ({ type }: EventHead): boolean => type === kinds.query || type === kinds.tableMap || changes.has(type);

const canaryTable = `${mysqlFamily.canary.database}.${mysqlFamily.canary.table}`;
const begins: ReadonlySet<number> = new Set([eventType.gtid, eventType.mariadbGtid]);

/** What has been seen of the transaction that is being read. */
class Tally {
  bytes = 0;
  isOpaque = false;
  readonly statements = new Set<string>();
  readonly #tables = new Map<string, Record<Change, number>>();
  /** Tables by the numbers that stand for them; they hold for one statement. */
  readonly #names = new Map<number, string>();

  see({ type, bytes }: EventHead, body: Buffer): void {
    this.bytes += bytes;
    const change = changes.get(type);
    if (type === kinds.payload || type === kinds.compressedQuery) this.isOpaque = true;
    else if (type === kinds.tableMap) this.#names.set(body.readUIntLE(0, 6), tableIn(body));
    else if (type === kinds.query) this.#state(body, bytes > mostBytes);
    else if (change !== undefined) this.#count(this.#names.get(body.readUIntLE(0, 6)), change);
  }

  #state(body: Buffer, isCut: boolean): void {
    const variables = body.readUInt16LE(11);
    const schemaAt = 13 + variables;
    const schemaEnd = schemaAt + body.readUInt8(8);
    const { subjects, isVague } = subjectsOf(body.toString('utf8', schemaEnd + 1), body.toString('utf8', schemaAt, schemaEnd), isCut);
    for (const subject of subjects) this.statements.add(subject);
    this.isOpaque ||= isVague;
  }

  #count(name: string | undefined, change: Change): void {
    // The end of a statement may come as rows of no table.
    if (name === undefined) return;
    const table = this.#tables.get(name) ?? { inserted: 0, updated: 0, deleted: 0 };
    table[change] += 1;
    this.#tables.set(name, table);
  }

  /** The time that backups write into it, which tells nobody anything. */
  isCanary = (): boolean =>
    !this.isOpaque && this.statements.size === 0 && this.#tables.size > 0 && [...this.#tables.keys()].every((name) => name === canaryTable);

  tables = (): readonly TouchedTable[] => [...this.#tables].map(([name, counts]) => ({ name, ...counts }));
}

/** `shop.orders`: number and flags, then both names, each with its length before it and a zero behind it. */
function tableIn(body: Buffer): string {
  const schemaEnd = 9 + body.readUInt8(8);
  const tableAt = schemaEnd + 2;
  return `${body.toString('utf8', 9, schemaEnd)}.${body.toString('utf8', tableAt, tableAt + body.readUInt8(schemaEnd + 1))}`;
}

/** The binary log as it was shipped. Counts are of row events, each of which holds up to some 8 KiB of rows. */
export const mysqlLogReader = ({ parse }: Pick<Dialect, 'parse'>): LogReader => ({
  counts: 'events',
  nameParts: 2,
  read: async ({ after }, logs, found, heard) => {
    const gtids = parse(after.position.to ?? '');
    for await (const { manifest, open } of logs) {
      let tally = new Tally();
      let body: Buffer[] = [];
      let held = 0;
      let checksum = 0;
      const tell = (gtid: string, at: number): void => {
        if (!tally.isCanary()) found(transactionOf(gtid, at, tally));
      };
      const reader = new SliceReader(gtids, parse, magic.length, ({ gtid, at }) => tell(gtid, at), {
        bytes: (piece, head) => {
          if (!isLookedAt(head) || held >= mostBytes) return;
          body.push(Buffer.from(piece.subarray(0, mostBytes - held)));
          held += piece.length;
        },
        event: (head, known) => {
          if (head.type === eventType.formatDescription && known !== undefined) checksum = head.bytes - headBytes - known.length;
          // The one before was told of when this event came.
          if (begins.has(head.type)) tally = new Tally();
          // The first piece is the head. A checksum would be taken for the end of a statement.
          tally.see(head, Buffer.concat(body.slice(1)).subarray(0, head.bytes - headBytes - checksum));
          [body, held] = [[], 0];
        },
      });
      try {
        let skip = magic.length;
        for await (const chunk of open(logFile)) {
          reader.push(chunk.subarray(Math.min(skip, chunk.length)));
          skip = Math.max(0, skip - chunk.length);
          heard(chunk.length);
        }
        reader.end();
      } catch (error) {
        if (error instanceof NotContinuous || error instanceof BrokenLog || error instanceof RangeError)
          throw new BerthError(
            'damaged',
            `the log in ${manifest.id} cannot be read: ${error.message}`,
            'see `berth backup verify`; times before it can still be looked at with --until',
          );
        throw error;
      }
    }
  },
});

const transactionOf = (id: string, at: number, tally: Tally): LoggedTransaction => ({
  id,
  at: new Date(at),
  bytes: tally.bytes,
  tables: tally.tables(),
  statements: [...tally.statements],
  isOpaque: tally.isOpaque,
});
