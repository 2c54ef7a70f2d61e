import type { CopiedEngine } from '../backup/copied-engines.ts';
import { mongodb } from './mongodb.ts';
import { mysqlFamily } from './mysql-family.ts';
import { postgres } from './postgres.ts';

const folders: Readonly<Record<CopiedEngine, string>> = {
  postgres: postgres.dataFolder,
  mysql: mysqlFamily.dataFolder,
  mariadb: mysqlFamily.dataFolder,
  mongodb: mongodb.dataFolder,
};

/** Where the data of an engine lie, below what is mounted. */
export const dataFolderOf = (engine: CopiedEngine): string => folders[engine];
