import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { BackupLab, password } from './backup-agent.ts';
import { run } from './process.ts';

const root = 'adm1nPassw0rd';
const account = 'berth_backup';
/** What an account of backups does, each by its name. */
const jobs = [
  'a full backup',
  'the log',
  'counts of every table',
  'the time in the canary',
  'all that a restore has to bring back',
] as const;
type Job = (typeof jobs)[number];

/** Which jobs fail of a new agent; `expected` is what a restore brings back with every right. */
async function failing(lab: BackupLab, written: () => Promise<string>, expected?: readonly string[]): Promise<readonly Job[]> {
  const agent = lab.agent();
  try {
    const failed: Job[] = [];
    const before = await written();
    if ((await agent.try('open')).failed !== undefined) failed.push('the log');
    const full = await agent.try('full');
    if (full.failed !== undefined) return [...failed, 'a full backup'];
    const { databases, tables, tablesHashed } = full.answer.facts;
    if (!databases.includes('shop') || tables === 0 || tables !== tablesHashed) failed.push('counts of every table');
    if (failed.length === 0) {
      const shipped = await agent.try('ship');
      if (shipped.failed !== undefined || shipped.answer.kind !== 'shipped') failed.push('the log');
    }
    if ((await written()) === before) failed.push('the time in the canary');
    if (failed.length > 0 || expected === undefined) return failed;
    const restored = await agent.try('restore');
    return restored.failed === undefined && JSON.stringify(namesIn(restored.answer)) === JSON.stringify(expected)
      ? []
      : ['all that a restore has to bring back'];
  } finally {
    await agent.end();
  }
}

// oxlint-disable-next-line typescript/no-explicit-any -- what the agent answers
const namesIn = ({ facts }: any): readonly string[] =>
  facts.databases
    .flatMap(
      ({
        tables,
        objects = [],
      }: {
        readonly tables: readonly { readonly name: string }[];
        readonly objects?: readonly { readonly name: string }[];
      }) => [...tables, ...objects].map(({ name }) => name),
    )
    .sort();

describe.each(['mysql', 'mariadb'] as const)('of what the account of backups may do in %s, nothing is needless:', (engine) => {
  const facts = { mysql, mariadb }[engine];
  const lab = new BackupLab(engine, { port: 3306, path: '/usr/sbin' }, 'grants');
  const client = [facts.clients.sql, '-uroot', '--default-character-set=utf8mb4', '-N', '-B'];
  const sql = async (statements: string): Promise<string> =>
    run(['docker', 'exec', '-i', '-e', `MYSQL_PWD=${root}`, lab.database, ...client], { input: statements });
  const written = () => sql('SELECT moment FROM berth_canary.canary');
  const granted = facts.accounts.backup.grants(account);
  const rights = (/^GRANT (.*) ON \*\.\*/.exec(granted[0] ?? '')?.[1] ?? '').split(', ');

  beforeAll(async () => {
    const init = `#!/bin/bash
cat >/tmp/first.sql <<'SQL'
CREATE USER ${account}@'%' IDENTIFIED BY '${password}';
CREATE DATABASE berth_canary;
CREATE TABLE berth_canary.canary (id TINYINT PRIMARY KEY, moment DATETIME(6) NOT NULL) ENGINE = InnoDB;
INSERT INTO berth_canary.canary VALUES (1, '2020-01-01');
${engine === 'mariadb' ? 'CREATE PROCEDURE berth_canary.unlogged() SQL SECURITY DEFINER SET SESSION sql_log_bin = 0;' : ''}
${granted.map((grant) => `${grant};`).join('\n')}
CREATE DATABASE shop; USE shop;
CREATE USER app@'%' IDENTIFIED BY 'appPassw0rd'; GRANT ALL ON shop.* TO app@'%';
CREATE TABLE ledger (id int PRIMARY KEY AUTO_INCREMENT, n int); INSERT INTO ledger (n) VALUES (1);
CREATE TABLE audit (n int);
CREATE DEFINER = app@'%' VIEW seen AS SELECT n FROM ledger;
DELIMITER //
CREATE DEFINER = app@'%' TRIGGER noted AFTER INSERT ON ledger FOR EACH ROW BEGIN INSERT INTO audit VALUES (NEW.n); END//
CREATE DEFINER = app@'%' PROCEDURE counted() BEGIN SELECT COUNT(*) FROM ledger; END//
CREATE DEFINER = app@'%' EVENT tick ON SCHEDULE EVERY 1 DAY DO INSERT INTO audit VALUES (0)//
DELIMITER ;
SQL
MYSQL_PWD=${root} ${facts.clients.sql} -uroot </tmp/first.sql
`;
    const log = {
      mysql: ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
      mariadb: ['--log-bin=binlog', '--binlog-format=ROW', '--gtid-strict-mode=ON'],
    };
    const ping = ['-e', `MYSQL_PWD=${root}`, lab.database, facts.clients.admin, '-uroot', '-h127.0.0.1', 'status'];
    const variable = { mysql: 'MYSQL_ROOT_PASSWORD', mariadb: 'MARIADB_ROOT_PASSWORD' }[engine];
    await lab.begin(init, ['-e', `${variable}=${root}`], [facts.server, '--server-id=1', '--event-scheduler=OFF', ...log[engine]], ping);
  });
  afterAll(() => lab.end());

  const all = ['audit', 'event tick', 'ledger', 'procedure counted', 'trigger noted', 'view seen'];

  test('with all of it, every job is done', async () => {
    await sql('INSERT INTO shop.ledger (n) VALUES (2)');
    expect(await failing(lab, written, all)).toEqual([]);
  });

  test.each(rights.map((right) => ({ right })))('without $right one job fails', async ({ right }) => {
    await sql(`REVOKE ${right} ON *.* FROM ${account}@'%'; INSERT INTO shop.ledger (n) VALUES (3)`);
    const failed = await failing(lab, written, all);
    await sql(granted.map((grant) => `${grant};`).join(' '));
    expect(failed).not.toEqual([]);
  });

  test('without UPDATE of the canary no time is written', async () => {
    await sql(`REVOKE UPDATE ON berth_canary.canary FROM ${account}@'%'; INSERT INTO shop.ledger (n) VALUES (4)`);
    expect(await failing(lab, written)).toEqual(['the time in the canary']);
    await sql(granted.map((grant) => `${grant};`).join(' '));
  });
});

