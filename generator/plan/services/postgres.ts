import { pgbouncer } from '../../../model/engines/pgbouncer.ts';
import { postgres as facts } from '../../../model/engines/postgres.ts';
import { authorityFile } from '../../../model/internal-tls.ts';
import { beforeOf } from '../../../model/planned-secret.ts';
import type { SecretFile, SecretText } from '../../../model/planned-secret.ts';
import type { Size } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { mib, seconds } from '../../../model/units.ts';
import { connectionBudget } from '../connections.ts';
import { taskDemand } from '../demand.ts';
import type { Demand } from '../demand.ts';
import { plainFile } from '../secret-file.ts';
import { backupSecret, isCopied } from './copied-databases.ts';
import { accountsTask, databaseDemand, databaseServer, noData } from './database-parts.ts';
import { copiesOf, hostsOf, inputOfCopy, migrations, secondLogin } from './database-engine.ts';
import type { DatabaseAddress, DatabaseClient, DatabaseEngine, DatabaseInput, PlannedDatabase } from './database-engine.ts';
import { trustedFiles } from './internal-tls.ts';
import { smallestMemory } from './postgres-memory.ts';
import { operated, operatorDecisions } from './cloudnative-pg.ts';
import { planPooler, poolerDemand, poolerFiles } from './pgbouncer.ts';
import { planReplica } from './postgres-replica.ts';
import { verified, withTls } from './postgres-tls.ts';
import { settingsOf } from './postgres-settings.ts';
import { vacuumName, vacuumOf } from './postgres-vacuum.ts';

/** Whether Berth itself has a replica copy it; an operator does so in its own way. */
const copies = (database: DatabaseSpec): boolean => copiesOf(database).length > 0 && database.operator === undefined;

function demand(database: DatabaseSpec, spec: StackSpec, profile: HardwareProfile, path?: string): Demand {
  const { limit } = connectionBudget(spec, database.name, profile, facts);
  const floor = { value: smallestMemory(limit), because: `1 GiB, or what leaves each of ${limit} connections 1 MiB for a sort` };
  return databaseDemand(database, profile, {
    pids: limit + facts.backgroundWorkers + facts.autovacuumWorkers + facts.otherProcesses,
    floor,
    path,
  });
}

const ready: readonly [string, ...string[]] = [
  'pg_isready',
  '--quiet',
  '--host=127.0.0.1',
  `--username=${facts.superuser}`,
  '--dbname=postgres',
];

const container = { image: 'postgres', port: facts.port, volumeFolder: facts.volumeFolder };

function plan(input: DatabaseInput, task: Size, image: { readonly user: string }): PlannedDatabase {
  const { database, subnet } = input;
  const { settings, decisions, shm } = settingsOf(input);
  const name = database.name;
  const { internalTls } = input.spec;
  const tls = withTls(input.spec, name, ['docker-entrypoint.sh']);
  const backedUp = isCopied(database, input.spec);
  const config = { source: `config/${name}`, target: '/etc/berth/database', restarts: true };
  const socket = { path: facts.socketFolder, size: mib(facts.socketMiB), mode: '1777' };
  const tmp = { path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' };
  const service = databaseServer(container, input, image.user, {
    title: facts.title,
    shm,
    ...(internalTls ? { entrypoint: tls.entrypoint } : {}),
    command: ['postgres', '-c', 'config_file=/etc/berth/database/postgresql.conf'],
    env: {
      POSTGRES_PASSWORD_FILE: `/run/secrets/${name}-admin`,
      POSTGRES_INITDB_ARGS:
        '--data-checksums --encoding=UTF8 --locale-provider=icu --icu-locale=und --auth-local=scram-sha-256 --auth-host=scram-sha-256',
      PGDATA: facts.dataFolder,
    },
    secretFiles: [`${name}-admin`, ...tls.secretFiles],
    mounts: [config],
    tmpfs: [socket, tmp],
    nofile: 8192,
    // By TCP: while the image prepares an empty volume, a temporary server answers on the socket only and must not be taken for the real one.
    healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(120) },
    probes: {
      ready: { argv: ready },
      // 1 says that it starts, recovers or stops: it works, and a restart would make it begin again.
      live: { argv: ['/bin/sh', '-c', `${ready.join(' ')} || test $? -eq 1`] },
    },
    stopSignal: 'SIGINT',
    stopGrace: seconds(90),
  });
  const accounts = accountsTask(container, name, task, image.user, {
    purpose: 'account',
    entrypoint: ['/bin/sh', '/etc/berth/accounts/accounts.sh'],
    env: {
      PGHOST: hostsOf(database).writer,
      PGPORT: String(facts.port),
      PGUSER: facts.superuser,
      PGDATABASE: 'postgres',
      PGCONNECT_TIMEOUT: '10',
      ...(internalTls ? verified(authorityFile) : {}),
    },
    secretFiles: [
      `${name}-admin`,
      `${name}-verifier`,
      `${name}-verifier-second`,
      ...(copies(database) ? [`${name}-replication-verifier`] : []),
      ...(backedUp ? [`${backupSecret(name)}-verifier`] : []),
      ...trustedFiles(input.spec),
    ],
    tmpfs: [tmp, noData(container)],
  });
  const pooler = database.pgbouncer === undefined ? undefined : planPooler(input, input.imageOf(pgbouncer.image));
  const replicas = copies(database) ? copiesOf(database).map((copy) => planReplica(inputOfCopy(input, copy), service, copy)) : [];
  return {
    service: database.operator === undefined ? service : operated(service, database),
    accounts,
    replicas: replicas.map((replica) => replica.service),
    beside: [
      ...(pooler ? [pooler.service] : []),
      ...(database.vacuum === undefined ? [] : [vacuumOf(accounts, database, database.vacuum, input.sizeOf)]),
    ],
    decisions: [
      ...decisions,
      ...tls.decisions,
      ...(pooler?.decisions ?? []),
      ...replicas.flatMap((replica) => replica.decisions),
      ...operatorDecisions(database),
    ],
    plan: {
      service: name,
      engine: 'postgres',
      database: database.database,
      account: database.database,
      secondLogin: secondLogin(database.database),
      settings: [...settings, ...tls.settings],
      ...(internalTls ? { tls: true } : {}),
      clients: subnet ?? 'all',
      ...(database.operator === undefined ? {} : { operator: database.operator }),
      ...(backedUp ? { backedUp } : {}),
      ...(pooler ? { pooler: pooler.plan } : {}),
      ...(database.extensions.length === 0 ? {} : { extensions: database.extensions }),
      replicas: replicas.map((replica) => replica.plan),
    },
  };
}

