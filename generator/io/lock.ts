import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { BerthError } from '../../model/errors.ts';
import { berthFolder, lockFile } from './berth-folder.ts';
import { attempt } from './io-failure.ts';
import { lockHolder } from './lock-holder.ts';

/** https://sqlite.org/rescode.html: the answers that are not about the disk. */
const busy = 5;
const notADatabase = 26;

/** Long enough that of two runs started together one wins, instead of each stepping back from the other. */
const patienceMs = 100;

/**
 * Makes this process the only writer of a site until disposal or its death: the lock is the kernel's (fcntl, by way of SQLite, since
 * Node has no call for it), so nothing stale stays behind. Nobody else in the process may open the lock file: closing it gives the lock up.
 */
export function lockSite(site: string): Disposable {
  attempt(`create ${join(site, berthFolder)}`, () => makeBerthFolder(site));
  const database = acquire(site);
  return { [Symbol.dispose]: () => database.isOpen && database.close() };
}

function makeBerthFolder(site: string): void {
  const folder = join(site, berthFolder);
  if (existsSync(folder)) return;
  mkdirSync(folder, { mode: 0o755 });
  chmodSync(folder, 0o755);
}

function acquire(site: string): DatabaseSync {
  // Loaded here, so that verbs that only read do not pay for it.
  const { DatabaseSync } = process.getBuiltinModule('node:sqlite');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(site, lockFile), { timeout: patienceMs });
    // Nothing is ever written, so no journal need come and go beside the file.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch (error) {
    database?.close();
    throw explain(error, site);
  }
}

function explain(error: unknown, site: string): unknown {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined;
  const file = join(site, lockFile);
  if (code === undefined) return error;
  if (code === busy) return locked(site, lockHolder(file));
  const cure = code === notADatabase ? `delete ${file}` : `see that you may write to ${join(site, berthFolder)} and that its disk is sound`;
  return new BerthError(
    'io',
    `cannot lock ${site}: ${error instanceof Error ? error.message : ''}`,
    `${cure}, then run the command again`,
    { cause: error },
  );
}

function locked(site: string, holder: number | undefined): BerthError {
  const who = holder === undefined ? 'another berth' : `another berth (process ${holder})`;
  return new BerthError('locked', `${who} works on ${site}`, 'wait until it has finished, then run the command again');
}
