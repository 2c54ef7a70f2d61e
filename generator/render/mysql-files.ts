import type { Artifact } from '../../model/artifact.ts';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { authorityFile } from '../../model/internal-tls.ts';
import type { DatabasePlan, ReplicaPlan } from '../../model/database-plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';
import { quote } from './quote.ts';

const text = (value: string): string => quote('sql', value);

/** How each engine stores what it knows of an account, and is told a verifier instead of a password. */
const dialects = {
  mysql: {
    identified: `IDENTIFIED WITH ${mysql.authentication} AS`,
    // The password in force, and the one that was kept beside it.
    state: `CONCAT_WS(' ', plugin, authentication_string, COALESCE(User_attributes->>'$.additional_password', '-'), account_locked, password_expired) FROM mysql.user`,
    open: 'N N',
    both: undefined,
    // What stands in berth.cnf, turned for a replica that is none any more, and for one that is just being copied.
    writable: '--super-read-only=OFF --read-only=OFF',
    promoted: '--event-scheduler=ON',
    takesWrites: 'SET GLOBAL super_read_only = OFF; SET GLOBAL read_only = OFF; SET GLOBAL event_scheduler = ON;',
    follow: (host: string, _account: string, tls: string) =>
      `CHANGE REPLICATION SOURCE TO SOURCE_HOST = ${text(host)}, SOURCE_PORT = ${mysql.port}, SOURCE_AUTO_POSITION = 1, SOURCE_SSL = 1, ${tls}, SOURCE_CONNECT_RETRY = 5, SOURCE_RETRY_COUNT = 0;`,
    verified: `SOURCE_SSL_CA = ${text(authorityFile)}, SOURCE_SSL_VERIFY_SERVER_CERT = 1`,
    // Said, as what was said before would hold.
    unverified: `SOURCE_SSL_CA = '', SOURCE_SSL_VERIFY_SERVER_CERT = 0`,
    // Not above: it would be written into the data.
    start: (account: string) => `USER = ${text(account)} PASSWORD = '$password'`,
    clientOptions: '',
  },
  mariadb: {
    identified: `IDENTIFIED VIA ${mariadb.authentication} USING`,
    state: `CONCAT_WS(' ', JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'), COALESCE(JSON_VALUE(Priv, '$.auth_or[1].authentication_string'), '-'), IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'locked', 'open')) FROM mysql.global_priv`,
    open: 'open',
    // It knows no second password, but any number of ways to prove who one is.
    both: `OR ${mariadb.authentication} USING`,
    writable: '--read-only=OFF',
    promoted: '',
    takesWrites: 'SET GLOBAL read_only = OFF;',
    follow: (host: string, account: string, tls: string) =>
      `CHANGE MASTER TO MASTER_HOST = ${text(host)}, MASTER_PORT = ${mariadb.port}, MASTER_USER = ${text(account)}, MASTER_PASSWORD = '$password', MASTER_USE_GTID = slave_pos, ${tls}, MASTER_CONNECT_RETRY = 5;`,
    verified: `MASTER_SSL = 1, MASTER_SSL_CA = ${text(authorityFile)}, MASTER_SSL_VERIFY_SERVER_CERT = 1`,
    unverified: `MASTER_SSL_CA = ''`,
    start: () => '',
    // As its health check: its client refuses a certificate that nobody signed, unless the login proves the server.
    clientOptions: '--skip-ssl ',
  },
} as const;

/** Whence replicas and backups log in. */
const anywhere = mysql.accounts.replication.host;

type Facts = typeof mysql | typeof mariadb;
interface AccountInput {
  readonly kind: keyof Facts['accounts'];
  readonly name: string;
  readonly database: string;
  readonly verifierFile: string;
  /** Empty, or the version that counts beside it. */
  readonly beforeFile?: string;
}

function accountView({ accounts }: Facts, { kind, name, database, verifierFile, beforeFile }: AccountInput): object {
  const { host, because, grants } = accounts[kind];
  const granted = grants(name, database);
  return {
    because,
    verifierFile,
    beforeFile,
    name: text(name),
    host: text(host),
    granted: granted.join('\n'),
    // Whoever exists may log in: that one is shown, and never given.
    grants: granted.filter((grant) => !grant.startsWith('GRANT USAGE ')),
  };
}

