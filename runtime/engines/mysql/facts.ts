import { createHash } from 'node:crypto';
import { BerthError } from '../../../model/errors.ts';
import { unknownTable, type FactLimits, type ServerFacts, type TableFacts } from '../table-facts.ts';
import type { MysqlAccess } from './access.ts';
import type { Dialect } from './dialect.ts';
import { notCompared, outsideSnapshot } from './identity.ts';
import { connect, identifier, quoted, type Session } from './session.ts';

const schemasQuery = `SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name NOT IN (${notCompared}) ORDER BY 1`;
const tablesQuery = `SELECT table_schema AS db, table_name AS name, COALESCE(data_length, 0) AS bytes FROM information_schema.tables
  WHERE table_type = 'BASE TABLE' AND table_schema NOT IN (${notCompared}) ORDER BY data_length, 1, 2`;

const formsQuery = `SELECT table_schema AS db, table_name AS name, SUM(CRC32(CONCAT_WS(' ', ordinal_position, column_name, column_type, is_nullable,
    column_default, character_set_name, collation_name, extra, generation_expression))) AS form, MAX(extra LIKE '%VIRTUAL%') AS partly
  FROM information_schema.columns WHERE table_schema NOT IN (${notCompared}) GROUP BY 1, 2`;

const savepoint = 'before_table';
/** Less than any table takes. */
const nothing = -1;

interface Reading {
  readonly giveBack: () => Promise<boolean>;
  /** Whether the checksum of the server says nothing of that table. */
  readonly isSummed: (key: string) => boolean;
}

interface Form {
  readonly form: string | null;
  readonly hasVirtual: boolean;
}

interface Found {
  readonly db: string;
  readonly table: TableFacts;
}

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
  const formsBefore = await formsOf(session);
  const isSummed = (key: string): boolean => !dialect.sumsVirtualColumns && formsBefore.get(key)?.hasVirtual === true;
  const position = await freeze(session);
  // At once: MariaDB makes none where tables of an engine that knows none were read before, as those of its accounts are.
  const isMarked = position !== null && (await does(session, `SAVEPOINT ${savepoint}`));
  /** Who changes a table that was read, and everybody behind him, would wait for the end of the snapshot otherwise. @returns whether there still is one. */
  const giveBack = async (): Promise<boolean> => !isMarked || does(session, `ROLLBACK TO SAVEPOINT ${savepoint}`);
  const names = (await session.rows(schemasQuery)).map(({ name }) => String(name));
  const objects = Map.groupBy(await readObjects(session), ({ db }) => db);
  // They stand in no snapshot.
  const areOfThatMoment = position !== null && before === (await outsideSnapshot(session, dialect));
  const found = await readTables(session, position !== null && (await giveBack()) ? limits.bytes : nothing, { giveBack, isSummed });
  await session.rows('COMMIT');
  const forms = await formsOf(session);
  const isOfThatMoment = (key: string): boolean => forms.has(key) && forms.get(key)?.form === formsBefore.get(key)?.form;
  const tables = Map.groupBy(
    found.map(({ db, table }) => ({ db, table: isOfThatMoment(keyOf(db, table.name)) ? table : unknownTable(table.name) })),
    ({ db }) => db,
  );
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

/** In the snapshot that has begun. */
async function readTables(session: Session, most: number, { giveBack, isSummed }: Reading): Promise<readonly Found[]> {
  const tables = [];
  let left = most;
  for (const row of await session.rows(tablesQuery)) {
    const db = String(row['db']);
    const name = String(row['name']);
    left -= Number(row['bytes']);
    const isRead = left >= 0;
    tables.push({ db, table: isRead ? await readTable(session, db, name, isSummed(keyOf(db, name))) : unknownTable(name) });
    if (isRead && !(await giveBack())) left = nothing;
  }
  return tables;
}

async function does(session: Session, statement: string): Promise<boolean> {
  try {
    await session.rows(statement);
    return true;
  } catch (error) {
    if (!(error instanceof BerthError)) throw error;
    return false;
  }
}

/** What makes tables what they are, which stands in no snapshot: a server may read the rows of before in the form of now, and say nothing. */
async function formsOf(session: Session): Promise<ReadonlyMap<string, Form>> {
  const rows = await session.rows(formsQuery);
  return new Map(rows.map(({ db, name, form = null, partly }) => [keyOf(String(db), String(name)), { form, hasVirtual: partly === '1' }]));
}

const keyOf = (db: string, table: string): string => JSON.stringify([db, table]);

async function readTable(session: Session, db: string, name: string, isSummed: boolean): Promise<TableFacts> {
  const table = `${identifier(db)}.${identifier(name)}`;
  try {
    const { rows = null } = await session.row(`SELECT COUNT(*) AS ${identifier('rows')} FROM ${table}`);
    const { Checksum: hash = null } = await session.row(isSummed ? await sumOf(session, db, name) : `CHECKSUM TABLE ${table}`);
    return hash === null ? unknownTable(name) : { name, rows, hash };
  } catch (error) {
    // It was changed since the snapshot began, or may not be read.
    if (!(error instanceof BerthError)) throw error;
    return unknownTable(name);
  }
}

/** Of what is kept of each row: what follows from it may be another at another time. */
async function sumOf(session: Session, db: string, name: string): Promise<string> {
  const columns = await session.rows(
    `SELECT column_name AS name FROM information_schema.columns
      WHERE table_schema = ${quoted(db)} AND table_name = ${quoted(name)} AND extra NOT LIKE '%VIRTUAL%' ORDER BY ordinal_position`,
  );
  const each = columns.map((column) => `COALESCE(CRC32(${identifier(String(column['name']))}), '-')`).join(', ');
  return `SELECT COALESCE(SUM(CRC32(CONCAT_WS(',', ${each}))), 0) AS Checksum FROM ${identifier(db)}.${identifier(name)}`;
}
