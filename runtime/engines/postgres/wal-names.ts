import { postgres } from '../../../model/engines/postgres.ts';
import { canaryDatabase } from './canary.ts';
import { firstOwnNumber, type Relations } from './relations.ts';
import type { CatalogRow, ClassRow, RelationFile } from './wal-records.ts';

interface Table {
  readonly oid: number;
  readonly name: string;
  readonly isCanary: boolean;
  /** Another one after it was written anew. */
  file: number;
}

interface Database {
  readonly name: string;
  readonly schemas: Map<number, string>;
  readonly tables: Map<number, Table>;
  readonly byOid: Map<number, Table>;
  readonly toast: Set<number>;
  readonly catalogs: ReadonlySet<number>;
  readonly own: Relations['databases'][number]['own'];
}

/** What rows of a file are about. */
export type Subject =
  | { readonly kind: 'table' | 'unnamed'; readonly name: string }
  /** The server's own. */
  | { readonly kind: 'catalog' }
  /** Values that are told of elsewhere, or are of nobody's asking. */
  | { readonly kind: 'aside' };

/** What a transaction did to what there is, once it was committed. */
export interface Definitions {
  readonly schemas: readonly (CatalogRow & { readonly database: number })[];
  readonly classes: readonly (ClassRow & { readonly database: number })[];
  /** Rows of what there is that could not be read. */
  readonly unread: number;
  readonly created: readonly RelationFile[];
  /** The one that was given up last comes first. */
  readonly dropped: readonly RelationFile[];
}

export interface Followed {
  readonly statements: readonly string[];
  /** Files with rows that were there before, in another file. */
  readonly copies: ReadonlySet<number>;
}

/** Of what lies beside tables; the same in every server. */
const toastSchema = 99;
/** As they are in every server that was just made. */
const usual = { own: { classes: 1259, schemas: 2615, statistics: 2619 }, schemas: [[2200, 'public'] as const] };
const sorts: Readonly<Record<string, string>> = {
  r: 'TABLE',
  p: 'TABLE',
  m: 'MATERIALIZED VIEW',
  v: 'VIEW',
  f: 'FOREIGN TABLE',
  S: 'SEQUENCE',
  i: 'INDEX',
  I: 'INDEX',
};
/** Come with a table, and say nothing beside it. */
const companions = /^CREATE (?:INDEX|SEQUENCE) /;
const isTable = (kind: string): boolean => kind === 'r' || kind === 'p' || kind === 'm';
const { schema: canarySchema, table: canaryTable } = postgres.canary;

/** The names that the numbers of files stand for, as they were when the backup was made and as the log has changed them since. */
export class WalNames {
  readonly #databases = new Map<number, Database>();

  /** @param relations - Nothing where the backup does not know them: what is made later gets its name all the same. */
  constructor(relations: Relations | undefined) {
    for (const { oid, name, schemas, tables, toast, catalogs, own } of relations?.databases ?? []) {
      const database: Database = {
        name,
        schemas: new Map(schemas.map((schema) => [schema.oid, schema.name])),
        tables: new Map(),
        byOid: new Map(),
        toast: new Set(toast),
        catalogs: new Set(catalogs),
        own,
      };
      this.#databases.set(oid, database);
      for (const table of tables) add(database, table);
    }
  }

  isClasses = ({ database, file }: RelationFile): boolean => this.#own(database).classes === file;
  isSchemas = ({ database, file }: RelationFile): boolean => this.#own(database).schemas === file;
  nameOfDatabase = (oid: number): string => this.#databases.get(oid)?.name ?? String(oid);

