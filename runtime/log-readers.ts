import type { DatabaseKind } from './databases.ts';
import { dialects } from './engines/mysql/dialect.ts';
import { mysqlLogReader } from './engines/mysql/transactions.ts';
import { postgresLogReader } from './engines/postgres/transactions.ts';
import type { LogReader } from './ports/log-reader.ts';

/** What looks into the log of each kind of database. For the rest it says how to find a transaction all the same. */
export const logReaders: Readonly<Record<DatabaseKind, LogReader | { readonly instead: string }>> = {
  mysql: mysqlLogReader(dialects.mysql),
  mariadb: mysqlLogReader(dialects.mariadb),
  postgres: postgresLogReader,
  mongodb: {
    instead:
      "ask the server, as long as its oplog reaches back: `db.getSiblingDB('local').oplog.rs.find({ op: 'd' }).sort({ $natural: -1 })`",
  },
  sqlserver: {
    instead:
      "ask the server, as long as its log reaches back: `SELECT [Current LSN], [End Time] FROM sys.fn_dblog(NULL, NULL) WHERE Operation = 'LOP_COMMIT_XACT'`",
  },
};
