import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import type { mariadb } from '../../../model/engines/mariadb.ts';
import type { mysql } from '../../../model/engines/mysql.ts';
import { beforeOf } from '../../../model/planned-secret.ts';
import type { PlannedSecret, SecretFile } from '../../../model/planned-secret.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import { mib, seconds } from '../../../model/units.ts';
import { backupSecret } from './copied-databases.ts';
import { accountsTask, databaseServer, noData } from './database-parts.ts';
import { copiesOf, migrations } from './database-engine.ts';
import type { DatabaseEngine, DatabaseInput } from './database-engine.ts';
import { trustedFiles } from './internal-tls.ts';
import { clientOptions, reachedBy } from './mysql-tls.ts';
import { plainFile } from '../secret-file.ts';

type Facts = typeof mysql | typeof mariadb;

/** An answer to a command line is enough: while the server starts, or prepares an empty volume, nothing listens on its port. */
const ping = (facts: Facts, name: string, internalTls: boolean): readonly [string, ...string[]] => [
  facts.clients.admin,
  `--defaults-extra-file=/run/secrets/${name}-health-client`,
  '--host=127.0.0.1',
  `--port=${facts.port}`,
  '--protocol=tcp',
  '--connect-timeout=4',
  // MariaDB's clients refuse a certificate that nobody signed, unless the login itself proves the server; before the account is there, it cannot.
  ...(facts.image === 'mariadb' && !internalTls ? ['--skip-ssl'] : []),
  '--silent',
  'ping',
];

const socket = { path: mysqlFamily.socketFolder, size: mib(mysqlFamily.socketMiB), mode: '1777' };
const tmp = { path: '/tmp', size: mib(mysqlFamily.tmpMiB), mode: '1777' };

/** The container of the server; `served` is what it has to speak TLS with. */
export function serverOf(
  facts: Facts,
  input: DatabaseInput,
  nofile: number,
  user: string,
  served: PlannedService['secretFiles'],
): PlannedService {
  const { name } = input.database;
  const ready = ping(facts, name, input.spec.internalTls);
  return databaseServer(facts, input, user, {
    title: facts.title,
    entrypoint: ['/bin/bash', `${facts.configFolder}/start.sh`],
    command: [facts.server],
    env: {
      [facts.passwordVariable]: `/run/secrets/${name}-admin`,
      // The task that makes accounts comes by the network, from an address that only the network knows; a pattern of today's would shut it out when `network` changes.
      [facts.hostVariable]: '%',
      ...(facts.image === 'mariadb' ? { MARIADB_AUTO_UPGRADE: '1' } : {}),
    },
    secretFiles: [`${name}-admin`, `${name}-admin-client`, `${name}-health-client`, ...served],
    mounts: [
      { source: `config/${name}`, target: facts.configFolder, restarts: true },
      // Read once, on an empty volume: a change of it is no reason to restart a database.
      { source: `config/${name}-first-start`, target: facts.initFolder, restarts: false },
    ],
    tmpfs: [socket, tmp],
    nofile,
    healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(120) },
    probes: {
      ready: { argv: ready },
      // Where nothing listens it starts, recovers or stops: it works, and a restart would make it begin again. Its process ends by itself when it cannot go on.
      live: { argv: ['/bin/bash', '-c', `${ready.join(' ')} || ! (: </dev/tcp/127.0.0.1/${facts.port}) 2>/dev/null`] },
    },
    stopSignal: 'SIGTERM',
    stopGrace: seconds(120),
  });
}

/** The task that creates and reconciles its accounts. */
export const accountsOf = (facts: Facts, { database, spec }: DatabaseInput, backedUp: boolean, size: Size, user: string): PlannedService =>
  accountsTask(facts, database.name, size, user, {
    purpose: 'accounts',
    entrypoint: ['/bin/sh', '/etc/berth/accounts/accounts.sh'],
    env: {},
    secretFiles: [
      ...[
        'admin-client',
        'verifier',
        'verifier-before',
        'health-verifier',
        ...(copiesOf(database).length > 0 ? ['replication-verifier'] : []),
        ...(backedUp ? ['backup-verifier'] : []),
      ].map((file) => `${database.name}-${file}`),
      ...trustedFiles(spec),
    ],
    tmpfs: [tmp, noData(facts)],
  });

const clientFile = (name: string, account: string, secret: string, options: string): SecretFile => ({
  name: `${name}-client`,
  text: [`[client]\nuser=${account}\npassword=`, { secret, form: 'plain' }, `\n${options}`],
  of: [secret],
});