describe('of what the account of backups may do in PostgreSQL, nothing is needless:', () => {
  const lab = new BackupLab('postgres', { port: 5432, path: '/usr/lib/postgresql/17/bin' }, 'grants');
  const sql = async (statement: string): Promise<string> =>
    run(['docker', 'exec', '-i', lab.database, 'psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres'], { input: statement });
  const written = () => sql('SELECT moment FROM berth.canary');
  beforeAll(async () => {
    const init = `#!/bin/bash
echo 'host replication ${account} all scram-sha-256' >>"$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 -U postgres <<'SQL'
CREATE ROLE ${account} LOGIN REPLICATION PASSWORD '${password}';
GRANT pg_read_all_data TO ${account};
CREATE SCHEMA berth;
CREATE TABLE berth.canary (one boolean PRIMARY KEY DEFAULT true CHECK (one), moment timestamptz NOT NULL);
INSERT INTO berth.canary (moment) VALUES ('2020-01-01');
GRANT UPDATE (moment) ON berth.canary TO ${account};
CREATE DATABASE shop;
REVOKE CONNECT, TEMPORARY ON DATABASE shop FROM PUBLIC;
GRANT CONNECT ON DATABASE shop TO ${account};
\\connect shop
CREATE TABLE ledger (n int);
SQL
`;
    const options = ['-e', 'POSTGRES_PASSWORD=admin', '-e', 'POSTGRES_INITDB_ARGS=--data-checksums'];
    await lab.begin(init, options, ['postgres', '-c', 'summarize_wal=on'], [lab.database, 'pg_isready', '-h', '127.0.0.1', '-q']);
  });
  afterAll(() => lab.end());

  test.each([
    { what: 'REPLICATION', take: `ALTER ROLE ${account} NOREPLICATION`, give: `ALTER ROLE ${account} REPLICATION` },
    { what: 'pg_read_all_data', take: `REVOKE pg_read_all_data FROM ${account}`, give: `GRANT pg_read_all_data TO ${account}` },
    { what: 'CONNECT', take: `REVOKE CONNECT ON DATABASE shop FROM ${account}`, give: `GRANT CONNECT ON DATABASE shop TO ${account}` },
    {
      what: 'UPDATE of the canary',
      take: `REVOKE UPDATE (moment) ON berth.canary FROM ${account}`,
      give: `GRANT UPDATE (moment) ON berth.canary TO ${account}`,
    },
  ])('without $what one job fails', async ({ take, give }) => {
    await sql(take);
    const failed = await failing(lab, written);
    await sql(give);
    expect(failed).not.toEqual([]);
  });
});
