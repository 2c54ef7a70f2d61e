import type { Artifact } from '../../model/artifact.ts';
import { mariadb } from '../../model/engines/mariadb.ts';
import { ownershipOf } from '../../model/engines/mysql-family.ts';
import { mysql } from '../../model/engines/mysql.ts';
import type { DatabasePlan } from '../../model/plan.ts';
import { fill } from './fill.ts';
import type { Templates } from './fill.ts';
import { generated } from './generated.ts';
import { quote } from './quote.ts';

const text = (value: string): string => quote('sql', value);

/** How each engine stores what it knows of an account, and is told a verifier instead of a password. */
const dialects = {
  mysql: {
    identified: `IDENTIFIED WITH ${mysql.authentication} AS `,
    state: `CONCAT_WS(' ', plugin, authentication_string, account_locked, password_expired) FROM mysql.user`,
    open: 'N N',
  },
  mariadb: {
    identified: `IDENTIFIED VIA ${mariadb.authentication} USING `,
    state: `CONCAT_WS(' ', JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'), IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'locked', 'open')) FROM mysql.global_priv`,
    open: 'open',
  },
} as const;

function accountView(engine: 'mysql' | 'mariadb', name: string, account: string, database: string, verifierFile: string): object {
  const { host, because, grants } = mysql.accounts[name as 'application' | 'health'];
  const user = `${text(account)}@${text(host)}`;
  const { identified, state } = dialects[engine];
  return {
    because,
    verifierFile,
    state: `SELECT ${state} WHERE user = ${text(account)} AND host = ${text(host)}`,
    create: `CREATE USER IF NOT EXISTS ${user} ${identified}`,
    alter: `ALTER USER ${user} ${identified}`,
    showGrants: `SHOW GRANTS FOR ${user}`,
    granted: grants(account, database).join('\n'),
    revoke: `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${user}`,
    grants: name === 'application' ? [`GRANT ${ownershipOf(database)} TO ${user}`] : [],
  };
}

/** config/ of one MySQL or MariaDB. */
export function renderMysql(plan: DatabasePlan, engine: 'mysql' | 'mariadb', templates: Templates): readonly Artifact[] {
  const facts = engine === 'mysql' ? mysql : mariadb;
  const { service, database, account } = plan;
  const secret = (name: string): string => `/run/secrets/${service}-${name}`;
  const view = {
    ...facts,
    ...plan,
    pidFile: `${facts.socketFolder}/mysqld.pid`,
    timeZone: '+00:00',
    client: facts.clients.sql,
    clientFile: secret('admin-client'),
    plugin: facts.authentication,
    open: dialects[engine].open,
    findDatabase: `SELECT 1 FROM information_schema.schemata WHERE schema_name = ${text(database)}`,
    createDatabase: `CREATE DATABASE \`${database}\``,
    accounts: [
      accountView(engine, 'application', account, database, secret('verifier')),
      accountView(engine, 'health', facts.healthAccount, database, secret('health-verifier')),
    ],
  };
  return [
    generated(`config/${service}/berth.cnf`, fill(templates, 'database/my.cnf.hbs', 'mycnf', view)),
    generated(`config/${service}/start.sh`, fill(templates, 'database/start.sh.hbs', 'shell', view)),
    generated(`config/${service}-first-start/kept.sh`, fill(templates, 'database/first-start.sh.hbs', 'shell', view)),
    generated(`config/${service}-accounts/accounts.sh`, fill(templates, 'database/mysql-accounts.sh.hbs', 'shell', view)),
  ];
}
