import type { CopiedEngine } from '../backup/copied-engines.ts';
import { mongodb } from './mongodb.ts';
import { mysqlFamily } from './mysql-family.ts';
import { postgres } from './postgres.ts';
import { sqlserver } from './sqlserver.ts';

const folders: Readonly<Record<CopiedEngine, string>> = {
  postgres: postgres.dataFolder,
  mysql: mysqlFamily.dataFolder,
  mariadb: mysqlFamily.dataFolder,
  mongodb: mongodb.dataFolder,
  sqlserver: sqlserver.dataFolder,
};

/** Where the data of an engine lie, below what is mounted. */
export const dataFolderOf = (engine: CopiedEngine): string => folders[engine];
