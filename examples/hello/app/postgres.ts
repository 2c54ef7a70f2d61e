import pg from 'pg';
import { CONNECT_MS, IDLE_MS, QUERY_MS, type Dialect, type DialectOptions } from './database-dialect.ts';

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
const ADD_VISIT = 'INSERT INTO visits (total) VALUES (1) ON CONFLICT (only_row) DO UPDATE SET total = visits.total + 1 RETURNING total';
const ADD_NOTE = 'INSERT INTO notes (key, bytes, created_at) VALUES ($1, $2, $3) ON CONFLICT (key) DO NOTHING';

export function openPostgres({ url, poolSize, onLost }: DialectOptions): Dialect {
  const pool = new pg.Pool({
    connectionString: url,
    max: poolSize,
    application_name: 'hello',
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: QUERY_MS, // the pool then drops that connection
    idleTimeoutMillis: IDLE_MS,
    keepAlive: true,
  });
  // An idle connection that the server ends raises this event; unheard, it would end the process.
  pool.on('error', onLost);
  const row = async <Row extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<Row | undefined> =>
    (await pool.query<Row>(sql, [...values])).rows[0];

  return {
    undefinedTable: '42P01',
    tablesExist: async () => (await row<{ there: boolean }>(TABLES_EXIST))?.there === true,
    createTables: async () => void (await pool.query(CREATE_TABLES)),
    isReadOnly: async () => (await row<{ transaction_read_only: string }>('SHOW transaction_read_only'))?.transaction_read_only === 'on',
    addVisit: async () => Number((await row<{ total: string }>(ADD_VISIT))?.total),
    addNote: async (key, bytes, createdAt) => void (await row(ADD_NOTE, [key, bytes, createdAt])),
    countNotes: async () => Number((await row<{ total: string }>('SELECT count(*) AS total FROM notes'))?.total),
    close: () => pool.end(),
  };
}
