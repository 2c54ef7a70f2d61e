import type { Artifact } from '../../model/artifact.ts';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysqlFamily, ownershipOf } from '../../model/engines/mysql-family.ts';
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
    identified: `IDENTIFIED WITH ${mysql.authentication} AS`,
    state: `CONCAT_WS(' ', plugin, authentication_string, account_locked, password_expired) FROM mysql.user`,
    open: 'N N',
  },
  mariadb: {
    identified: `IDENTIFIED VIA ${mariadb.authentication} USING`,
    state: `CONCAT_WS(' ', JSON_VALUE(Priv, '$.plugin'), JSON_VALUE(Priv, '$.authentication_string'), IF(JSON_VALUE(Priv, '$.account_locked') IN ('1', 'true'), 'locked', 'open')) FROM mysql.global_priv`,
    open: 'open',
  },
} as const;

interface AccountInput {
  readonly kind: keyof typeof mysqlFamily.accounts;
  readonly name: string;
  readonly database: string;
  readonly verifierFile: string;
}

function accountView({ kind, name, database, verifierFile }: AccountInput): object {
  const { host, because, grants } = mysqlFamily.accounts[kind];
  const [account, from] = [text(name), text(host)];
  return {
    because,
    verifierFile,
    name: account,
    host: from,
    granted: grants(name, database).join('\n'),
    grants: kind === 'application' ? [`GRANT ${ownershipOf(database)} TO ${account}@${from}`] : [],
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
    ...dialects[engine],
    databaseText: text(database),
    accounts: [
      accountView({ kind: 'application', name: account, database, verifierFile: secret('verifier') }),
      accountView({ kind: 'health', name: facts.healthAccount, database, verifierFile: secret('health-verifier') }),
    ],
  };
  return [
    generated(`config/${service}/berth.cnf`, fill(templates, 'database/my.cnf.hbs', 'mycnf', view)),
    generated(`config/${service}/start.sh`, fill(templates, 'database/start.sh.hbs', 'shell', view)),
    generated(`config/${service}-first-start/kept.sh`, fill(templates, 'database/first-start.sh.hbs', 'shell', view)),
    generated(`config/${service}-accounts/accounts.sh`, fill(templates, 'database/mysql-accounts.sh.hbs', 'shell', view)),
  ];
}
