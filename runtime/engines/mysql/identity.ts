import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { BerthError } from '../../../model/errors.ts';
import type { Dialect } from './dialect.ts';
import { quoted, type Session } from './session.ts';

/** Which server it is that answers, and the facts that a restore depends on. */
export interface Identity {
  /** Of when the data folder was made. */
  readonly server: string;
  readonly serverId: number;
  readonly version: string;
  readonly lowerCaseTableNames: string;
  readonly characterSet: string;
  readonly collation: string;
  readonly sqlMode: string;
}

/** @throws BerthError `unsupported` when its settings make no log that could be relied on. */
export async function identify(session: Session, { title, questions }: Dialect): Promise<Identity> {
  const names = Object.keys(questions.settings);
  const found = await session.row(
    `SELECT ${questions.server} AS server, @@server_id AS serverId, @@version AS version, @@lower_case_table_names AS lowerCase, @@GLOBAL.sql_mode AS sqlMode,
      @@character_set_server AS characterSet, @@collation_server AS collation, ${names.map((name) => `@@GLOBAL.${name} AS ${name}`).join(', ')}`,
  );
  const wrong = names.filter((name) => found[name] !== questions.settings[name]);
  if (wrong.length > 0) {
    const lines = wrong.map((name) => `${name} = ${name === 'log_bin' ? 'binlog' : questions.settings[name]}`);
    throw new BerthError(
      'unsupported',
      `this server of ${title} writes no log that backups could follow: ${wrong.map((name) => `${name} is ${found[name]}`).join(', ')}`,
      `put ${lines.join(' and ')} into its option file, and start it again`,
    );
  }
  return {
    server: String(found['server']),
    serverId: Number(found['serverId']),
    version: String(found['version']).split('-')[0] ?? '',
    lowerCaseTableNames: String(found['lowerCase']),
    characterSet: String(found['characterSet']),
    collation: String(found['collation']),
    sqlMode: String(found['sqlMode']),
  };
}

/** By the server's clock. */
export async function serverTime(session: Session): Promise<Date> {
  const { now } = await session.row('SELECT UTC_TIMESTAMP(3) AS now');
  return new Date(`${String(now).replace(' ', 'T')}Z`);
}

/** Schemas that the server makes for itself. */
export const ownSchemas = ['mysql', 'sys', 'information_schema', 'performance_schema'].map(quoted).join(', ');

/** And that of the backups, which is written to all the time. */
export const notCompared = `${ownSchemas}, ${quoted(mysqlFamily.canary.database)}`;

/** A snapshot holds tables of InnoDB and no others. */
export async function refuseOtherTables(session: Session): Promise<void> {
  const others = await session.rows(
    `SELECT CONCAT(table_schema, '.', table_name) AS name, engine AS engine FROM information_schema.tables
      WHERE table_type = 'BASE TABLE' AND engine <> 'InnoDB' AND table_schema NOT IN (${ownSchemas}) ORDER BY 1 LIMIT 4`,
  );
  const [first] = others;
  if (first === undefined) return;
  const listed = others.slice(0, 3).map(({ name, engine }) => `${name} (${engine})`);
  throw new BerthError(
    'unsupported',
    `these tables are not of InnoDB, so that no backup of one moment holds them: ${listed.join(', ')}${others.length > 3 ? ' and more' : ''}`,
    `run ALTER TABLE ${first['name']} ENGINE = InnoDB for each of them`,
  );
}

/** Changes with what a dump reads outside of its snapshot: whatever is no table. */
export async function outsideSnapshot(session: Session, { questions }: Dialect): Promise<string> {
  const rows = await session.rows(`SELECT 'schema' AS kind, schema_name AS name, '' AS at FROM information_schema.schemata
    UNION ALL SELECT 'routine', CONCAT(routine_schema, '.', routine_type, '.', routine_name), last_altered FROM information_schema.routines
    UNION ALL SELECT 'trigger', CONCAT(trigger_schema, '.', trigger_name), created FROM information_schema.triggers
    UNION ALL SELECT 'event', CONCAT(event_schema, '.', event_name), last_altered FROM information_schema.events
    UNION ALL SELECT 'view', CONCAT(table_schema, '.', table_name), view_definition FROM information_schema.views WHERE table_schema <> 'sys'
    ORDER BY 1, 2`);
  const accounts =
    questions.accounts.length === 0
      ? []
      : await session.rows(`CHECKSUM TABLE ${questions.accounts.map((name) => `mysql.${name}`).join(', ')}`);
  return JSON.stringify([rows, accounts]);
}
