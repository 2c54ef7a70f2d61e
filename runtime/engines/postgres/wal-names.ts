import { postgres } from '../../../model/engines/postgres.ts';
import { canaryDatabase } from './canary.ts';
import { firstOwnNumber, type Part, type Relations } from './relations.ts';
import type { CatalogRow, ClassRow, RelationFile, StoredFile } from './wal-records.ts';

interface Table {
  readonly oid: number;
  name: string;
  /** Its database or its schema is a number alone. */
  readonly isUnnamed: boolean;
  readonly isCanary: boolean;
  /** Another one after it was written anew. */
  file: number;
}

/** Each has had several files once it was written anew. */
interface OwnFiles {
  readonly classes: Set<number>;
  readonly schemas: Set<number>;
  readonly statistics: Set<number>;
  /** Values of large objects, which are nobody's but the applications'. */
  readonly largeObjects: Set<number>;
  readonly inherits: Set<number>;
}

interface Database {
  readonly name: string;
  readonly isUnnamed: boolean;
  readonly schemas: Map<number, string>;
  readonly tables: Map<number, Table>;
  readonly byOid: Map<number, Table>;
  /** Of each part what it is a part of. Nothing tells which ends to be one: it stays here. */
  readonly wholes: Map<number, Set<number>>;
  /** Of no rows that anybody asks for: values that lie beside tables, indexes, sequences. */
  readonly aside: Set<number>;
  readonly catalogs: Set<number>;
  readonly own: OwnFiles;
}

/** What rows of a file are about. */
export type Subject =
  | { readonly kind: 'table'; readonly name: string; readonly isUnnamed: boolean; readonly partOf: ReadonlySet<string> }
  | { readonly kind: 'unnamed'; readonly name: string }
  /** The server's own. */
  | { readonly kind: 'catalog' }
  /** Values that are told of elsewhere, or are of nobody's asking. */
  | { readonly kind: 'aside' };

/** What a transaction did to what there is, once it was committed. */
export interface Definitions {
  readonly schemas: readonly (CatalogRow & { readonly database: number })[];
  readonly classes: readonly (ClassRow & { readonly database: number })[];
  readonly parts: readonly (Part & { readonly database: number })[];
  /** Rows of what there is that could not be read. */
  readonly unread: number;
  readonly created: readonly StoredFile[];
  /** The one that was given up last comes first. */
  readonly dropped: readonly StoredFile[];
  /** Those of whose rows nothing is left, though they are still there. */
  readonly emptied: readonly StoredFile[];
  /** How many rows of what there is were deleted, and how many changed. */
  readonly forgotten: number;
  readonly changed: number;
  /** It may have made more than is known. */
  readonly isPartial: boolean;
}

export interface Followed {
  readonly statements: readonly string[];
  /** Tables of which statements are about a part. */
  readonly partOf: ReadonlySet<string>;
  /** Files with rows that were there before, in another file. */
  readonly copies: ReadonlySet<number>;
  /** A statement is about something whose name is not known to the end. */
  readonly isUnnamed: boolean;
  /** A file was given up that may have been a table's. */
  readonly isOpaque: boolean;
}

const none: ReadonlySet<string> = new Set();

/** What is gathered while a transaction is followed. */
class Telling {
  readonly gone = new Set<string>();
  readonly made = new Set<string>();
  readonly partOf = new Set<string>();
  readonly copies = new Set<number>();
  readonly rewritten = new Set<Table>();
  isUnnamed = false;
  isOpaque = false;
  /** Something was written anew of which no name is known. */
  hasUnknown = false;

  say(to: Set<string>, statement: string, isUnnamed: boolean, partOf: ReadonlySet<string> = none): void {
    to.add(statement);
    this.isUnnamed ||= isUnnamed;
    for (const each of partOf) this.partOf.add(each);
  }
}

/** Of what lies beside tables; the same in every server. */
const toastSchema = 99;
/** As they are in every server that was just made, by the numbers of what they are files of. */
const usual = {
  own: { classes: 1259, schemas: 2615, statistics: 2619, largeObjects: 2613, inherits: 2611 },
  schemas: [[2200, 'public'] as const],
};
const ownParts = ['classes', 'schemas', 'statistics', 'largeObjects', 'inherits'] as const;
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
const besides = new Set(['t', 'i', 'I', 'S']);
/** What is written anew is so under the name of its number, and then takes its place. */
const anew = /^pg_temp_(\d+)$/;
const isTable = (kind: string): boolean => kind === 'r' || kind === 'p' || kind === 'm';
const { schema: canarySchema, table: canaryTable } = postgres.canary;

/** The names that the numbers of files stand for, as they were when the backup was made and as the log has changed them since. */
export class WalNames {
  readonly #databases = new Map<number, Database>();

