import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ManifestMemory } from '../../runtime/ports/manifest-memory.ts';
import type { ObjectInfo } from '../../runtime/ports/store.ts';

/** https://sqlite.org/rescode.html */
const damaged = new Set([11, 26]);

const table = `CREATE TABLE IF NOT EXISTS manifests (
  store TEXT, key TEXT, listed TEXT NOT NULL, signed BLOB NOT NULL, PRIMARY KEY (store, key)
) STRICT`;
/** Of a first look at tens of thousands not all are held. */
const heldAtMost = 1000;

/** What a list says of an object. A manifest is never written again, so another answer is another one. */
const asListed = ({ bytes, modified, etag = '' }: ObjectInfo): string => JSON.stringify([bytes, modified.getTime(), etag]);

type Memory = ManifestMemory & Disposable;
type Fresh = readonly [ObjectInfo, Uint8Array];

/**
 * The manifests of a store that were read at this site before. What is not listed any more is forgotten at the end. Nothing where the folder of Berth is not
 * there, or cannot be written to by whoever asks: then all is read.
 */
export function rememberedManifests(site: string, store: string): Memory | undefined {
  if (!existsSync(join(site, '.berth'))) return undefined;
  const file = join(site, '.berth/manifests.sqlite');
  try {
    return opened(file, store);
  } catch (error) {
    if (!isOfSqlite(error)) throw error;
    if (!damaged.has(error.errcode & 0xff)) return undefined;
    return forget(file) ? rememberedManifests(site, store) : undefined;
  }
}

function opened(file: string, store: string): Memory {
  const database = new DatabaseSync(file, { timeout: 5000 });
  try {
    database.exec(table);
    const found = database.prepare('SELECT listed, signed FROM manifests WHERE store = ? AND key = ?');
    const seen = new Set<string>();
    const fresh: Fresh[] = [];
    let isDamaged = false;
    /** Where somebody else writes, the disk is full or a page of the file is broken, all is read again. */
    const attempt = <T>(work: () => T): T | undefined => {
      try {
        return work();
      } catch (error) {
        if (!isOfSqlite(error)) throw error;
        isDamaged ||= damaged.has(error.errcode & 0xff);
        return undefined;
      }
    };
    return {
      find: (info) => {
        seen.add(info.key);
        const row = attempt(() => found.get(store, info.key));
        return row?.['listed'] === asListed(info) && row['signed'] instanceof Uint8Array ? row['signed'] : undefined;
      },
      keep: (info, signed) => {
        fresh.push([info, signed]);
        if (fresh.length >= heldAtMost) attempt(() => write(database, store, fresh.splice(0), []));
      },
      [Symbol.dispose]: () => {
        attempt(() => {
          const keys = database.prepare('SELECT key FROM manifests WHERE store = ?').all(store);
          const gone = keys.map(({ key }) => String(key)).filter((key) => !seen.has(key));
          write(database, store, fresh, gone);
        });
        database.close();
        if (isDamaged) forget(file);
      },
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function write(database: DatabaseSync, store: string, fresh: readonly Fresh[], gone: readonly string[]): void {
  if (fresh.length === 0 && gone.length === 0) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    const put = database.prepare('INSERT OR REPLACE INTO manifests (store, key, listed, signed) VALUES (?, ?, ?, ?)');
    for (const [info, signed] of fresh) put.run(store, info.key, asListed(info), signed);
    const remove = database.prepare('DELETE FROM manifests WHERE store = ? AND key = ?');
    for (const key of gone) remove.run(store, key);
    database.exec('COMMIT');
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

/** It is made anew by the next who asks, if whoever asks now may remove it. */
function forget(file: string): boolean {
  try {
    rmSync(file, { force: true });
    return true;
  } catch {
    return false;
  }
}

const isOfSqlite = (error: unknown): error is Error & { readonly errcode: number } =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';
