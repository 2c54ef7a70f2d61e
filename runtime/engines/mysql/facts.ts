import { createHash } from 'node:crypto';
import { BerthError } from '../../../model/errors.ts';
import { unknownTable, type FactLimits, type ServerFacts, type TableFacts } from '../table-facts.ts';
import type { MysqlAccess } from './access.ts';
import type { Dialect } from './dialect.ts';
import { notCompared, outsideSnapshot } from './identity.ts';
import { connect, identifier, type Session } from './session.ts';

const schemasQuery = `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name NOT IN (${notCompared}) ORDER BY 1`;
const tablesQuery = `SELECT table_schema AS db, table_name AS name, COALESCE(data_length, 0) AS bytes FROM information_schema.tables
  WHERE table_type = 'BASE TABLE' AND table_schema NOT IN (${notCompared}) ORDER BY data_length, 1, 2`;

/** What is no table, with whatever makes it what it is. */
const objectsQueries = [
  `SELECT table_schema AS db, CONCAT('view ', table_name) AS name, CONCAT(definer, ' ', view_definition) AS text
    FROM information_schema.views WHERE table_schema NOT IN (${notCompared})`,
  `SELECT routine_schema AS db, CONCAT(LOWER(routine_type), ' ', routine_name) AS name,
    CONCAT(definer, ' ', COALESCE(dtd_identifier, ''), ' ', routine_definition) AS text
    FROM information_schema.routines WHERE routine_schema NOT IN (${notCompared})`,
  `SELECT trigger_schema AS db, CONCAT('trigger ', trigger_name) AS name,
    CONCAT(definer, ' ', action_timing, ' ', event_manipulation, ' ', event_object_table, ' ', action_statement) AS text
    FROM information_schema.triggers WHERE trigger_schema NOT IN (${notCompared})`,
  `SELECT event_schema AS db, CONCAT('event ', event_name) AS name,
    CONCAT(definer, ' ', COALESCE(interval_value, ''), ' ', COALESCE(interval_field, ''), ' ', event_definition) AS text
    FROM information_schema.events WHERE event_schema NOT IN (${notCompared})`,
];

/** How a moment is had of which the place is known. */
export type Freeze = (session: Session) => Promise<string | null>;

/** As often as the limits say, as a long statement may hold the lock up. */
export const freezeServer =
  ({ snapshot }: Dialect, { attempts, pauseMs }: FactLimits, pause: (milliseconds: number) => Promise<void>): Freeze =>
  async (session) => {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await snapshot(session);
      } catch (error) {
        if (!(error instanceof BerthError) || !error.message.includes('Lock wait timeout')) throw error;
        if (attempt >= attempts) return null;
        await pause(pauseMs);
      }
  };

/** A server that nobody else writes to. */
export const standsStill: Freeze = async (session) => {
  await session.rows('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  return '';
};

/** The facts of all databases at one moment, of which the place in the log is known exactly. */
export async function takeFacts(
  dialect: Dialect,
  access: MysqlAccess,
  limits: FactLimits,
  freeze: Freeze,
  signal: AbortSignal,
): Promise<ServerFacts> {
  await using session = await connect(dialect.title, access, signal);
  const before = await outsideSnapshot(session, dialect);
  const position = await freeze(session);
  const names = (await session.rows(schemasQuery)).map(({ name }) => String(name));
  const objects = Map.groupBy(await readObjects(session), ({ db }) => db);
  // They stand in no snapshot.
  const areOfThatMoment = position !== null && before === (await outsideSnapshot(session, dialect));
  const tables = Map.groupBy(await readTables(session, position === null ? 0 : limits.bytes), ({ db }) => db);
  const databases = names.map((name) => ({
    name,
    tables: (tables.get(name) ?? []).map(({ table }) => table).sort((a, b) => (a.name < b.name ? -1 : 1)),
    ...(areOfThatMoment && { objects: (objects.get(name) ?? []).map(({ object }) => object) }),
  }));
  return { position, databases };
}

async function readObjects(session: Session) {
  const objects = [];
  for (const query of objectsQueries)
    for (const { db, name, text } of await session.rows(query)) {
      const hash = text === null || text === undefined ? null : createHash('sha256').update(text).digest('hex');
      objects.push({ db: String(db), object: { name: String(name), hash } });
    }
  return objects;
}

async function readTables(session: Session, most: number): Promise<readonly { readonly db: string; readonly table: TableFacts }[]> {
  const tables = [];
  let left = most;
  for (const row of await session.rows(tablesQuery)) {
    const db = String(row['db']);
    const name = String(row['name']);
    left -= Number(row['bytes']);
    tables.push({ db, table: left < 0 || most === 0 ? unknownTable(name) : await readTable(session, db, name) });
  }
  return tables;
}

async function readTable(session: Session, db: string, name: string): Promise<TableFacts> {
  const table = `${identifier(db)}.${identifier(name)}`;
  try {
    const { rows = null } = await session.row(`SELECT COUNT(*) AS ${identifier('rows')} FROM ${table}`);
    const { Checksum: hash = null } = await session.row(`CHECKSUM TABLE ${table}`);
    return hash === null ? unknownTable(name) : { name, rows, hash };
  } catch (error) {
    // It was changed since the snapshot began, or may not be read.
    if (!(error instanceof BerthError)) throw error;
    return unknownTable(name);
  }
}
