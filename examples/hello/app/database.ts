import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Log } from './log.ts';
import { reasonOf } from './reason.ts';
import { Unavailable, type Database } from './services.ts';

/**
 * One simple query is one transaction, so the lock is held until the tables are there and replicas that start together take turns.
 * The number is this application's own; any other would do.
 */
const CREATE_TABLES = `
  SELECT pg_advisory_xact_lock(4820136);
  CREATE TABLE IF NOT EXISTS visits (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), total bigint NOT NULL);
  CREATE TABLE IF NOT EXISTS notes (key text PRIMARY KEY, bytes integer NOT NULL, created_at timestamptz NOT NULL);
`;
const TABLES_EXIST = `SELECT to_regclass('visits') IS NOT NULL AND to_regclass('notes') IS NOT NULL AS there`;
const COUNT_VISIT = 'INSERT INTO visits (total) VALUES (1) ON CONFLICT (only_row) DO UPDATE SET total = visits.total + 1 RETURNING total';
const RECORD_NOTE = 'INSERT INTO notes (key, bytes, created_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING';

const UNDEFINED_TABLE = '42P01';
const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly log: Log;
}

/** Starts to look for the database at once, in the background, and keeps looking until it was found or `close` is called. */
export function openDatabase({ url, poolSize, log }: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    application_name: 'hello',
    connectionTimeoutMillis: 2000,
    query_timeout: 3000, // a peer that vanished without a word is noticed here; the pool then drops that connection
    idleTimeoutMillis: 30_000,
    keepAlive: true,
  });
  // An idle connection that the server ends raises this event; unheard, it would end the process.
  pool.on('error', (error) => log('warn', 'database connection lost', { reason: reasonOf(error) }));

  const closing = new AbortController();
  let reached = false;
  let tables: Promise<void> | undefined;

  const createTables = async (): Promise<void> => {
    // An account that may not create tables can still use those that are there, hence the look before.
    const { rows } = await pool.query<{ there: boolean }>(TABLES_EXIST);
    if (rows[0]?.there !== true) await pool.query(CREATE_TABLES);
    reached = true;
  };
  const ensureTables = (): Promise<void> => {
    tables ??= createTables().catch((error: unknown) => {
      tables = undefined;
      throw error;
    });
    return tables;
  };
  const run = async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row | undefined> => {
    try {
      await ensureTables();
      return (await pool.query<Row>(sql, [...values])).rows[0];
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === UNDEFINED_TABLE) tables = undefined; // the database was replaced by an empty one: create them with the next query
      throw new Unavailable('database', reason, { cause: error });
    }
  };

  const search = async (): Promise<void> => {
    for (let wait = FIRST_RETRY_MS; !closing.signal.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        await ensureTables();
        log('info', 'database reached');
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        log('warn', 'database not reached yet', { reason: reasonOf(error), retryInMs: wait });
        await sleep(wait, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  };
  void search();

  return {
    get reached() {
      return reached;
    },
    async ping() {
      const row = await run<{ transaction_read_only: string }>('SHOW transaction_read_only');
      if (row?.transaction_read_only === 'on') throw new Unavailable('database', 'READONLY'); // a standby answers, but cannot serve us
    },
    async countVisit() {
      return Number((await run<{ total: string }>(COUNT_VISIT))?.total);
    },
    async recordNote({ key, text, createdAt }) {
      await run(RECORD_NOTE, [key, Buffer.byteLength(text), createdAt]);
    },
    async countNotes() {
      return Number((await run<{ total: string }>('SELECT count(*) AS total FROM notes'))?.total);
    },
    async close() {
      closing.abort();
      await pool.end();
    },
  };
}
