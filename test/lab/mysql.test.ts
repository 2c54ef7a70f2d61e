import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import type { EngineSetting } from '../../model/engine-setting.ts';
import { askMysql, expectMysqlSettings } from './engine-settings.ts';
import { rotateUnderLoad } from './gentle-rotation.ts';
import { isHealthy } from './house.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { killOnce, until } from './until.ts';
import { Visitor } from './visitor.ts';

interface PlanJson {
  readonly databases: readonly { readonly settings: readonly EngineSetting[] }[];
  readonly decisions: readonly { readonly key: string; readonly value: string }[];
  readonly services: readonly { readonly name: string; readonly size: { readonly memory: number; readonly pids: number } }[];
}

describe.each([
  { engine: 'mysql', facts: mysql, http: 18_080, https: 18_443, dump: 'mysqldump' },
  { engine: 'mariadb', facts: mariadb, http: 18_081, https: 18_444, dump: 'mariadb-dump' },
] as const)('a site with $engine, of profile minimum', ({ engine, facts, http, https, dump }) => {
  const name = `lab-${engine}`;
  const database = name.replace('-', '_');
  // A name of its own: another checkout may be trying its sample at the same time.
  const image = `berth/hello-${name}:0.1.0`;
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  let plan: PlanJson;
  let firstUp: RunResult;

  const ask = (sql: string): Promise<string> => askMysql(site, facts.clients.sql, sql);
  const passwordOfApp = (): string => /mysql:\/\/[^:]+:([^@]+)@/.exec(site.read('secrets/web.env'))?.[1] ?? '';
  /** The same as the application, over the network as it comes. */
  const askAsApp = (sql: string, password = passwordOfApp()): Promise<RunResult> =>
    site.operator.attempt(
      `docker compose exec -T -e MYSQL_PWD=${password} database ${facts.clients.sql} --host=database --protocol=tcp --user=${database} --database=${database} --batch --skip-column-names`.split(
        ' ',
      ),
      site.folder,
      sql,
    );
  const containerOf = (service: string): Promise<string> => run(['docker', 'ps', '-aq', '--filter', `name=^${name}-${service}-1$`]);
  const untilHealthy = async (): Promise<void> => {
    const id = await containerOf('database');
    await until(async () => (await run(['docker', 'inspect', '--format', '{{.State.Health.Status}}', id])) === 'healthy', 'it is healthy');
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [`databases.database.engine=${engine}`, `edge.http=${http}`, `edge.https=${https}`, `services.web.image=${image}`];
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...set.flatMap((one) => ['--set', one])], operator.home);
    plan = JSON.parse(await site.berth('plan', '--json')) as PlanJson;
    await operator.run(['docker', 'build', '--quiet', '--tag', image, 'app'], site.folder);
    firstUp = await site.up();
    visitor = new Visitor(site.read('secrets/tls/ca.crt'), https);
  });
  afterAll(async () => {
    visitor?.close();
    await site?.remove();
    await operator?.attempt(['docker', 'image', 'rm', image], operator.home);
    operator?.[Symbol.dispose]();
  });

  test('comes up healthy from an empty folder with `docker compose up -d --wait`', async () => {
    expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
    const answer = await visitor.until('/api/health', isHealthy);
    expect(JSON.parse(answer.body)).toMatchObject({ checks: { database: { status: 'healthy' } } });
  });

  test('keeps what visitors leave', async () => {
    const { visits } = await visitor.json<{ visits: number }>('/api/visits');
    expect((await visitor.json<{ visits: number }>('/api/visits')).visits).toBe(visits + 1);
    const left = await visitor.ask({ path: '/notes', method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'grüße 🚢' });
    expect([201, 303]).toContain(left.status);
    expect(await ask(`SELECT count(*) FROM ${database}.notes`)).toBe('1');
  });

  test('is accepted by the server’s own check of its options', async () => {
    const options = engine === 'mysql' ? ['--validate-config', '--log-error-verbosity=2'] : ['--help', '--verbose'];
    const checked = await site.operator.attempt(['docker', 'compose', 'exec', '-T', 'database', facts.server, ...options], site.folder);
    expect(checked.code, checked.stderr.slice(-2000)).toBe(0);
    expect(checked.stderr).not.toMatch(/\[(Warning|ERROR)\].*(deprecated|unknown|ignored)/i);
    site.edit('config/database/berth.cnf', (text) => text.replace('max_connections', 'max_konnections'));
    const mistyped = await site.operator.attempt(['docker', 'compose', 'exec', '-T', 'database', facts.server, ...options], site.folder);
    site.edit('config/database/berth.cnf', (text) => text.replace('max_konnections', 'max_connections'));
    expect(mistyped.stdout + mistyped.stderr).toContain('max_konnections');
    expect(mistyped.code).not.toBe(0);
  });

  test('runs with exactly the settings of the plan', async () => {
    await expectMysqlSettings(ask, engine, facts, plan.databases[0]?.settings ?? []);
  });

  test('gives each account what the facts of the engine say, and no more', async () => {
    const { application, health } = facts.accounts;
    const grantsOf = async (account: string, host: string) =>
      (await ask(`SHOW GRANTS FOR '${account}'@'${host}'`)).split('\n').map((line) => line.replace(/ IDENTIFIED .*/, ''));
    expect(await grantsOf(database, application.host)).toEqual(application.grants(database, database));
    expect(await grantsOf(facts.healthAccount, health.host)).toEqual(health.grants(facts.healthAccount));
    const expected = [`${database}@%`, `${facts.healthAccount}@127.0.0.1`, 'root@%', 'root@localhost'];
    const own = (await ask("SELECT concat(user, '@', host) FROM mysql.user WHERE user NOT LIKE 'm%.%' AND user <> 'healthcheck'")).split(
      '\n',
    );
    expect(own.filter((account) => account !== '').sort()).toEqual(expected.sort());
    expect(await ask(`SELECT plugin FROM mysql.user WHERE user = '${database}'`)).toBe(facts.authentication);
  });

  test('lets the application do all that a schema of its own needs, and nothing beside it', async () => {
    const enough = await askAsApp(`
      CREATE TABLE lab_a (id int PRIMARY KEY, name varchar(20), INDEX (name));
      CREATE TABLE lab_b (a int, FOREIGN KEY (a) REFERENCES lab_a (id));
      ALTER TABLE lab_a ADD COLUMN more int;
      INSERT INTO lab_a VALUES (1, 'x', 2); UPDATE lab_a SET more = 3; DELETE FROM lab_a WHERE id = 7;
      CREATE VIEW lab_view AS SELECT id FROM lab_a;
      CREATE TRIGGER lab_trigger BEFORE INSERT ON lab_a FOR EACH ROW SET NEW.more = 1;
      CREATE FUNCTION lab_function() RETURNS int DETERMINISTIC RETURN 4;
      CREATE EVENT lab_event ON SCHEDULE EVERY 1 DAY DO DELETE FROM lab_b;
      CREATE TEMPORARY TABLE lab_temporary (x int);
      LOCK TABLES lab_a WRITE; UNLOCK TABLES;
      SELECT lab_function() + count(*) FROM lab_view;
      DROP EVENT lab_event; DROP FUNCTION lab_function; DROP VIEW lab_view; DROP TABLE lab_b, lab_a;`);
    expect(enough, enough.stderr).toMatchObject({ code: 0 });
    expect(enough.stdout.trim()).toBe('5');
    for (const refused of [
      'SELECT * FROM mysql.user',
      'CREATE DATABASE other',
      `CREATE DATABASE ${database.replace('_', 'x')}`,
      'SET GLOBAL max_connections = 1',
      "CREATE USER lab_user@'%' IDENTIFIED BY 'x'",
      `GRANT SELECT ON ${database}.* TO root@'%'`,
      "SELECT 1 INTO OUTFILE '/tmp/lab'",
      "SELECT length(load_file('/run/secrets/database-admin')) + 1",
    ]) {
      const { code, stdout, stderr } = await askAsApp(refused);
      // A file that may not be read is NULL, not an error.
      if (code === 0) expect([refused, stdout.trim()]).toEqual([refused, 'NULL']);
      else expect([refused, /denied|need .*privilege|--secure-file-priv/.test(stderr)]).toEqual([refused, true]);
    }
  });

  test('takes memory, threads and files within its limits', async () => {
    const pid = await run(['docker', 'inspect', '--format', '{{.State.Pid}}', await containerOf('database')]);
    const limits = await run(['cat', `/proc/${pid}/limits`]);
    const files = plan.decisions.find(({ key }) => key === 'database.open_files_limit')?.value;
    expect(/Max open files\s+(\d+)\s+(\d+)/.exec(limits)?.slice(1)).toEqual([files, files]);
    const { memory = 0, pids = 0 } = plan.services.find((service) => service.name === 'database')?.size ?? {};
    const status = await run(['cat', `/proc/${pid}/status`]);
    expect(Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024).toBeLessThan(0.9 * memory);
    expect(Number(/Threads:\s+(\d+)/.exec(status)?.[1])).toBeLessThan(pids);
  });

  test('answers the task with nothing to do, and keeps every container, on a second `up`', async () => {
    const point = `SELECT @@${engine === 'mysql' ? 'gtid_executed' : 'gtid_binlog_pos'}`;
    const [ids, before] = [await site.ids(), await ask(point)];
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(ids);
    expect(await ask(point)).toBe(before);
  });

  test('brings back what was changed by hand: a password, a lock, a grant too much, one too few', async () => {
    const user = `'${database}'@'%'`;
    const pattern = database.replace('_', '\\_');
    for (const change of [
      `ALTER USER ${user} IDENTIFIED BY 'another'`,
      `ALTER USER ${user} ACCOUNT LOCK`,
      `GRANT SELECT ON *.* TO ${user}; GRANT INSERT ON mysql.* TO ${user}`,
      `REVOKE CREATE ON \`${pattern}\`.* FROM ${user}`,
    ]) {
      await ask(change);
      expect(await site.up()).toMatchObject({ code: 0 });
      const found = (await ask(`SHOW GRANTS FOR ${user}`)).split('\n').map((line) => line.replace(/ IDENTIFIED .*/, ''));
      expect([change, found]).toEqual([change, facts.accounts.application.grants(database, database)]);
      expect([change, (await askAsApp('SELECT 1')).stdout.trim()]).toEqual([change, '1']);
    }
    await visitor.until('/api/health', isHealthy);
  });

  test('lets two passwords of the application in after a rotation, until the one before is retired, without a failed request', async () => {
    const point = `SELECT @@${engine === 'mysql' ? 'gtid_executed' : 'gtid_binlog_pos'}`;
    const { drawn } = await rotateUnderLoad({
      site,
      visitor,
      current: passwordOfApp,
      isLetIn: async (password) => (await askAsApp('SELECT 1', password)).code === 0,
    });
    expect((await askAsApp('SELECT 1', 'neither')).code).not.toBe(0);
    // The task finds nothing to do.
    const before = await ask(point);
    await site.compose('run', '--rm', '--no-deps', 'database-accounts');
    // The visits that were going on have ended.
    expect(await ask(point)).toBe(before);
    expect(passwordOfApp()).toBe(drawn);
    await visitor.until('/api/health', isHealthy);
  });

  test('says unhealthy while its process is gone, and recovers by itself', async () => {
    const id = await containerOf('database');
    // Gone for as long as it takes to be noticed: the engine brings it back at once, and what is said of health is some seconds old.
    const gone = setInterval(() => {
      void attempt(['sh', '-c', `pid=$(docker inspect --format '{{.State.Pid}}' ${id}) && [ "$pid" != 0 ] && kill -9 "$pid"`]);
    }, 250);
    const answer = await visitor
      .until('/api/health', (found) => found.status === 503)
      .finally(() => {
        clearInterval(gone);
      });
    expect(JSON.parse(answer.body)).toMatchObject({ status: 'unhealthy', checks: { database: { status: 'unhealthy' } } });
    const restarts = async () => Number(await run(['docker', 'inspect', '--format', '{{.RestartCount}}', id]));
    await until(async () => (await restarts()) > 0, 'it is started anew');
    await untilHealthy();
    await visitor.until('/api/health', isHealthy);
    expect(await ask(`SELECT count(*) FROM ${database}.notes`)).toBe('1');
  });

  test('leaves no refused login behind: its health check has an account', async () => {
    const since = new Date().toISOString();
    const before = await ask("SHOW GLOBAL STATUS LIKE 'Aborted_connects'");
    await sleep(12_000);
    expect(await ask("SHOW GLOBAL STATUS LIKE 'Aborted_connects'")).toBe(before);
    const said = await site.compose('logs', '--no-log-prefix', '--since', since, 'database');
    expect(said).not.toMatch(/denied/i);
  });

  test('is backed up and restored by the commands of SITE.md', async () => {
    const blocks = [
      ...(site
        .read('SITE.md')
        .split('## Backup and restore')[1]
        ?.split('## Upgrade')[0]
        ?.matchAll(/```sh\n([\s\S]*?)```/g) ?? []),
    ].map(([, block]) => (block ?? '').split('\n').filter((line) => line.includes('exec -T database')));
    const [backup = [], restore = []] = blocks;
    expect(backup.join()).toContain(dump);
    await ask(`CREATE TABLE ${database}.kept (x int); INSERT INTO ${database}.kept VALUES (1), (2)`);
    await ask(`USE ${database}; CREATE TRIGGER kept_trigger BEFORE INSERT ON kept FOR EACH ROW SET NEW.x = 9`);
    await operator.run(['sh', '-ec', backup.join('\n')], site.folder);
    await ask(`DELETE FROM ${database}.kept; CREATE TABLE ${database}.later (x int)`);
    await operator.run(['sh', '-ec', restore.join('\n')], site.folder);
    expect(await ask(`SELECT sum(x) FROM ${database}.kept`)).toBe('3');
    expect(await ask(`USE ${database}; INSERT INTO kept VALUES (1); SELECT max(x) FROM kept`)).toBe('9');
    expect(await ask(`SELECT table_name FROM information_schema.tables WHERE table_schema = '${database}' AND table_name = 'later'`)).toBe(
      '',
    );
    await visitor.until('/api/health', isHealthy);
  });

  test('stops in good order, and comes back with its data', async () => {
    const { visits } = await visitor.json<{ visits: number }>('/api/visits');
    await site.compose('stop', 'database');
    const id = await containerOf('database');
    expect(await run(['docker', 'inspect', '--format', '{{.State.ExitCode}}', id])).toBe('0');
    expect(await site.up()).toMatchObject({ code: 0 });
    await visitor.until('/api/health', isHealthy);
    expect((await visitor.json<{ visits: number }>('/api/visits')).visits).toBeGreaterThan(visits);
  });

  test('is whole although its first start was killed half-way', async () => {
    await site.compose('--profile', '*', 'down');
    await run(['docker', 'volume', 'rm', `${name}_database-data`]);
    await site.operator.run(['docker', 'compose', 'up', '-d', '--no-deps', 'database'], site.folder);
    // The server's own tables are there, and no password yet.
    await killOnce(() => containerOf('database'), `${facts.dataFolder}/mysql`);
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await site.compose('logs', '--no-log-prefix', 'database')).toContain('the first start did not come to its end');
    await visitor.until('/api/health', isHealthy);
    expect((await askAsApp('SELECT 1')).stdout.trim()).toBe('1');
  });

  test('shows no secret in what its containers say and are told', async () => {
    const ledger = JSON.parse(site.read('secrets/ledger.json')) as { secrets: Record<string, string[]> };
    const secrets = Object.entries(ledger.secrets).filter(([key]) => key.startsWith('database-'));
    expect(secrets.map(([key]) => key)).toEqual(['database-admin', 'database-app', 'database-health']);
    const told = await run(['docker', 'inspect', await containerOf('database'), await containerOf('database-accounts')]);
    const said = await site.compose('logs', '--no-color', 'database', 'database-accounts');
    for (const [key, [value = '?']] of secrets) for (const text of [told, said]) expect([key, text.includes(value)]).toEqual([key, false]);
  });
});