  subjectOf({ database: oid, file }: RelationFile): Subject {
    const database = this.#databases.get(oid);
    const table = database?.tables.get(file);
    if (table !== undefined) return table.isCanary ? { kind: 'aside' } : { kind: 'table', name: table.name };
    if (database?.toast.has(file) === true || file === this.#own(oid).statistics) return { kind: 'aside' };
    // What all databases share has none.
    if (oid === 0 || file < firstOwnNumber || database?.catalogs.has(file) === true) return { kind: 'catalog' };
    return { kind: 'unnamed', name: `relation ${file} of database ${this.nameOfDatabase(oid)}` };
  }

  /** Takes over what a transaction has made, and says it: `CREATE TABLE shop.public.orders`. What it made and dropped itself is not said. */
  follow({ schemas, classes, unread, created, dropped }: Definitions): Followed {
    const made = new Set<string>();
    const copies = new Set<number>();
    for (const { database: oid, oid: schema, name } of schemas) {
      const database = this.#open(oid);
      database.schemas.set(schema, name);
      if (!name.startsWith('pg_')) made.add(`CREATE SCHEMA ${database.name}.${name}`);
    }
    const gone = new Set(dropped.map(({ file }) => file));
    const own = new Set(classes.map(({ oid }) => oid));
    const again = new Set(classes.map(({ name }) => name));
    for (const row of classes) this.#make(row, { isGone: gone.has(row.file) && !again.has(`pg_temp_${row.oid}`), own, made, copies });
    const files = new Set(classes.map(({ file }) => file));
    const others = created.filter(({ file }) => !files.has(file));
    const statements = [...this.#drop(dropped.toReversed(), others, unread, own), ...made, ...(unread > 0 ? ['CREATE'] : [])];
    const hasTable = statements.some((each) => each.startsWith('CREATE TABLE '));
    return { statements: hasTable ? statements.filter((each) => !companions.test(each)) : statements, copies };
  }

  #make(
    row: Definitions['classes'][number],
    { isGone, own, made, copies }: { isGone: boolean; own: ReadonlySet<number>; made: Set<string>; copies: Set<number> },
  ): void {
    const database = this.#open(row.database);
    // What is written anew is so under the name of its number, and then takes its place.
    const [, rewritten] = /^pg_temp_(\d+)$/.exec(row.name) ?? [];
    const before = database.byOid.get(Number(rewritten));
    if (before !== undefined && !row.isTemporary) {
      before.file = row.file;
      database.tables.set(row.file, before);
      copies.add(row.file);
      if (!before.isCanary && !own.has(before.oid)) made.add(`REWRITE TABLE ${before.name}`);
    } else if (row.isTemporary || row.kind === 't' || row.schema === toastSchema) database.toast.add(row.file);
    else {
      const sort = sorts[row.kind];
      if (isTable(row.kind)) add(database, row);
      if (sort !== undefined && !isGone) made.add(`CREATE ${sort} ${nameIn(database, row)}`);
    }
  }

  /** A table that is emptied gives a file up for each that it gets, in the same order. Where as many came as went, nothing was dropped for good. */
  #drop(dropped: readonly RelationFile[], created: readonly RelationFile[], unread: number, own: ReadonlySet<number>): ReadonlySet<string> {
    const said = new Set<string>();
    const emptied = unread === 0 && created.length > 0 && created.length === dropped.length;
    const what = emptied ? 'TRUNCATE' : created.length === 0 ? 'DROP TABLE' : 'DROP/TRUNCATE';
    for (const [index, { database: oid, file }] of dropped.entries()) {
      const database = this.#databases.get(oid);
      const table = database?.tables.get(file);
      const next = emptied ? created[index] : undefined;
      if (next !== undefined && database?.toast.has(file) === true) database.toast.add(next.file);
      database?.tables.delete(file);
      database?.toast.delete(file);
      // Else its rows are in another file by now.
      if (database === undefined || table?.file !== file) continue;
      if (!own.has(table.oid)) said.add(`${what} ${table.name}`);
      if (next !== undefined) {
        table.file = next.file;
        database.tables.set(next.file, table);
      } else if (what === 'DROP TABLE') database.byOid.delete(table.oid);
    }
    return said;
  }

  #own = (oid: number): Database['own'] => this.#databases.get(oid)?.own ?? usual.own;

  #open(oid: number): Database {
    const there = this.#databases.get(oid);
    if (there !== undefined) return there;
    const made: Database = {
      name: this.nameOfDatabase(oid),
      schemas: new Map(usual.schemas),
      tables: new Map(),
      byOid: new Map(),
      toast: new Set(),
      catalogs: new Set(),
      own: usual.own,
    };
    this.#databases.set(oid, made);
    return made;
  }
}

interface Named {
  readonly oid: number;
  readonly file: number;
  readonly schema: number;
  readonly name: string;
}

const nameIn = ({ name, schemas }: Database, row: Named): string =>
  `${name}.${schemas.get(row.schema) ?? `schema ${row.schema}`}.${row.name}`;

function add(database: Database, row: Named): void {
  const isCanary = database.name === canaryDatabase && database.schemas.get(row.schema) === canarySchema && row.name === canaryTable;
  const table = { oid: row.oid, name: nameIn(database, row), isCanary, file: row.file };
  database.byOid.set(row.oid, table);
  if (row.file !== 0) database.tables.set(row.file, table);
}
