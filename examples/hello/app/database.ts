import { setTimeout as sleep } from 'node:timers/promises';
import { databaseSchemes, type Dialect, type DialectOptions } from './database-dialect.ts';
import type { Log } from './log.ts';
import { openMysql } from './mysql.ts';
import { openPostgres } from './postgres.ts';
import { reasonOf } from './reason.ts';
import { Unavailable, type Database } from './services.ts';

const dialects: Readonly<Record<(typeof databaseSchemes)[number], (options: DialectOptions) => Dialect>> = {
  postgres: openPostgres,
  postgresql: openPostgres,
  mysql: openMysql,
  mariadb: openMysql,
};

const FIRST_RETRY_MS = 250;
const LONGEST_RETRY_MS = 5000;

export interface DatabaseOptions {
  readonly url: string;
  readonly poolSize: number;
  readonly log: Log;
}

/** Starts to look for the database at once, in the background, and keeps looking until it was found or `close` is called. */
export function openDatabase({ url, poolSize, log }: DatabaseOptions): Database {
  const scheme = databaseSchemes.find((name) => new URL(url).protocol === `${name}:`) ?? 'postgres';
  const dialect = dialects[scheme]({
    url,
    poolSize,
    onLost: (error) => log('warn', 'database connection lost', { reason: reasonOf(error) }),
  });

  const closing = new AbortController();
  let reached = false;
  let tables: Promise<void> | undefined;

  const createTables = async (): Promise<void> => {
    // An account that may not create tables can still use those that are there, hence the look before.
    if (!(await dialect.tablesExist())) await dialect.createTables();
    reached = true;
  };
  const ensureTables = (): Promise<void> => {
    tables ??= createTables().catch((error: unknown) => {
      tables = undefined;
      throw error;
    });
    return tables;
  };
  const run = async <Answer>(ask: () => Promise<Answer>): Promise<Answer> => {
    try {
      await ensureTables();
      return await ask();
    } catch (error) {
      const reason = reasonOf(error);
      if (reason === dialect.undefinedTable) tables = undefined; // the database was replaced by an empty one: create them with the next query
      throw new Unavailable('database', reason, { cause: error });
    }
  };

  const search = async (): Promise<void> => {
    for (let wait = FIRST_RETRY_MS; !closing.signal.aborted; wait = Math.min(wait * 2, LONGEST_RETRY_MS)) {
      try {
        await ensureTables();
        log('info', 'database reached');
        return;
      } catch (error) {
        if (closing.signal.aborted) return;
        log('warn', 'database not reached yet', { reason: reasonOf(error), retryInMs: wait });
        await sleep(wait, undefined, { signal: closing.signal }).catch(() => {});
      }
    }
  };
  void search();

  return {
    get reached() {
      return reached;
    },
    async ping() {
      if (await run(dialect.isReadOnly)) throw new Unavailable('database', 'READONLY'); // a standby answers, but cannot serve us
    },
    countVisit: () => run(dialect.addVisit),
    recordNote: ({ key, text, createdAt }) => run(() => dialect.addNote(key, Buffer.byteLength(text), createdAt)),
    countNotes: () => run(dialect.countNotes),
    async close() {
      closing.abort();
      await dialect.close();
    },
  };
}
