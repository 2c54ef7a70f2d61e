import type { Seconds } from './units.ts';
import type { FixedSize, FixedState } from './fixed-size.ts';
import type { Schedule } from './schedule.ts';

export type DatabaseEngineName = 'postgres' | 'mysql' | 'mariadb' | 'mongodb' | 'sqlserver';

export type DatabaseTopology = 'single' | 'primary-replica' | 'cluster';
const followed = ['single', 'primary-replica', 'cluster'] as const;
/** What this version sets up for an engine, the least first. */
export const topologiesOf: Readonly<Record<DatabaseEngineName, readonly DatabaseTopology[]>> = {
  postgres: followed,
  mysql: followed,
  mariadb: followed,
  mongodb: ['single', 'cluster'],
  sqlserver: ['single'],
};

export interface DatabaseSpec extends FixedState {
  readonly name: string;
  readonly engine: DatabaseEngineName;
  /** Name of the database and of the account that owns it. */
  readonly database: string;
  /** As the operator wrote it; without it the profile's, where engine and host can. Once a plan begins it is decided. */
  readonly topology?: DatabaseTopology;
  /** One more replica, for long queries alone: its size where it is not that of the primary, and how long a query may take. */
  readonly analytics?: FixedSize & { readonly queryTimeout: Seconds };
  /** Of SQL Server. */
  readonly edition?: SqlserverEdition;
  /** In a cluster: who runs it in place of Berth's own StatefulSet. */
  readonly operator?: DatabaseOperator;
  /** Of PostgreSQL: a pool of connections before it, and how many of them it opens at most. */
  readonly pgbouncer?: { readonly connections?: number };
  /** Of PostgreSQL: extensions that its database has. */
  readonly extensions: readonly string[];
  /** Of PostgreSQL: when its tables are swept and measured, whatever autovacuum does. */
  readonly vacuum?: Schedule;
}

export type DatabaseOperator = 'cloudnative-pg';

export type SqlserverEdition = 'developer' | 'evaluation' | 'express' | 'web' | 'standard' | 'enterprise' | 'enterprise-core';
