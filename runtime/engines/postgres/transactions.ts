import type { Manifest } from '../../../model/backup/manifest.ts';
import { BerthError } from '../../../model/errors.ts';
import { ownTables, type LoggedTransaction, type LogReader, type TouchedTable } from '../../ports/log-reader.ts';
import type { Restorable } from '../../ports/scratch-engine.ts';
import { collect } from '../../streams/blocks.ts';
import { nextPosition, segmentBytesOf, timelineOf } from './chain-rules.ts';
import { logFile } from './log-source.ts';
import { formatLsn } from './lsn.ts';
import { largestRelations, relationsFile, type Relations } from './relations.ts';
import { WalNames, type Definitions, type Followed, type Subject } from './wal-names.ts';
import { BrokenWal, WalReader, type WalPlace, type WalRecord, type WalVersion } from './wal-reader.ts';
import {
  classIn,
  insertedRow,
  isLookedAt,
  partIn,
  schemaIn,
  tell,
  type Ending,
  type RelationFile,
  type StoredFile,
  type WalEvents,
} from './wal-records.ts';

type Change = 'inserted' | 'updated' | 'deleted';
type Counts = Record<Change, number>;

interface Touched extends RelationFile {
  readonly counts: Counts;
}

/** What a transaction, or a part of one, has done so far. There may be very many, most of which change rows alone. */
class Tally {
  bytes = 0;
  definitions: Defined | undefined;
  /** Most have but one: those of a million savepoints are held by this alone. */
  #first: Touched | undefined;
  #more: Map<number, Map<number, Touched>> | undefined;

