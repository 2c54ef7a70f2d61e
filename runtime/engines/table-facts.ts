import { mysqlFamily } from '../../model/engines/mysql-family.ts';
import { postgres } from '../../model/engines/postgres.ts';

/** One table, as it was at the place that the facts are of. Rows and hash are unknown where it was too large, or may not be read. */
export interface TableFacts {
  readonly name: string;
  readonly rows: string | null;
  /** The same in any order of the rows. */
  readonly hash: string | null;
}

/** Whatever else a database holds: a view, a routine, a trigger, an event. */
interface ObjectFacts {
  readonly name: string;
  /** Of its definition. */
  readonly hash: string | null;
}

interface DatabaseFacts {
  readonly name: string;
  readonly tables: readonly TableFacts[];
  /** Not for every engine, and not where they were changed while they were read. */
  readonly objects?: readonly ObjectFacts[];
}

/** What can be compared after a restore. */
export interface ServerFacts {
  /** The facts hold for exactly this place in the log; unknown when no moment of which the place is known could be had. */
  readonly position: string | null;
  readonly databases: readonly DatabaseFacts[];
}

export interface FactLimits {
  /** Tables are read, the smallest first, as long as all together are no larger. */
  readonly bytes: number;
  /** How often a moment is looked for of which the place in the log is known. */
  readonly attempts: number;
  readonly pauseMs: number;
}

export const usualLimits: FactLimits = { bytes: 2 * 2 ** 30, attempts: 100, pauseMs: 50 };

export const unknownTable = (name: string): TableFacts => ({ name, rows: null, hash: null });

/** How much there is of them, for the record. */
export function summaryOf({ position, databases }: ServerFacts) {
  const tables = databases.flatMap((database) => database.tables);
  return {
    databases: databases.map(({ name }) => name),
    tables: tables.length,
    /** Of those that were counted. */
    rows: tables.reduce((sum, { rows }) => sum + Number(rows ?? 0), 0),
    tablesHashed: tables.filter(({ hash }) => hash !== null).length,
    factsAt: position,
  };
}

/** In what a restored server differs from what was taken; nothing when it is the same. What is unknown on one side is not compared. */
export function compareFacts(expected: ServerFacts, found: ServerFacts): readonly string[] {
  const databases = new Map(found.databases.map((database) => [database.name, database]));
  return withoutCanary(expected).flatMap((database) => {
    const there = databases.get(database.name);
    return there === undefined ? [`database ${database.name} is not there`] : compareDatabase(database, there);
  });
}

/** Facts of before it was left out may have it, of a Berth of before. */
const withoutCanary = ({ databases }: ServerFacts): readonly DatabaseFacts[] => {
  const { schema, table } = postgres.canary;
  return databases
    .filter(({ name }) => name !== mysqlFamily.canary.database)
    .map((database) => ({ ...database, tables: database.tables.filter(({ name }) => name !== `${schema}.${table}`) }));
};

function compareDatabase({ name, tables, objects = [] }: DatabaseFacts, there: DatabaseFacts): readonly string[] {
  const tablesThere = new Map(there.tables.map((table) => [table.name, table]));
  const ofTables = tables.flatMap((table) => compareTable(`${name}: ${table.name}`, table, tablesThere.get(table.name)));
  if (there.objects === undefined) return ofTables;
  const objectsThere = new Map(there.objects.map((object) => [object.name, object]));
  return [...ofTables, ...objects.flatMap((object) => compareContent(`${name}: ${object.name}`, object, objectsThere.get(object.name)))];
}

function compareTable(name: string, expected: TableFacts, found: TableFacts | undefined): readonly string[] {
  if (found === undefined) return [`${name} is not there`];
  if (expected.rows === null || found.rows === null) return [];
  if (expected.rows !== found.rows) return [`${name} has ${found.rows} rows, and had ${expected.rows}`];
  return compareContent(name, expected, found);
}

function compareContent(name: string, expected: ObjectFacts, found: ObjectFacts | undefined): readonly string[] {
  if (found === undefined) return [`${name} is not there`];
  if (expected.hash === null || found.hash === null) return [];
  return expected.hash === found.hash ? [] : [`${name} has other content`];
}