const literal = (text: string): string => `'${text.replaceAll(/['\\]/g, (character) => `\\${character}`)}'`;

/** What does not depend on how an engine spends its memory. */
export const accessOf = (
  facts: Facts,
): Pick<
  DatabaseEngine,
  'image' | 'port' | 'holds' | 'url' | 'saysTls' | 'client' | 'ping' | 'record' | 'recorded' | 'secrets' | 'secretFiles'
> => ({
  image: facts.image,
  port: facts.port,
  holds: 'data, redo log, and three days of binary log',
  url: ({ name, host, port, user, database, tls, authority, runtime }) => [
    `mysql://${encodeURIComponent(user)}:`,
    tls === undefined ? { secret: `${name}-app` } : { secret: `${name}-app`, encoded: 'url' },
    `@${host}:${port}/${database}${authority === undefined ? '' : reachedBy(runtime ?? 'other')}`,
  ],
  saysTls: false,
  client: ({ name, host, port, user, database, tls, authority }) => ({
    // By standard input, as neither a command line nor an option file of the image may hold it.
    query: `printf '[client]\\npassword="%s"\\n' "$DATABASE_PASSWORD" | ${[
      facts.clients.sql,
      '--defaults-extra-file=/dev/stdin',
      `--host=${host.replaceAll(/[[\]]/g, '')}`,
      `--port=${port}`,
      `--user=${user}`,
      `--database=${database}`,
      ...(tls === undefined ? [] : facts.clients.tls[tls]),
      ...(authority === undefined ? [] : [...facts.clients.tls.verify, `--ssl-ca=${authority}`]),
      '--connect-timeout=5 --batch --skip-column-names --execute="$1"',
    ].join(' ')}`,
    env: {},
    secretEnv: { DATABASE_PASSWORD: [{ secret: `${name}-app` }] },
  }),
  ping: 'SELECT 1',
  // A key of an index holds a hash, however long a command is.
  record: (version) =>
    `CREATE TABLE IF NOT EXISTS ${migrations} (version char(64) PRIMARY KEY, ended timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP); INSERT IGNORE INTO ${migrations} (version) VALUES (SHA2(${literal(version)}, 256))`,
  recorded: (version) => `SELECT 1 FROM ${migrations} WHERE version = SHA2(${literal(version)}, 256)`,
  secrets: (spec, backedUp): readonly PlannedSecret[] => {
    const { name, database } = spec;
    return [
      { name: `${name}-admin`, length: 32, purpose: `administrator ${facts.administrator} of ${name}` },
      { name: `${name}-app`, length: 32, purpose: `account ${database} of ${name}`, overlaps: true },
      { name: `${name}-health`, length: 32, purpose: `account ${facts.healthAccount} of ${name}, for its health check` },
      ...(copiesOf(spec).length > 0
        ? [{ name: `${name}-replication`, length: 32, purpose: `account ${facts.replication.account} of ${name}, for its replicas` }]
        : []),
      ...(backedUp
        ? [{ name: backupSecret(name), length: 32, purpose: `account ${facts.backup.account} of ${name}, for its backups` }]
        : []),
    ];
  },
  secretFiles: (spec, backedUp, internalTls) => {
    const { name } = spec;
    const options = internalTls ? clientOptions(facts.image) : '';
    return [
      plainFile(`${name}-admin`),
      clientFile(`${name}-admin`, facts.administrator, `${name}-admin`, options),
      clientFile(`${name}-health`, facts.healthAccount, `${name}-health`, options),
      { name: `${name}-verifier`, text: [{ secret: `${name}-app`, form: facts.verifier }], of: [`${name}-app`] },
      {
        name: `${name}-verifier-before`,
        text: [{ secret: `${name}-app`, form: facts.verifier, version: 'before' }],
        of: [`${name}-app`, beforeOf(`${name}-app`)],
      },
      { name: `${name}-health-verifier`, text: [{ secret: `${name}-health`, form: facts.verifier }], of: [`${name}-health`] },
      ...(copiesOf(spec).length > 0
        ? [
            clientFile(`${name}-replication`, facts.replication.account, `${name}-replication`, options),
            {
              name: `${name}-replication-verifier`,
              text: [{ secret: `${name}-replication`, form: facts.verifier }],
              of: [`${name}-replication`],
            } satisfies SecretFile,
          ]
        : []),
      ...(backedUp
        ? [
            plainFile(backupSecret(name)),
            {
              name: `${backupSecret(name)}-verifier`,
              text: [{ secret: backupSecret(name), form: facts.verifier }],
              of: [backupSecret(name)],
            } satisfies SecretFile,
          ]
        : []),
    ];
  },
});
