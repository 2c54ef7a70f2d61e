import { agentPlaces, agentProgram } from '../../model/backup/site-files.ts';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import type { ElsewherePlan } from '../../model/elsewhere-plan.ts';
import type { Plan } from '../../model/plan.ts';

const ofFamily = (engine: 'mysql' | 'mariadb', account: string): object => {
  const facts = { mysql, mariadb }[engine];
  const settings =
    engine === 'mysql' ? ['log_bin', 'gtid_mode', 'enforce_gtid_consistency', 'binlog_format'] : ['log_bin', 'binlog_format'];
  return {
    mariadb: engine === 'mariadb',
    canary: facts.canary,
    // Without what cloning takes: whoever rents a server cannot give that, and a dump does.
    grants: facts.accounts.backup.grants(account).filter((grant) => !grant.includes(mysql.cloneRight)),
    settings: settings.map((name) => `${name} = ${(facts.backupSettings as Readonly<Record<string, string>>)[name] ?? 'ON'}`),
    server: facts.server,
    client: facts.clients.sql,
    dump: facts.clients.dump,
    mysqlOnly: engine === 'mysql' ? ' --mysqlx=OFF' : '',
  };
};

/** What the administrators of databases that stand elsewhere have to do, and how one is put back there. */
export const elsewhereView = ({ kubernetes }: Plan, databases: readonly ElsewherePlan[]): object => ({
  databases: databases.map(({ engine, agent, user, tls, slot, ...database }) => ({
    ...database,
    agent,
    user,
    slot,
    postgres: engine === 'postgres',
    tls: tls !== 'off',
    hostType: tls === 'off' ? 'host' : 'hostssl',
    // An account has neither quotes nor backslashes in it.
    id: `"${user}"`,
    literal: `'${user}'`,
    hbaUser: /^[a-z0-9_]+$/.test(user) ? user : `"${user}"`,
    run: kubernetes ? `kubectl -n ${kubernetes.namespace} exec ${agent}-0 -c ${agent} --` : `docker compose exec -T ${agent}`,
    program: agentProgram.join(' '),
    config: agentPlaces.config,
    ...(engine === 'postgres' ? {} : ofFamily(engine, user)),
  })),
});
