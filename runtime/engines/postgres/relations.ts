import { isDeepStrictEqual } from 'node:util';
import type { PostgresAccess } from './access.ts';
import { listDatabases } from './facts.ts';
import { connect } from './session.ts';

/** File of a full backup or an increment with what the numbers in the log stand for. Backups of before it was made have none. */
export const relationsFile = 'relations.json';
/** A text cannot be longer; millions of tables do not fill it. */
export const largestRelations = 2 ** 29 - 2 ** 20;

/** A table and one that it is a partition of, or inherits from, by their numbers. */
export interface Part {
  readonly oid: number;
  readonly whole: number;
}

interface DatabaseRelations {
  readonly oid: number;
  readonly name: string;
  readonly schemas: readonly { readonly oid: number; readonly name: string }[];
  /** Files of rows: of tables and views that hold some; of what lies beside them because it is long; and of the server's own. */
  readonly tables: readonly { readonly oid: number; readonly file: number; readonly schema: number; readonly name: string }[];
  /** Tables that others are parts of. Those have no file, but where they are inherited from as of old. Backups of before they were kept have none. */
  readonly wholes?: readonly { readonly oid: number; readonly schema: number; readonly name: string }[];
  readonly parts?: readonly Part[];
  readonly toast: readonly number[];
  readonly catalogs: readonly number[];
  /** Of indexes and sequences: what is known of none of all these may have been a table. Backups of before they were kept have none. */
  readonly others?: readonly number[];
  /** Of some of the server's own: what there is, in which schema, and what is known of values. */
  readonly own: {
    readonly classes: number;
    readonly schemas: number;
    readonly statistics: number;
    readonly largeObjects?: number;
    readonly inherits?: number;
  };
}

/** What the names in a log are worked out from: files have numbers there, and a file changes its number when it is written anew. */
export interface Relations {
  readonly databases: readonly DatabaseRelations[];
  /** As it was when the copy began, where that was something else: the log is read from before its end. */
  readonly earlier?: readonly DatabaseRelations[];
}

/** Numbers below are of what every server is made with, and belong to itself. */
export const firstOwnNumber = 16_384;

const filesQuery = `SELECT c.oid::text AS oid, pg_relation_filenode(c.oid)::text AS file, c.relnamespace::text AS schema, c.relname AS name,
    CASE WHEN c.relkind = 't' THEN 'toast' WHEN c.relkind IN ('i', 'S') THEN 'other' WHEN n.nspname = 'pg_catalog' THEN 'catalog' ELSE 'table' END AS sort
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'm', 't', 'i', 'S') AND c.relpersistence <> 't' AND pg_relation_filenode(c.oid) >= ${firstOwnNumber} ORDER BY c.oid`;
const ownQuery = `SELECT pg_relation_filenode('pg_class')::text AS classes, pg_relation_filenode('pg_namespace')::text AS schemas,
  pg_relation_filenode('pg_statistic')::text AS statistics, pg_relation_filenode('pg_largeobject')::text AS "largeObjects",
  pg_relation_filenode('pg_inherits')::text AS inherits, (SELECT oid FROM pg_database WHERE datname = current_database())::text AS oid`;
const wholesQuery = `SELECT oid::text AS oid, relnamespace::text AS schema, relname AS name FROM pg_class
  WHERE relkind IN ('r', 'p', 'f') AND oid IN (SELECT inhparent FROM pg_inherits) ORDER BY oid`;
const partsQuery = `SELECT i.inhrelid::text AS oid, i.inhparent::text AS whole FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
  WHERE c.relkind IN ('r', 'p', 'f') ORDER BY i.inhrelid, i.inhseqno`;
const schemasQuery = "SELECT oid::text AS oid, nspname AS name FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)_' ORDER BY oid";

/** Asked of the catalogs alone: no table is touched. */
export async function takeRelations(access: PostgresAccess, signal: AbortSignal): Promise<Relations> {
  await using control = await connect(access, 'postgres', signal);
  const databases: DatabaseRelations[] = [];
  for (const name of await listDatabases(control)) {
    await using session = await connect(access, name, signal);
    const own = await session.row(ownQuery);
    const files = await session.rows(filesQuery);
    const of = (sort: string) => files.filter((each) => each['sort'] === sort);
    databases.push({
      oid: Number(own['oid']),
      name,
      schemas: (await session.rows(schemasQuery)).map((each) => ({ oid: Number(each['oid']), name: String(each['name']) })),
      tables: of('table').map((each) => ({
        oid: Number(each['oid']),
        file: Number(each['file']),
        schema: Number(each['schema']),
        name: String(each['name']),
      })),
      wholes: (await session.rows(wholesQuery)).map((each) => ({
        oid: Number(each['oid']),
        schema: Number(each['schema']),
        name: String(each['name']),
      })),
      parts: (await session.rows(partsQuery)).map((each) => ({ oid: Number(each['oid']), whole: Number(each['whole']) })),
      toast: of('toast').map(({ file }) => Number(file)),
      catalogs: of('catalog').map(({ file }) => Number(file)),
      others: of('other').map(({ file }) => Number(file)),
      own: {
        classes: Number(own['classes']),
        schemas: Number(own['schemas']),
        statistics: Number(own['statistics']),
        largeObjects: Number(own['largeObjects']),
        inherits: Number(own['inherits']),
      },
    });
  }
  return { databases };
}

/** Both, as what was there when a copy began may be gone at its end, and under another number. */
export const joinRelations = ({ databases: earlier }: Relations, { databases }: Relations): Relations =>
  isDeepStrictEqual(earlier, databases) ? { databases } : { databases, earlier };
