import type { Programs } from '../../ports/program.ts';
import type { FactLimits, ServerFacts } from '../table-facts.ts';
import type { MongoAccess } from './access.ts';
import { formatTimestamp, type Timestamp } from './oplog-entry.ts';
import { ask } from './shell.ts';

/**
 * Counts all documents and sums hashes of them, in the server, at one place of its oplog: a read of that place sees what was there then, and stops nobody from
 * writing. While somebody makes or drops collections or indexes meanwhile, it begins again. Of the shell's own functions none is called within a callback, where
 * it might not wait for them.
 *
 * @param ofSet - Whether a place can be named; a server by itself, which nobody writes to, knows none.
 */
const factsScript = ({ bytes, attempts, pauseMs }: FactLimits, ofSet: boolean): string => `
  const { createHash } = require('crypto');
  const hashOf = (value) => createHash('sha256').update(EJSON.stringify(value)).digest('hex');
  const own = ['admin', 'config', 'local'];
  const byName = (a, b) => (a.name < b.name ? -1 : 1);
  const indexOf = (collection, { name, key, unique, sparse }) => ({
    name: 'index ' + collection + '.' + name,
    hash: hashOf([Object.entries(key), unique === true, sparse === true]),
  });
  const otherOf = ({ name, type, options }) => ({ name: type + ' ' + name, hash: type === 'view' ? hashOf([options.viewOn, options.pipeline]) : null });
  function listed() {
    const found = [];
    const all = admin.runCommand({ listDatabases: 1, nameOnly: true }).databases;
    for (const { name } of all.sort(byName)) {
      if (own.includes(name)) continue;
      const database = admin.getSiblingDB(name);
      const everything = database.getCollectionInfos();
      const infos = everything.filter((info) => !info.name.startsWith('system.')).sort(byName);
      const collections = infos.filter(({ type }) => type === 'collection').map((info) => info.name);
      const objects = infos.filter(({ type }) => type !== 'collection').map(otherOf);
      for (const collection of collections) {
        const indexes = database.runCommand({ listIndexes: collection, cursor: { batchSize: 1000 } });
        for (const index of indexes.cursor.firstBatch) objects.push(indexOf(collection, index));
      }
      found.push({ name, collections, objects: objects.sort(byName) });
    }
    return found;
  }
  function sizeOf(database, collection) {
    try {
      const pipeline = [{ $collStats: { storageStats: {} } }, { $group: { _id: null, size: { $sum: '$storageStats.size' } } }];
      const sized = admin.getSiblingDB(database).runCommand({ aggregate: collection, pipeline, cursor: {} });
      return Number(sized.cursor.firstBatch[0].size);
    } catch (error) {
      return Infinity;
    }
  }
  const pipeline = [{ $group: { _id: null, rows: { $sum: 1 }, hash: { $sum: { $toDecimal: { $toHashedIndexKey: '$$ROOT' } } } } }];
  function read(database, collection, readConcern) {
    try {
      const summed = admin.getSiblingDB(database).runCommand({ aggregate: collection, pipeline, cursor: {}, readConcern });
      const [found] = summed.cursor.firstBatch;
      return found === undefined ? { name: collection, rows: '0', hash: '0' } : { name: collection, rows: String(found.rows), hash: String(found.hash) };
    } catch (error) {
      return { name: collection, rows: null, hash: null };
    }
  }
  function taken() {
    const before = listed();
    const at = ${ofSet ? 'admin.runCommand({ ping: 1 }).operationTime' : 'null'};
    const readConcern = at === null ? { level: 'local' } : { level: 'snapshot', atClusterTime: at };
    const all = [];
    for (const { name, collections } of before) for (const collection of collections) all.push({ name, collection, size: sizeOf(name, collection) });
    let left = ${bytes};
    const tables = {};
    for (const { name, collection, size } of all.sort((a, b) => a.size - b.size)) {
      left -= size;
      const table = left < 0 ? { name: collection, rows: null, hash: null } : read(name, collection, readConcern);
      (tables[name] = tables[name] || []).push(table);
    }
    const accounts = read('admin', 'system.users', readConcern);
    const after = listed();
    const databases = before.map(({ name, objects }) => ({ name, tables: (tables[name] || []).sort(byName), objects }));
    databases.unshift({ name: 'admin', tables: [{ name: accounts.name, rows: accounts.rows, hash: null }], objects: [] });
    return { same: EJSON.stringify(after) === EJSON.stringify(before), at, databases };
  }
  let facts = taken();
  for (let attempt = 1; !facts.same && attempt < ${attempts}; attempt += 1) {
    sleep(${pauseMs});
    facts = taken();
  }
  answer({ at: facts.same ? facts.at : null, databases: facts.databases });`;

interface Answer {
  readonly at: { readonly $timestamp: { readonly t: number; readonly i: number } } | null;
  readonly databases: ServerFacts['databases'];
}

const timestampOf = ({ $timestamp: { t, i } }: NonNullable<Answer['at']>): Timestamp => (BigInt(t) << 32n) | BigInt(i);

/** The facts of all databases at one place of the oplog; of a server by itself, as they are. */
export async function takeFacts(
  programs: Programs,
  access: MongoAccess,
  limits: FactLimits,
  ofSet: boolean,
  signal: AbortSignal,
): Promise<ServerFacts> {
  const { at, databases } = await ask<Answer>(programs, access, factsScript(limits, ofSet), signal);
  return { position: at === null ? null : formatTimestamp(timestampOf(at)), databases };
}
