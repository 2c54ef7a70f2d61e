import { postgres } from '../../../model/engines/postgres.ts';
import { BerthError } from '../../../model/errors.ts';
import { unknownTable, type FactLimits, type ServerFacts, type TableFacts } from '../table-facts.ts';
import type { PostgresAccess } from './access.ts';
import { canaryDatabase } from './canary.ts';
import { connect, type Session } from './session.ts';

/** No table of the server's own, none that a crash empties, none that lies elsewhere, and not the canary, which is written to all the time. */
const tablesQuery = `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, pg_table_size(c.oid)::text AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)'
    AND NOT (current_database() = '${canaryDatabase}' AND n.nspname = '${postgres.canary.schema}')
  ORDER BY pg_table_size(c.oid), 1`;

export async function listDatabases(session: Session): Promise<readonly string[]> {
  const rows = await session.rows('SELECT datname AS name FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1');
  return rows.map(({ name }) => String(name));
}

/**
 * The facts of all databases at one moment, of which the place in the log is known exactly.
 *
 * @param pause - Waits between two looks for a quiet moment.
 */
export async function takeFacts(
  access: PostgresAccess,
  limits: FactLimits,
  pause: (milliseconds: number) => Promise<void>,
  signal: AbortSignal,
): Promise<ServerFacts> {
  await using sessions = new AsyncDisposableStack();
  const control = sessions.use(await connect(access, 'postgres', signal));
  const names = await listDatabases(control);
  const readers: Session[] = [];
  for (const name of names) readers.push(sessions.use(await connect(access, name, signal)));
  for (const reader of readers) await reader.rows("SET lock_timeout = '5s'; SET row_security = off");
  const position = await freeze(control, readers, limits, pause);
  const budget = { bytes: limits.bytes };
  const databases = [];
  for (const [index, reader] of readers.entries())
    databases.push({ name: names[index] ?? '', tables: await readTables(reader, position === null ? { bytes: 0 } : budget) });
  return { position, databases };
}

/**
 * Gives each reader a snapshot, and finds a moment at which all of them show exactly what stands in the log up to one place: none was
 * writing, and none has begun to when that place had been asked for. A number of our own, drawn last, is the proof: it is the next one.
 */
async function freeze(
  control: Session,
  readers: readonly Session[],
  { attempts, pauseMs }: FactLimits,
  pause: (milliseconds: number) => Promise<void>,
): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    const snapshots: string[] = [];
    for (const reader of readers) {
      await reader.rows('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      snapshots.push(String((await reader.row('SELECT pg_current_snapshot()::text AS snapshot'))['snapshot']));
    }
    const { position } = await control.row('SELECT pg_current_wal_insert_lsn()::text AS position');
    const { next } = await control.row('SELECT pg_current_xact_id()::text AS next');
    if (snapshots.every((snapshot) => snapshot === `${next}:${next}:`)) return String(position);
    if (attempt >= attempts) return null;
    for (const reader of readers) await reader.rows('ROLLBACK');
    await pause(pauseMs);
  }
}

async function readTables(reader: Session, budget: { bytes: number }): Promise<readonly TableFacts[]> {
  const tables: TableFacts[] = [];
  await reader.rows('SAVEPOINT one');
  for (const { name, bytes } of await reader.rows(tablesQuery)) {
    budget.bytes -= Number(bytes);
    tables.push(budget.bytes < 0 ? unknownTable(String(name)) : await readTable(reader, String(name)));
  }
  return tables.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As text, which every type has; as values, where a row is too long for a text, as one of half a gigabyte of bytes is. */
const hashes = ['hashtextextended(berth_row::text, 0)', 'hash_record_extended(berth_row, 0)'] as const;
/** What the server says of a text that is longer than it can be, whatever memory it has: by that alone both sides of a comparison choose alike. */
const tooLong = /invalid memory alloc request size|string buffer exceeds/;

async function readTable(reader: Session, name: string): Promise<TableFacts> {
  for (const hashOf of hashes)
    try {
      const { rows = null, hash = null } = await reader.row(
        `SELECT count(*)::text AS rows, coalesce(sum(${hashOf}::numeric), 0)::text AS hash FROM ONLY ${name} AS berth_row`,
      );
      return { name, rows, hash };
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      if (!tooLong.test(error.message)) break;
    } finally {
      // Gives the lock of this table back. Held until the end, those of many tables would fill what the server has for the locks of everybody.
      await reader.rows('ROLLBACK TO one');
    }
  return unknownTable(name);
}
