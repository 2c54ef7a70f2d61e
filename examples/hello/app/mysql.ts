import { createPool, type PoolConnection, type ResultSetHeader, type RowDataPacket } from 'mysql2/promise';
import { CONNECT_MS, IDLE_MS, QUERY_MS, type Dialect, type DialectOptions } from './database-dialect.ts';
import { within } from './reason.ts';

const CREATE_TABLES = [
  'CREATE TABLE IF NOT EXISTS visits (only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row = true), total bigint NOT NULL)',
  'CREATE TABLE IF NOT EXISTS notes (`key` varchar(100) PRIMARY KEY, bytes integer NOT NULL, created_at datetime(3) NOT NULL)',
];
const TABLES_EXIST =
  "SELECT count(*) AS found FROM information_schema.tables WHERE table_schema = database() AND table_name IN ('visits', 'notes')";
// A number that an expression was given comes back as that of the last insert.
const ADD_VISIT = 'INSERT INTO visits (total) VALUES (1) ON DUPLICATE KEY UPDATE total = last_insert_id(total + 1)';
const ADD_NOTE = 'INSERT IGNORE INTO notes (`key`, bytes, created_at) VALUES (?, ?, ?)';

/** MySQL and MariaDB. */
export function openMysql({ url, poolSize, onLost }: DialectOptions): Dialect {
  const pool = createPool({
    uri: url,
    connectionLimit: poolSize,
    connectTimeout: CONNECT_MS,
    idleTimeout: IDLE_MS,
    maxIdle: 1, // connections beyond it go when they have been idle for that long
    enableKeepAlive: true,
    timezone: 'Z',
    disableEval: true,
  });
  pool.pool.on('connection', (connection) => connection.on('error', onLost));

  /** One whose turn comes after we have given up waiting goes straight back. */
  const connect = async (): Promise<PoolConnection> => {
    const coming = pool.getConnection();
    try {
      return await within(CONNECT_MS, coming);
    } catch (error) {
      coming.then(
        (connection) => connection.release(),
        () => {},
      );
      throw error;
    }
  };
  const run = async <Result extends RowDataPacket[] | ResultSetHeader>(sql: string, values: readonly (string | number | Date)[] = []) => {
    const connection = await connect();
    try {
      const [result] = await within(QUERY_MS, connection.query<Result>(sql, [...values]));
      connection.release();
      return result;
    } catch (error) {
      connection.destroy(); // whatever it still answers, it would answer to somebody else's question
      throw error;
    }
  };
  const number = async (sql: string, name: string): Promise<number> => Number((await run<RowDataPacket[]>(sql))[0]?.[name]);

  return {
    undefinedTable: 'ER_NO_SUCH_TABLE',
    tablesExist: async () => (await number(TABLES_EXIST, 'found')) === CREATE_TABLES.length,
    createTables: async () => {
      for (const sql of CREATE_TABLES) await run<ResultSetHeader>(sql);
    },
    isReadOnly: async () => (await number('SELECT @@global.read_only AS locked', 'locked')) === 1,
    // The first row was not updated, so it has no such number.
    addVisit: async () => (await run<ResultSetHeader>(ADD_VISIT)).insertId || 1,
    addNote: async (key, bytes, createdAt) => void (await run<ResultSetHeader>(ADD_NOTE, [key, bytes, createdAt])),
    countNotes: () => number('SELECT count(*) AS total FROM notes', 'total'),
    close: () => pool.end(),
  };
}
