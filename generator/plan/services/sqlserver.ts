import { sqlserver as facts, sqlserverEditions } from '../../../model/engines/sqlserver.ts';
import type { EngineSetting, PlannedService, SecretFile, SecretText, Size } from '../../../model/plan.ts';
import { mib, seconds } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import { backupSecret, isCopied } from './agent.ts';
import { accountsTask, databaseDemand, databaseServer } from './database-parts.ts';
import { migrations } from './database-engine.ts';
import type { DatabaseAddress, DatabaseClient, DatabaseEngine, DatabaseInput } from './database-engine.ts';
import { exchangeMount } from './exchange.ts';
import { pidsOf, settingsOf, smallestMemory } from './sqlserver-settings.ts';

const tmp = { path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' };
const taskTmp = { path: '/tmp', size: mib(16), mode: '1777' };
const home = { HOME: '/tmp' };
const ready = ['/bin/bash', `${facts.configFolder}/ready.sh`] as const;

function server(input: DatabaseInput, user: string, settings: readonly EngineSetting[], backedUp: boolean): PlannedService {
  const { name, edition } = input.database;
  if (edition === undefined) throw new Error(`${name} has no edition; the spec should have been refused`);
  const exchange = exchangeMount('sqlserver');
  return databaseServer(facts, input, user, {
    title: facts.title,
    loosened: facts.loosened,
    entrypoint: ['/bin/bash', `${facts.configFolder}/start.sh`],
    env: {
      ...home,
      // The spec says that the operator has accepted it.
      ACCEPT_EULA: 'Y',
      MSSQL_PID: sqlserverEditions[edition].pid,
      MSSQL_TCP_PORT: String(facts.port),
      ...Object.fromEntries(settings.filter((one) => one.name.startsWith('MSSQL_')).map((one) => [one.name, one.value])),
    },
    secretFiles: [`${name}-admin`],
    mounts: [{ source: `config/${name}`, target: facts.configFolder, restarts: true }],
    ...(backedUp && exchange !== undefined ? { shared: [exchange] } : {}),
    tmpfs: [tmp],
    nofile: 65_536,
    healthcheck: { argv: ready, interval: seconds(10), timeout: seconds(8), retries: 6, startPeriod: seconds(180) },
    // While it upgrades its system databases it listens and lets nobody in: a restart would make it begin again.
    probes: { ready: { argv: ready }, live: { tcp: facts.port } },
    stopSignal: 'SIGTERM',
    stopGrace: seconds(120),
  });
}

const accounts = ({ database: { name } }: DatabaseInput, backedUp: boolean, size: Size, user: string): PlannedService =>
  accountsTask(facts, name, size, user, {
    purpose: backedUp ? 'accounts and the settings' : 'account and the settings',
    entrypoint: ['/bin/bash', '/etc/berth/accounts/accounts.sh'],
    env: home,
    secretFiles: [`${name}-admin`, `${name}-verifier`, ...(backedUp ? [`${backupSecret(name)}-verifier`] : [])],
    tmpfs: [taskTmp],
  });

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
  secrets: ({ name, database }, backedUp) => [
    { name: `${name}-admin`, length: 32, purpose: `administrator ${facts.administrator} of ${name}` },
    { name: `${name}-app`, length: 32, purpose: `account ${database} of ${name}` },
    ...(backedUp ? [{ name: backupSecret(name), length: 32, purpose: `account ${facts.backup.account} of ${name}, for its backups` }] : []),
  ],
  secretFiles: ({ name }, backedUp): readonly SecretFile[] => [
    { name: `${name}-admin`, text: [facts.passwordPrefix, { secret: `${name}-admin`, form: 'plain' }], of: [`${name}-admin`] },
    { name: `${name}-verifier`, text: [{ secret: `${name}-app`, form: 'mssql' }], of: [`${name}-app`] },
    ...(backedUp
      ? [
          {
            name: backupSecret(name),
            text: [{ secret: backupSecret(name), form: 'plain' }],
            of: [backupSecret(name)],
          } satisfies SecretFile,
          {
            name: `${backupSecret(name)}-verifier`,
            text: [{ secret: backupSecret(name), form: 'mssql' }],
            of: [backupSecret(name)],
          } satisfies SecretFile,
        ]
      : []),
  ],
};