/** What a replica reads. It may have to take the primary's place, so it has all that its primary has. */
const renderReplica = (
  { engine, logBound }: DatabasePlan,
  replica: ReplicaPlan,
  view: object,
  templates: Templates,
): readonly Artifact[] => {
  const file = (name: string, template: string, format: 'mycnf' | 'shell'): Artifact =>
    generated(`config/${replica.service}/${name}`, fill(templates, `database/${template}`, format, { ...view, ...replica }));
  return [
    file('berth.cnf', 'my.cnf.hbs', 'mycnf'),
    ...(logBound === undefined ? [] : [file('keep-log.sh', 'mysql-keep-log.sh.hbs', 'shell')]),
    file('replica.sh', 'mysql-replica.sh.hbs', 'shell'),
    file('copy.sh', `${engine}-copy.sh.hbs`, 'shell'),
    file('healthy.sh', 'mysql-healthy.sh.hbs', 'shell'),
    file('promote.sh', 'mysql-promote.sh.hbs', 'shell'),
  ];
};

/** config/ of one MySQL or MariaDB. */
export function renderMysql(plan: DatabasePlan, engine: 'mysql' | 'mariadb', templates: Templates): readonly Artifact[] {
  const facts = engine === 'mysql' ? mysql : mariadb;
  const { service, database, account, replicas, backedUp, tls } = plan;
  const replicated = replicas.length > 0;
  const { follow, start, verified, unverified, ...dialect } = dialects[engine];
  const { replication, backup } = facts;
  const secret = (name: string): string => `/run/secrets/${service}-${name}`;
  const replicator = { kind: 'replication', name: replication.account, database, verifierFile: secret('replication-verifier') } as const;
  const accounts: readonly AccountInput[] = [
    { kind: 'application', name: account, database, verifierFile: secret('verifier'), beforeFile: secret('verifier-before') },
    { kind: replicated ? 'healthOfReplica' : 'health', name: facts.healthAccount, database, verifierFile: secret('health-verifier') },
    ...(replicated ? [replicator] : []),
    ...(backedUp ? [{ kind: 'backup', name: backup.account, database, verifierFile: secret('backup-verifier') } as const] : []),
  ];
  const view = {
    ...facts,
    logBound: undefined,
    ...plan,
    ...dialect,
    // By TLS the option file with its login says whom to trust.
    ...(tls ? { clientOptions: '', authority: authorityFile } : { authority: undefined }),
    pidFile: `${facts.socketFolder}/mysqld.pid`,
    timeZone: '+00:00',
    serverId: 1,
    client: facts.clients.sql,
    folder: facts.configFolder,
    restoredFolder: facts.restoredFolder,
    clientFile: secret('admin-client'),
    plugin: facts.authentication,
    databaseText: text(database),
    cloned: (replicated || backedUp) && engine === 'mysql',
    unlogged: engine === 'mariadb',
    files: plan.settings.find(({ name }) => name === 'open_files_limit')?.value,
    upgradeMark: engine === 'mariadb' ? mariadb.upgradeMark : undefined,
    accounts: accounts.map((one) => accountView(facts, one)),
    unwanted: [
      ...(replicated ? [] : [{ name: replication.account, because: 'Nothing follows this server, so nobody may copy it.' }]),
      ...(backedUp ? [] : [{ name: backup.account, because: 'Nobody makes backups of it.' }]),
    ].map(({ name, because }) => ({ because, name: text(name), host: text(anywhere) })),
  };
  const forReplica = {
    ...view,
    ...replication,
    primary: service,
    markName: replication.markFile.slice(facts.dataFolder.length + 1),
    dump: facts.clients.dump,
    admin: facts.clients.admin,
    gtids: engine === 'mysql',
    follow: follow(service, replication.account, tls ? verified : unverified),
    start: start(replication.account),
    healthFile: secret('health-client'),
    replicationFile: secret('replication-client'),
  };
  return [
    ...replicas.flatMap((replica) => renderReplica(plan, replica, forReplica, templates)),
    generated(`config/${service}/berth.cnf`, fill(templates, 'database/my.cnf.hbs', 'mycnf', view)),
    ...(plan.logBound === undefined
      ? []
      : [generated(`config/${service}/keep-log.sh`, fill(templates, 'database/mysql-keep-log.sh.hbs', 'shell', view))]),
    generated(`config/${service}/start.sh`, fill(templates, 'database/start.sh.hbs', 'shell', view)),
    generated(`config/${service}-first-start/kept.sh`, fill(templates, 'database/first-start.sh.hbs', 'shell', view)),
    generated(`config/${service}-accounts/accounts.sh`, fill(templates, 'database/mysql-accounts.sh.hbs', 'shell', view)),
  ];
}