  /** @param relations - Nothing where the backup does not know them: what is made later gets its name all the same. */
  constructor(relations: Relations | undefined) {
    // What is later goes over what is earlier, which stays known by its numbers.
    for (const each of [...(relations?.earlier ?? []), ...(relations?.databases ?? [])]) {
      const database = this.#databases.get(each.oid) ?? emptyDatabase(each.name, false);
      this.#databases.set(each.oid, database);
      for (const part of ownParts) database.own[part].add(each.own[part] ?? usual.own[part]);
      for (const schema of each.schemas) database.schemas.set(schema.oid, schema.name);
      for (const file of [...each.toast, ...(each.others ?? [])]) database.aside.add(file);
      for (const file of each.catalogs) database.catalogs.add(file);
      for (const table of each.tables) add(database, table);
      for (const whole of each.wholes ?? []) if (!database.byOid.has(whole.oid)) add(database, { ...whole, file: 0 });
      for (const part of each.parts ?? []) take(database, part);
    }
  }

  isClasses = ({ database, file }: RelationFile): boolean => this.#isOwn('classes', database, file);
  isInherits = ({ database, file }: RelationFile): boolean => this.#isOwn('inherits', database, file);
  isSchemas = ({ database, file }: RelationFile): boolean => this.#isOwn('schemas', database, file);
  nameOfDatabase = (oid: number): string => this.#databases.get(oid)?.name ?? String(oid);
  isNamed = (oid: number): boolean => this.#databases.get(oid)?.isUnnamed === false;

