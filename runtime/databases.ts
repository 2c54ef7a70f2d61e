import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BerthError } from '../model/errors.ts';
import type { BackupJob } from '../model/runtime-config.ts';
import { mongodbChain } from './engines/mongodb/chain-rules.ts';
import { mongodbEngine } from './engines/mongodb/mongodb-engine.ts';
import { mysqlChain } from './engines/mysql/chain-rules.ts';
import { dialects } from './engines/mysql/dialect.ts';
import { mysqlEngine } from './engines/mysql/mysql-engine.ts';
import { postgresChain } from './engines/postgres/chain-rules.ts';
import { postgresEngine } from './engines/postgres/postgres-engine.ts';
import { clearScratch, scratchIn } from './engines/scratch-place.ts';
import { sqlserverChain } from './engines/sqlserver/chain-rules.ts';
import { sqlserverEngine } from './engines/sqlserver/sqlserver-engine.ts';
import { knownAuthorities } from './known-authorities.ts';
import { readAuthority, readPassword } from './keys/read-keys.ts';
import type { BackedUpEngine } from './ports/engine.ts';
import type { ChainRules } from './ports/log-source.ts';
import { localPrograms } from './programs/local-programs.ts';
import { dataFolders } from './volume/data-folders.ts';

/** Kinds of jobs that copy a database. */
export type DatabaseKind = Exclude<BackupJob['kind'], 'configuration' | 'secrets' | 'bucket' | 'valkey' | 'redis' | 'volume'>;
export type DatabaseJob = BackupJob & { readonly kind: DatabaseKind; readonly database: NonNullable<BackupJob['database']> };

export const isDatabase = (job: BackupJob): job is DatabaseJob => job.database !== undefined && Object.hasOwn(engines, job.kind);

/** How the backups of an engine rest on each other, for whoever only looks at them. */
export const rulesOf: Readonly<Record<DatabaseKind, ChainRules>> = {
  postgres: postgresChain,
  mysql: mysqlChain(dialects.mysql),
  mariadb: mysqlChain(dialects.mariadb),
  mongodb: mongodbChain,
  sqlserver: sqlserverChain,
};

/** What copies a database of each kind. Another engine is one more line here and above. */
const engines: Readonly<Record<DatabaseKind, (options: ReturnType<typeof optionsOf>) => BackedUpEngine>> = {
  postgres: postgresEngine,
  mysql: (options) => mysqlEngine('mysql', options),
  mariadb: (options) => mysqlEngine('mariadb', options),
  mongodb: mongodbEngine,
  sqlserver: ({ sqlserver, access, ...options }) => {
    if (sqlserver === undefined) throw new Error('a SQL Server without its database; runtime.yaml should have been refused');
    const { name: database, exchange, edition } = sqlserver;
    return sqlserverEngine({ ...options, access: { ...access, database }, exchange, edition });
  },
};

type DatabaseCopied = DatabaseJob['database'];

/** Whether its log is received: of somebody else's server it need not be. */
export const shipsLog = ({ database: { elsewhere } }: DatabaseJob): boolean => elsewhere?.log !== false;

/** What is asked of a log that nobody receives. */
export const withoutLog = (name: string): BerthError =>
  new BerthError(
    'unsupported',
    `${name} stands elsewhere, and is copied without its log`,
    `make a full backup: \`berth backup now ${name}\`; or write log: true below its external.backup in berth.yaml`,
  );

/** By which it is known who answers: of the site's own its authority, where that is given at all. */
function trustOf({ ca, elsewhere }: Pick<DatabaseCopied, 'ca' | 'elsewhere'>) {
  if (elsewhere?.tls === 'require') return { tls: 'unchecked' } as const;
  if (elsewhere?.tls === 'verify') return { tls: 'known', ca: knownAuthorities() } as const;
  return ca === undefined ? {} : ({ tls: 'own', ca: { file: ca, text: readAuthority(ca) } } as const);
}

const optionsOf = ({ host, port, user, password, ca, folder, memory, sqlserver, elsewhere }: DatabaseCopied) => ({
  access: { host, port, user, password: readPassword(password), ...trustOf({ ca, elsewhere }) },
  ...(elsewhere?.slot === undefined ? {} : { [elsewhere.log ? 'slot' : 'unusedSlot']: elsewhere.slot }),
  programs: localPrograms({ PATH: process.env['PATH'] }),
  image: null,
  sleep: (milliseconds: number) => sleep(milliseconds),
  folder,
  memoryMiB: memory,
  tag: () => randomUUID().slice(0, 8),
  uid: process.getuid?.() ?? 0,
  dataFolders,
  sqlserver,
});

/** For an agent that begins. @returns what was left by one that was killed. */
export const clearLeft = async (jobs: readonly BackupJob[]): Promise<readonly string[]> =>
  (await Promise.all(jobs.filter(isDatabase).map(({ database }) => clearScratch(scratchIn(database.folder))))).flat();

export const engineOf = ({ kind, database }: DatabaseJob): BackedUpEngine => engines[kind](optionsOf(database));
