import { BerthError } from '../../../model/errors.ts';
import type { PostgresAccess } from './access.ts';
import { connect, type Session } from './session.ts';

/** One table, as it was at the place that the facts are of. Rows and hash are unknown where it was too large, or may not be read. */
export interface TableFacts {
  readonly name: string;
  readonly rows: string | null;
  /** Sum of a hash of each row: the same in any order. */
  readonly hash: string | null;
}

/** What can be compared after a restore. */
export interface PostgresFacts {
  /** The facts hold for exactly this place in the log; unknown when there was no moment without a transaction that writes. */
  readonly position: string | null;
  readonly databases: readonly { readonly name: string; readonly tables: readonly TableFacts[] }[];
}

export interface FactLimits {
  /** Tables are read, the smallest first, as long as all together are no larger. */
  readonly bytes: number;
  /** How often a quiet moment is looked for. */
  readonly attempts: number;
  readonly pauseMs: number;
}

export const usualLimits: FactLimits = { bytes: 2 * 2 ** 30, attempts: 100, pauseMs: 50 };

/** No table of the server's own, none that a crash empties, none that lies elsewhere. */
const tablesQuery = `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name, pg_table_size(c.oid)::text AS bytes
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname !~ '^(pg_|information_schema$)'
  ORDER BY pg_table_size(c.oid), 1`;

async function listDatabases(session: Session): Promise<readonly string[]> {
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
): Promise<PostgresFacts> {
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
  for (const { name, bytes } of await reader.rows(tablesQuery)) {
    budget.bytes -= Number(bytes);
    tables.push(budget.bytes < 0 ? unknown(String(name)) : await readTable(reader, String(name)));
  }
  return tables.sort((a, b) => (a.name < b.name ? -1 : 1));
}

const unknown = (name: string): TableFacts => ({ name, rows: null, hash: null });

async function readTable(reader: Session, name: string): Promise<TableFacts> {
  await reader.rows('SAVEPOINT one');
  try {
    const { rows = null, hash = null } = await reader.row(
      `SELECT count(*)::text AS rows, coalesce(sum(hashtextextended(berth_row::text, 0)::numeric), 0)::text AS hash FROM ONLY ${name} AS berth_row`,
    );
    return { name, rows, hash };
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    await reader.rows('ROLLBACK TO one');
    return unknown(name);
  }
}

/** In what a restored server differs from what was taken; nothing when it is the same. What is unknown on one side is not compared. */
export function compareFacts(expected: PostgresFacts, found: PostgresFacts): readonly string[] {
  const databases = new Map(found.databases.map(({ name, tables }) => [name, tables]));
  return expected.databases.flatMap(({ name, tables }) => {
    const there = databases.get(name);
    if (there === undefined) return [`database ${name} is not there`];
    const byName = new Map(there.map((table) => [table.name, table]));
    return tables.flatMap((table) => compareTable(`${name}: ${table.name}`, table, byName.get(table.name)));
  });
}

function compareTable(name: string, expected: TableFacts, found: TableFacts | undefined): readonly string[] {
  if (found === undefined) return [`${name} is not there`];
  if (expected.rows === null || found.rows === null) return [];
  if (expected.rows !== found.rows) return [`${name} has ${found.rows} rows, and had ${expected.rows}`];
  return expected.hash === found.hash ? [] : [`${name} has other content`];
}
