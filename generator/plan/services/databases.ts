import type { DatabaseEngineName } from '../../../model/database-spec.ts';
import type { DatabaseEngine } from './database-engine.ts';
import { mariadbEngine } from './mariadb.ts';
import { mongodbEngine } from './mongodb.ts';
import { mysqlEngine } from './mysql.ts';
import { postgresEngine } from './postgres.ts';
import { sqlserverEngine } from './sqlserver.ts';

/** Every engine that `databases.*.engine` may name. */
export const databaseEngines: Readonly<Record<DatabaseEngineName, DatabaseEngine>> = {
  postgres: postgresEngine,
  mysql: mysqlEngine,
  mariadb: mariadbEngine,
  mongodb: mongodbEngine,
  sqlserver: sqlserverEngine,
};