  subjectOf({ database: oid, file }: RelationFile): Subject {
    const database = this.#databases.get(oid);
    const table = database?.tables.get(file);
    if (database !== undefined && table !== undefined)
      return table.isCanary
        ? { kind: 'aside' }
        : { kind: 'table', name: table.name, isUnnamed: table.isUnnamed, partOf: wholesOf(database, table.oid) };
    if (database?.aside.has(file) === true || this.#isOwn('statistics', oid, file)) return { kind: 'aside' };
    if (oid !== 0 && this.#isOwn('largeObjects', oid, file))
      return { kind: 'table', name: `${this.nameOfDatabase(oid)}.pg_catalog.pg_largeobject`, isUnnamed: !this.isNamed(oid), partOf: none };
    // What all databases share has none.
    if (
      oid === 0 ||
      file < firstOwnNumber ||
      database?.catalogs.has(file) === true ||
      this.isClasses({ database: oid, file }) ||
      this.isSchemas({ database: oid, file }) ||
      this.isInherits({ database: oid, file })
    )
      return { kind: 'catalog' };
    return { kind: 'unnamed', name: `relation ${file} of database ${this.nameOfDatabase(oid)}` };
  }

  /** Takes over what a transaction has made, and says it: `CREATE TABLE shop.public.orders`. What it made and dropped itself is not said. */
  follow({ schemas, classes: rows, parts, unread, created, dropped, emptied, forgotten, changed, isPartial }: Definitions): Followed {
    const telling = new Telling();
    // A few of the server's own have their files in a list of their own; the copy has that of its number all the same.
    const classes = rows.map((row) => (row.file === 0 && anew.test(row.name) ? { ...row, file: row.oid } : row));
    for (const { database: oid, oid: schema, name } of schemas) {
      const database = this.#open(oid);
      // What the backup knows may have been renamed between this row and its end.
      if (!database.schemas.has(schema)) database.schemas.set(schema, name);
      if (!name.startsWith('pg_')) telling.say(telling.made, `CREATE SCHEMA ${database.name}.${name}`, database.isUnnamed);
    }
    for (const part of parts) take(this.#open(part.database), part);
    const gone = new Set(dropped.map(({ file }) => file));
    const own = new Set(classes.map(({ oid }) => oid));
    const again = new Set(classes.map(({ name }) => name));
    for (const row of classes) this.#make(row, gone.has(row.file) && !again.has(`pg_temp_${row.oid}`), own, telling);
    const files = new Set(classes.map(({ file }) => file));
    const others = created.filter(({ file }) => !files.has(file));
    // What was made and given up at once got no other file, nor what was written anew one that is not known already.
    const [settled, left] = [new Set<StoredFile>(), [] as StoredFile[]];
    for (const each of dropped.toReversed()) {
      if (files.has(each.file) || this.#isRewritten(each, telling)) settled.add(each);
      else left.push(each);
    }
    // Each that gets another file has its row changed; where those rows have another file by now, nobody sees that.
    const isPaired = unread === 0 && others.length > 0 && others.length === left.length && changed >= others.length && !isPartial;
    const change = isPartial ? 'either' : others.length === 0 ? 'drop' : isPaired ? 'empty' : 'either';
    const copies = new Set(classes.filter(({ name }) => anew.test(name)).map(({ oid }) => oid));
    const isAllThere = telling.hasUnknown && forgotten <= classes.filter((row) => isPassing(row, gone, copies)).length;
    const isAside = left.every((each) => this.#isAside(each));
    for (const each of settled) this.#drop(each, undefined, 'drop', own, telling);
    for (const [index, each] of left.entries()) {
      const next = isPaired ? others[index] : undefined;
      if (isAllThere && this.subjectOf(each).kind === 'unnamed') telling.isOpaque ||= others.length > 0;
      else this.#drop(each, next, change, own, telling);
    }
    for (const each of emptied) this.#empty(each, own, telling);
    // Nothing but tables and what lies beside them gets another file.
    if (isAside && unread === 0 && dropped.length > 0) for (const { database, file } of others) this.#open(database).aside.add(file);
    const statements = [...telling.gone, ...telling.made, ...(unread > 0 ? ['CREATE'] : [])];
    const hasTable = statements.some((each) => each.startsWith('CREATE TABLE '));
    return {
      statements: hasTable ? statements.filter((each) => !companions.test(each)) : statements,
      partOf: telling.partOf,
      copies: telling.copies,
      isUnnamed: telling.isUnnamed,
      isOpaque: telling.isOpaque,
    };
  }

  #make(row: Definitions['classes'][number], isGone: boolean, own: ReadonlySet<number>, telling: Telling): void {
    const database = this.#open(row.database);
    const [, rewritten] = anew.exec(row.name) ?? [];
    if (rewritten !== undefined && !row.isTemporary) return this.#rewrite(database, row.file, Number(rewritten), own, telling);
    if (row.isTemporary || row.schema === toastSchema) return void database.aside.add(row.file);
    if (besides.has(row.kind)) database.aside.add(row.file);
    const known = database.byOid.get(row.oid);
    if (known !== undefined && row.file !== 0) database.tables.set(row.file, known);
    else if (isTable(row.kind)) add(database, row);
    const sort = sorts[row.kind];
    if (sort !== undefined && !isGone)
      telling.say(telling.made, `CREATE ${sort} ${nameIn(database, row)}`, isUnnamedIn(database, row), wholesOf(database, row.oid));
  }

  #rewrite(database: Database, file: number, oid: number, own: ReadonlySet<number>, telling: Telling): void {
    telling.copies.add(file);
    const table = database.byOid.get(oid);
    const part = ownParts.find((each) => usual.own[each] === oid);
    if (table !== undefined) {
      table.file = file;
      database.tables.set(file, table);
      telling.rewritten.add(table);
      if (!table.isCanary && !own.has(oid))
        telling.say(telling.made, `REWRITE TABLE ${table.name}`, table.isUnnamed, wholesOf(database, oid));
    } else if (part !== undefined) database.own[part].add(file);
    else if (oid < firstOwnNumber) database.catalogs.add(file);
    else {
      telling.hasUnknown = true;
      telling.say(telling.made, `REWRITE relation ${file} of database ${database.name}`, true);
    }
  }

  /** Where as many files came as went, each was emptied or moved, in the same order, and nothing was dropped for good. */
  #drop(old: StoredFile, next: StoredFile | undefined, change: Change, own: ReadonlySet<number>, telling: Telling): void {
    const { database: oid, file } = old;
    const database = this.#databases.get(oid);
    const table = database?.tables.get(file);
    const subject = this.subjectOf(old);
    const isMoved = next !== undefined && next.tablespace !== old.tablespace;
    const words = isMoved ? { table: 'MOVE TABLE', relation: 'MOVE' } : wordsFor[change];
    if (subject.kind === 'unnamed') {
      telling.say(telling.gone, `${words.relation} ${subject.name}`, true);
      telling.isOpaque ||= !isMoved;
    }
    if (database === undefined) return;
    if (subject.kind === 'catalog') {
      if (next !== undefined) database.catalogs.add(next.file);
      return;
    }
    if (table === undefined && database.aside.delete(file) && next !== undefined) database.aside.add(next.file);
    database.tables.delete(file);
    if (table === undefined || (telling.rewritten.has(table) && table.file !== file)) return;
    if (!own.has(table.oid) && !table.isCanary) {
      telling.say(telling.gone, `${words.table} ${table.name}`, table.isUnnamed, wholesOf(database, table.oid));
      telling.isOpaque ||= !isMoved && change === 'either';
    }
    if (next !== undefined) {
      table.file = next.file;
      database.tables.set(next.file, table);
    } else if (change === 'drop') database.byOid.delete(table.oid);
  }

  /** In its file, which is one of the same transaction. What that has made itself had no rows before. */
  #empty(file: StoredFile, own: ReadonlySet<number>, telling: Telling): void {
    const subject = this.subjectOf(file);
    const table = this.#databases.get(file.database)?.tables.get(file.file);
    if (subject.kind === 'table' && table !== undefined && !own.has(table.oid))
      telling.say(telling.gone, `TRUNCATE ${subject.name}`, subject.isUnnamed, subject.partOf);
    else if (subject.kind === 'unnamed') {
      telling.say(telling.gone, `TRUNCATE ${subject.name}`, true);
      telling.isOpaque = true;
    }
  }

  /** Whether its rows are in another file by now. */
  #isRewritten({ database, file }: StoredFile, { rewritten }: Telling): boolean {
    const table = this.#databases.get(database)?.tables.get(file);
    return table !== undefined && rewritten.has(table) && table.file !== file;
  }

