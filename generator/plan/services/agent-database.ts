import type { CopiedEngine } from '../../../model/backup/copied-engines.ts';
import type { BackupsSpec } from '../../../model/backups-spec.ts';
import { sqlserver } from '../../../model/engines/sqlserver.ts';
import { authorityFile } from '../../../model/internal-tls.ts';
import type { MiB } from '../../../model/units.ts';
import { backupSecret, copying, type CopiedDatabase } from './copied-databases.ts';
import { hostsOf } from './database-engine.ts';

/** Below what the runtime itself and the programs that copy need, and what a server needs beside its shared memory. */
const besideScratch = 384;
const leastScratch = 64;

/** MiB of the container that the server of a restore may take. */
const scratchMemory = (memory: MiB): number => Math.max(leastScratch, Math.floor((memory - besideScratch) * 0.9));

/** Its server has folders of its own in the same place, some of which a database may be called like. */
const placesOf = (engine: CopiedEngine): string => (engine === 'sqlserver' ? `${sqlserver.volumeFolder}/berth` : copying[engine].own);

export type CopyTimes = Pick<NonNullable<BackupsSpec['databases']>, 'prove' | 'rpo' | 'increments'>;

/** Where an agent keeps what it needs for one database, and what the server of a restore may take there. */
export const scratchOf = (engine: CopiedEngine, name: string, memory: MiB) => ({
  folder: `${placesOf(engine)}/${name}`,
  memory: scratchMemory(memory),
});

/** How a database is reached from the container of the agent. */
export const databaseOf = (database: CopiedDatabase, { prove, rpo, increments }: CopyTimes, memory: MiB, internalTls: boolean) => ({
  host: hostsOf(database).writer,
  port: copying[database.engine].port,
  user: copying[database.engine].account,
  password: `/run/secrets/${backupSecret(database.name)}`,
  ...(internalTls ? { ca: authorityFile } : {}),
  ...scratchOf(database.engine, database.name, memory),
  ...(increments === undefined ? {} : { increments }),
  prove,
  rpo,
  ...(database.engine === 'sqlserver' && database.edition !== undefined
    ? { sqlserver: { name: database.database, exchange: `${sqlserver.exchangeFolder}/${database.name}`, edition: database.edition } }
    : {}),
});
