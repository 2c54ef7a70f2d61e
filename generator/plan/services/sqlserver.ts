import { sqlserver as facts } from '../../../model/engines/sqlserver.ts';
import type { SecretText } from '../../../model/planned-secret.ts';
import { connectionBudget } from '../connections.ts';
import { isCopied } from './copied-databases.ts';
import { databaseDemand } from './database-parts.ts';
import { migrations } from './database-engine.ts';
import type { DatabaseAddress, DatabaseClient, DatabaseEngine } from './database-engine.ts';
import { accounts, secretFiles, secrets, server } from './sqlserver-containers.ts';
import { pidsOf, settingsOf, smallestMemory } from './sqlserver-settings.ts';

const home = { HOME: '/tmp' };

const urlOptions = {
  off: 'encrypt=disable',
  require: 'encrypt=true&TrustServerCertificate=true',
  verify: 'encrypt=true&TrustServerCertificate=false',
} as const;
const clientOptions = { off: '-No -C', require: '-Nm -C', verify: '-Nm' } as const;

/** Its own certificate is one that nobody signed. */
const url = ({ name, host, port, user, database, tls }: DatabaseAddress): SecretText => [
  `sqlserver://${encodeURIComponent(user)}:`,
  tls === undefined ? { secret: `${name}-app` } : { secret: `${name}-app`, encoded: 'url' },
  `@${host}:${port}?database=${database}&${urlOptions[tls ?? 'require']}`,
];

const client = ({ name, host, port, user, database, tls }: DatabaseAddress): DatabaseClient => ({
  // -x: nothing in a statement is taken for a variable of the client; -b: an error is one for the shell, too; -r1: and is no value.
  query: `${facts.client} -S ${host.replaceAll(/[[\]]/g, '')},${port} -U ${user} -d ${database} ${clientOptions[tls ?? 'require']} -l 5 -b -r1 -I -x -h -1 -W -Q "SET NOCOUNT ON; $1"`,
  env: home,
  secretEnv: { SQLCMDPASSWORD: [{ secret: `${name}-app` }] },
});

/** A key of an index holds a hash, however long a command is. */
const hashed = (version: string): string => `CONVERT(char(64), HASHBYTES('SHA2_256', N'${version.replaceAll("'", "''")}'), 2)`;

export const sqlserverEngine: DatabaseEngine = {
  image: facts.image,
  port: facts.port,
  holds: 'data, log and tempdb, and one copy while a backup is made by hand',
  demand: (database, spec, profile) => {
    const { limit } = connectionBudget(spec, database.name, profile, facts);
    const floor = {
      value: smallestMemory(),
      because: `it refuses to start when it sees less than ${facts.leastVisible} MiB, four fifths of this`,
    };
    return databaseDemand(database, profile, { pids: pidsOf(limit), floor, cpuFloor: 200 });
  },
  plan: (input, task, { user }) => {
    const { database, spec } = input;
    const backedUp = isCopied(database, spec);
    const { settings, decisions } = settingsOf(input);
    return {
      decisions,
      service: server(input, user, settings, backedUp),
      accounts: accounts(input, backedUp, task, user),
      plan: {
        service: database.name,
        engine: 'sqlserver',
        database: database.database,
        account: database.database,
        settings,
        clients: 'all',
        replicas: [],
        ...(backedUp ? { backedUp } : {}),
      },
    };
  },
  url,
  client,
  ping: 'SELECT 1',
  record: (version) =>
    `IF OBJECT_ID(N'dbo.${migrations}', N'U') IS NULL CREATE TABLE dbo.${migrations} (version char(64) PRIMARY KEY, ended datetime2 NOT NULL DEFAULT SYSUTCDATETIME()); INSERT INTO dbo.${migrations} (version) SELECT ${hashed(version)} WHERE NOT EXISTS (SELECT 1 FROM dbo.${migrations} WHERE version = ${hashed(version)})`,
  recorded: (version) => `SELECT 1 FROM dbo.${migrations} WHERE version = ${hashed(version)}`,
  secrets,
  secretFiles,
};