  #isAside(each: StoredFile): boolean {
    const { kind } = this.subjectOf(each);
    return (kind === 'aside' && this.#databases.get(each.database)?.tables.has(each.file) !== true) || kind === 'catalog';
  }

  #isOwn(part: keyof OwnFiles, oid: number, file: number): boolean {
    const own = this.#databases.get(oid)?.own[part];
    return own === undefined ? file === usual.own[part] : own.has(file);
  }

  #open(oid: number): Database {
    const there = this.#databases.get(oid);
    if (there !== undefined) return there;
    const made = emptyDatabase(String(oid), true);
    for (const part of ownParts) made.own[part].add(usual.own[part]);
    for (const [schema, name] of usual.schemas) made.schemas.set(schema, name);
    this.#databases.set(oid, made);
    return made;
  }
}

type Change = 'drop' | 'empty' | 'either';
/** What is not known may have been an index as well. */
const wordsFor: Readonly<Record<Change, { readonly table: string; readonly relation: string }>> = {
  drop: { table: 'DROP TABLE', relation: 'DROP' },
  empty: { table: 'TRUNCATE', relation: 'TRUNCATE/REINDEX' },
  either: { table: 'DROP/TRUNCATE', relation: 'DROP/TRUNCATE' },
};

const emptyDatabase = (name: string, isUnnamed: boolean): Database => ({
  name,
  isUnnamed,
  schemas: new Map(),
  tables: new Map(),
  byOid: new Map(),
  wholes: new Map(),
  aside: new Set(),
  catalogs: new Set(),
  own: { classes: new Set(), schemas: new Set(), statistics: new Set(), largeObjects: new Set(), inherits: new Set() },
});

/** Rows of what there is that do not stay: of copies and what lies beside those, and of what is gone again. @param copies - By their numbers. */
function isPassing({ name, file }: ClassRow, gone: ReadonlySet<number>, copies: ReadonlySet<number>): boolean {
  const [, beside] = /^pg_toast_(\d+)(?:_index)?$/.exec(name) ?? [];
  return anew.test(name) || gone.has(file) || (beside !== undefined && copies.has(Number(beside)));
}

interface Named {
  readonly oid: number;
  readonly file: number;
  readonly schema: number;
  readonly name: string;
}

const nameIn = ({ name, schemas }: Database, row: Named): string =>
  `${name}.${schemas.get(row.schema) ?? `schema ${row.schema}`}.${row.name}`;

function take({ wholes }: Database, { oid, whole }: Part): void {
  const there = wholes.get(oid);
  if (there === undefined) wholes.set(oid, new Set([whole]));
  else there.add(whole);
}

/** What a table is a part of, and what those are parts of. */
function wholesOf(database: Database, oid: number): ReadonlySet<string> {
  if (!database.wholes.has(oid)) return none;
  const names = new Set<string>();
  const seen = new Set([oid]);
  // Grows while it is walked through.
  for (const each of seen)
    for (const whole of database.wholes.get(each) ?? []) {
      const name = database.byOid.get(whole)?.name;
      if (name !== undefined) names.add(name);
      seen.add(whole);
    }
  return names;
}

/** A name that is not in UTF-8 is read as something else. */
const isUnnamedIn = (database: Database, row: Named): boolean =>
  database.isUnnamed || !database.schemas.has(row.schema) || row.name.includes('\u{fffd}');

function add(database: Database, row: Named): void {
  const isCanary = database.name === canaryDatabase && database.schemas.get(row.schema) === canarySchema && row.name === canaryTable;
  const there = database.byOid.get(row.oid);
  const table = there ?? { oid: row.oid, name: '', isUnnamed: isUnnamedIn(database, row), isCanary, file: row.file };
  table.name = nameIn(database, row);
  table.file = row.file;
  database.byOid.set(row.oid, table);
  if (row.file !== 0) database.tables.set(row.file, table);
}