const sslmodes = { off: 'disable', require: 'require', verify: 'verify-full' } as const;

const url = ({ name, host, port, user, database, tls, authority }: DatabaseAddress): SecretText =>
  tls === undefined
    ? [
        'postgres://',
        { secret: `${name}-app`, login: [user, secondLogin(user)] },
        ':',
        { secret: `${name}-app` },
        `@${host}:${port}/${database}${authority === undefined ? '' : `?sslmode=${sslmodes.verify}&sslrootcert=${authority}`}`,
      ]
    : [
        `postgres://${encodeURIComponent(user)}:`,
        { secret: `${name}-app`, encoded: 'url' },
        `@${host}:${port}/${database}?sslmode=${sslmodes[tls]}`,
      ];

const client = ({ name, host, port, user, database, tls, authority }: DatabaseAddress): DatabaseClient => ({
  query: 'psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --command="$1"',
  env: {
    PGHOST: host.replaceAll(/[[\]]/g, ''),
    PGPORT: String(port),
    ...(tls === undefined ? {} : { PGUSER: user, PGSSLMODE: sslmodes[tls] }),
    PGDATABASE: database,
    PGCONNECT_TIMEOUT: '5',
    ...(tls === 'verify' ? { PGSSLROOTCERT: 'system' } : {}),
    ...(authority === undefined ? {} : verified(authority)),
  },
  secretEnv: {
    ...(tls === undefined ? { PGUSER: [{ secret: `${name}-app`, login: [user, secondLogin(user)] }] } : {}),
    PGPASSWORD: [{ secret: `${name}-app` }],
  },
});

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

const verifierFile = (name: string, secret: string, account: string, version: 'first' | 'second'): SecretFile => ({
  name,
  text: [{ secret, form: 'scram-sha-256', account, version }],
  of: [secret, beforeOf(secret)],
});

/** For who logs in, and for the accounts one-shot. */
const loginFiles = (secret: string, account: string): readonly SecretFile[] => [
  plainFile(secret),
  { name: `${secret}-verifier`, text: [{ secret, form: 'scram-sha-256', account }], of: [secret] },
];

export const postgresEngine: DatabaseEngine = {
  image: 'postgres',
  port: facts.port,
  holds: 'data and write-ahead log',
  demand,
  beside: (database, spec, profile) => [
    ...(database.vacuum === undefined ? [] : [taskDemand(vacuumName(database.name))]),
    ...(database.pgbouncer === undefined ? [] : [poolerDemand(database, spec, profile)]),
  ],
  plan,
  url,
  client,
  ping: 'SELECT 1',
  record: (version) =>
    `CREATE TABLE IF NOT EXISTS ${migrations} (version text PRIMARY KEY, ended timestamptz NOT NULL DEFAULT now()); INSERT INTO ${migrations} (version) VALUES (${literal(version)}) ON CONFLICT DO NOTHING`,
  recorded: (version) => `SELECT 1 FROM ${migrations} WHERE version = ${literal(version)}`,
  secrets: (spec, backedUp) => {
    const { name, database } = spec;
    return [
      { name: `${name}-admin`, length: 32, purpose: `superuser ${facts.superuser} of ${name}` },
      { name: `${name}-app`, length: 32, purpose: `account ${database} of ${name}`, overlaps: true },
      ...(copies(spec)
        ? [{ name: `${name}-replication`, length: 32, purpose: `account ${facts.replication.account} of ${name}, for its replicas` }]
        : []),
      ...(backedUp
        ? [{ name: backupSecret(name), length: 32, purpose: `account ${facts.backup.account} of ${name}, for its backups` }]
        : []),
    ];
  },
  secretFiles: (spec, backedUp) => {
    const { name, database } = spec;
    return [
      plainFile(`${name}-admin`),
      verifierFile(`${name}-verifier`, `${name}-app`, database, 'first'),
      verifierFile(`${name}-verifier-second`, `${name}-app`, secondLogin(database), 'second'),
      ...(copies(spec) ? loginFiles(`${name}-replication`, facts.replication.account) : []),
      ...(backedUp ? loginFiles(backupSecret(name), facts.backup.account) : []),
      ...(spec.pgbouncer === undefined ? [] : poolerFiles(spec)),
    ];
  },
};