  countsOf(database: number, file: number): Counts {
    if (this.#first === undefined) this.#first = { database, file, counts: { inserted: 0, updated: 0, deleted: 0 } };
    if (this.#first.file === file && this.#first.database === database) return this.#first.counts;
    this.#more ??= new Map();
    let files = this.#more.get(database);
    if (files === undefined) this.#more.set(database, (files = new Map()));
    let touched = files.get(file);
    if (touched === undefined) files.set(file, (touched = { database, file, counts: { inserted: 0, updated: 0, deleted: 0 } }));
    return touched.counts;
  }

  /** In the order in which they were touched first. */
  *touched(): Iterable<Touched> {
    if (this.#first !== undefined) yield this.#first;
    for (const files of this.#more?.values() ?? []) yield* files.values();
  }

  define = (): Defined =>
    (this.definitions ??= { said: [], isUnnamed: false, unread: 0, created: [], emptied: [], classes: [], schemas: [], parts: [] });

  add(other: Tally): void {
    this.bytes += other.bytes;
    for (const { database, file, counts: more } of other.touched()) {
      const counts = this.countsOf(database, file);
      for (const change of changes) counts[change] += more[change];
    }
    const { definitions } = other;
    if (definitions === undefined) return;
    const own = this.define();
    own.unread += definitions.unread;
    own.isUnnamed ||= definitions.isUnnamed;
    for (const each of definitions.said) own.said.push(each);
    for (const each of definitions.created) own.created.push(each);
    for (const each of definitions.emptied) own.emptied.push(each);
    for (const each of definitions.classes) own.classes.push(each);
    for (const each of definitions.schemas) own.schemas.push(each);
    for (const each of definitions.parts) own.parts.push(each);
  }
}

interface Defined {
  readonly said: string[];
  /** What is said has a number in place of a name. */
  isUnnamed: boolean;
  unread: number;
  readonly created: StoredFile[];
  readonly emptied: StoredFile[];
  readonly classes: Definitions['classes'][number][];
  readonly schemas: Definitions['schemas'][number][];
  readonly parts: Definitions['parts'][number][];
}

/** With what a file was before the transaction. */
interface TouchedBefore extends Touched {
  readonly before: Subject;
}

const nothingDefined = { said: [], isUnnamed: false, unread: 0, created: [], emptied: [], classes: [], schemas: [], parts: [] };
const nothingFollows = { statements: [], partOf: new Set<string>(), copies: new Set<number>(), isUnnamed: false, isOpaque: false };
const halfNumbers = 2 ** 32;

/** Transactions as they are committed, of which the records lie among each other. Holds those that have not ended yet. */
class Transactions implements WalEvents {
  readonly #names: WalNames;
  readonly #found: (transaction: LoggedTransaction) => void;
  readonly #open = new Map<number, Tally>();
  /** A whole number near those that come: the log holds the lower half of each. */
  #near: number;
  /** From this one on they began behind the place from which the log is read. */
  #begunFrom: number | undefined;
  #record: WalRecord | undefined;
  #lastXid = 0;
  #last = new Tally();

  /** @param begunFrom - Where that is known from the start. */
  constructor(names: WalNames, near: number, begunFrom: number | undefined, found: (transaction: LoggedTransaction) => void) {
    this.#names = names;
    this.#near = near;
    this.#begunFrom = begunFrom;
    this.#found = found;
  }

  see(record: WalRecord): void {
    if (record.xid !== 0) this.#tally(record.xid).bytes += record.bytes;
    if (record.bodyEnd === record.bodyAt) return;
    this.#record = record;
    tell(record, this);
  }

  inserted = (xid: number, file: RelationFile, rows: number, record: WalRecord): void => {
    const tally = this.#tally(xid);
    tally.countsOf(file.database, file.file).inserted += rows;
    const isClasses = this.#names.isClasses(file);
    const isInherits = this.#names.isInherits(file);
    if (!isClasses && !isInherits && !this.#names.isSchemas(file)) return;
    const { database } = file;
    const defined = tally.define();
    const row = insertedRow(record);
    if (row === undefined) defined.unread += 1;
    else if (isClasses) defined.classes.push({ ...classIn(row, record.version), database });
    else if (isInherits) defined.parts.push({ ...partIn(row), database });
    else defined.schemas.push({ ...schemaIn(row), database });
  };

  updated = (xid: number, { database, file }: RelationFile): void => {
    this.#tally(xid).countsOf(database, file).updated += 1;
  };

  deleted = (xid: number, { database, file }: RelationFile): void => {
    this.#tally(xid).countsOf(database, file).deleted += 1;
  };

  takenBack = (xid: number, { database, file }: RelationFile): void => {
    this.#tally(xid).countsOf(database, file).inserted -= 1;
  };

  created = (xid: number, file: StoredFile): void => {
    if (xid !== 0) this.#tally(xid).define().created.push(file);
  };

  emptied = (xid: number, file: StoredFile): void => {
    if (xid !== 0) this.#tally(xid).define().emptied.push(file);
  };

  databaseDropped = (xid: number, database: number): void => {
    const defined = this.#tally(xid).define();
    defined.said.push(`DROP DATABASE ${this.#names.nameOfDatabase(database)}`);
    defined.isUnnamed ||= !this.#names.isNamed(database);
  };

  committed = ({ xid, children, at, dropped }: Ending): void => {
    const all = this.#take(xid);
    for (const child of children) all.add(this.#take(child));
    const id = this.#whole(xid);
    const { definitions = nothingDefined } = all;
    const isDefining = all.definitions !== undefined || dropped.length > 0;
    const touched = this.#touched(all);
    const isPartial = this.#begunFrom === undefined || id < this.#begunFrom;
    const classes = touched.filter((each) => this.#names.isClasses(each));
    const [forgotten, changed] = (['deleted', 'updated'] as const).map((change) =>
      classes.reduce((sum, { counts }) => sum + counts[change], 0),
    );
    const followed = isDefining
      ? this.#names.follow({ ...definitions, dropped, forgotten: forgotten ?? 0, changed: changed ?? 0, isPartial })
      : nothingFollows;
    const said = [...definitions.said, ...followed.statements];
    const { tables, partOf } = this.#tables(touched, followed);
    // What began before what is read may have done all that it did there.
    if (tables.length + said.length === 0 && !isPartial) return;
    this.#found({
      id: String(id),
      at: new Date(at),
      place: formatLsn(BigInt(this.#record?.end ?? 0)),
      bytes: all.bytes,
      tables,
      statements: said,
      isOpaque: followed.isOpaque,
      ...((definitions.isUnnamed || followed.isUnnamed) && { isUnnamed: true }),
      isPartial,
      ...(partOf.size > 0 && { partOf: [...partOf] }),
    });
  };

  aborted = ({ xid, children }: Ending): void => {
    for (const each of [xid, ...children]) this.#take(each);
  };

  running = (oldest: number, next: number): void => {
    this.#begunFrom ??= this.#whole(next);
    // A crash leaves some of which the log never says how they ended.
    for (const xid of this.#open.keys()) if (((xid - oldest) | 0) < 0) this.#take(xid);
  };

  checkpoint = (next: number): void => {
    this.#near = Math.max(this.#near, next);
  };

  #tally(xid: number): Tally {
    if (xid === this.#lastXid) return this.#last;
    let tally = this.#open.get(xid);
    if (tally === undefined) this.#open.set(xid, (tally = new Tally()));
    this.#lastXid = xid;
    return (this.#last = tally);
  }

  #take(xid: number): Tally {
    const tally = this.#open.get(xid) ?? new Tally();
    this.#open.delete(xid);
    if (xid === this.#lastXid) this.#lastXid = 0;
    return tally;
  }

  #whole(low: number): number {
    const number = this.#near + ((low - (this.#near % halfNumbers)) | 0);
    this.#near = Math.max(this.#near, number);
    return number;
  }

  #touched = (tally: Tally): readonly TouchedBefore[] =>
    Array.from(tally.touched(), (each) => ({ ...each, before: this.#names.subjectOf(each) }));

  #tables(
    touched: readonly TouchedBefore[],
    { copies, partOf: ofStatements }: Pick<Followed, 'copies' | 'partOf'>,
  ): { readonly tables: readonly TouchedTable[]; readonly partOf: ReadonlySet<string> } {
    const tables = new Map<string, TouchedTable>();
    const partOf = new Set(ofStatements);
    const count = (name: string, counts: Counts, isUnnamed: boolean): void => {
      const sum = { ...(tables.get(name) ?? { inserted: 0, updated: 0, deleted: 0 }) };
      for (const change of changes) sum[change] += counts[change];
      tables.set(name, { ...sum, name, ...(isUnnamed && { isUnnamed: true }) });
    };
    const catalog = { inserted: 0, updated: 0, deleted: 0 };
    for (const each of touched) {
      const { file, counts: all, before } = each;
      // What was there may be gone by now, and what has no name may have got one.
      const subject = before.kind === 'unnamed' ? this.#names.subjectOf(each) : before;
      const isCopy = copies.has(file);
      // How many came to the copy, nobody knows: it was filled first.
      const counts = isCopy ? { ...all, inserted: 0 } : all;
      if (isCopy && counts.updated + counts.deleted === 0) continue;
      if (subject.kind === 'table') for (const whole of subject.partOf) partOf.add(whole);
      if (subject.kind === 'catalog') for (const change of changes) catalog[change] += counts[change];
      else if (subject.kind !== 'aside') count(subject.name, counts, subject.kind === 'unnamed' || subject.isUnnamed);
    }
    const all = [...tables.values()];
    return { tables: changes.some((change) => catalog[change] > 0) ? [...all, { name: ownTables, ...catalog }] : all, partOf };
  }
}

const changes = ['inserted', 'updated', 'deleted'] as const;

/** The log as it was shipped. Rows are counted one by one; what lies beside a table because it is long, and what is in indexes, is not. */
export const postgresLogReader: LogReader = {
  counts: 'rows',
  nameParts: 3,
  read: async ({ base: open, after }, logs, found, heard) => {
    const base = await open();
    const next = wholeNumber(base.manifest.facts['nextTransaction']);
    const begunFrom = after.id === base.manifest.id ? (notBegunIn(base.manifest) ?? next) : undefined;
    const transactions = new Transactions(new WalNames(await relationsOf(base)), next ?? 0, begunFrom, found);
    const reader = new WalReader(placeAfter(after, base.manifest), isLookedAt, (record) => transactions.see(record));
    for await (const { manifest, open: file } of logs)
      try {
        for await (const chunk of file(logFile)) {
          reader.push(chunk);
          heard(chunk.length);
        }
        reader.end(manifest.facts['endsWithRecord'] === true);
      } catch (error) {
        if (error instanceof BrokenWal || error instanceof RangeError)
          throw new BerthError(
            'damaged',
            `the log in ${manifest.id} cannot be read: ${error.message}`,
            'see `berth backup verify`; times before it can still be looked at with --until',
          );
        throw error;
      }
  },
};

const wholeNumber = (told: unknown): number | undefined => {
  const number = Number(told);
  return typeof told === 'string' && Number.isSafeInteger(number) ? number : undefined;
};

/** From this one on none had begun when the copy had ended; `nextTransaction` is asked for when all tables have been counted. */
const notBegunIn = ({ facts: { snapshot } }: Manifest): number | undefined =>
  typeof snapshot === 'string' ? wholeNumber(snapshot.split(':')[1]) : undefined;

function placeAfter(after: Manifest, base: Manifest): WalPlace {
  return {
    at: nextPosition(after),
    segmentBytes: segmentBytesOf(base),
    timeline: timelineOf(base),
    version: versionOf(base),
    atRecord: after.facts['endsWithRecord'] === true,
  };
}

function versionOf({ facts: { version } }: Manifest): WalVersion {
  const written = typeof version === 'string' ? version : 'of no version';
  const [major] = written.split('.');
  if (major === '17') return 17;
  if (major === '18') return 18;
  throw new BerthError(
    'unsupported',
    `the log of PostgreSQL ${written} is not looked into: that of 17 and 18 is`,
    'restore into scratch with --at and look on which side of it the rows are still there',
  );
}

/** The log of a backup that is broken is sound all the same, and is told with numbers. */
async function relationsOf({ manifest, open }: Restorable): Promise<Relations | undefined> {
  if (!manifest.streams.some(({ name }) => name === relationsFile)) return undefined;
  try {
    return JSON.parse(Buffer.from(await collect(open(relationsFile), largestRelations)).toString('utf8')) as Relations;
  } catch (error) {
    if (error instanceof BerthError && error.kind === 'damaged') return undefined;
    throw error;
  }
}
