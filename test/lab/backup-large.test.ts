import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { BackupLab, password, type Agent } from './backup-agent.ts';
import { run } from './process.ts';

const root = 'adm1nPassw0rd';

/** MiB that it may hold of them beside itself. An agent may have 256; as the program that it is on a site it takes 55 before it does anything, and here, from its sources, twice that. */
const mostMemory = 200;
/** Of MySQL and MariaDB, as of an application with one for each customer. */
const databases = 8;

interface Engine {
  readonly port: number;
  readonly path: string;
  readonly options: readonly string[];
  readonly command: readonly string[];
  /** A shell command in its container that reads statements. */
  readonly client: readonly string[];
  readonly isThere: readonly string[];
  readonly init: string;
  readonly account: string;
  /** Bytes of the largest value that can be backed up. */
  readonly value: number;
  /** Statements that make so many tables of a row each, and one with the value that lies in a file. */
  readonly tables: (count: number) => string;
  readonly take: (file: string) => string;
}

/** MySQL and MariaDB. */
const family = (
  { clients, copyRights, server }: typeof mysql | typeof mariadb,
  options: Pick<Engine, 'command' | 'options'> & { readonly also?: string },
): Engine => ({
  port: 3306,
  path: '/usr/sbin',
  options: options.options,
  command: [
    server,
    '--server-id=1',
    '--max-allowed-packet=1G',
    '--secure-file-priv=',
    '--innodb-flush-log-at-trx-commit=0',
    '--sync-binlog=0',
    ...options.command,
  ],
  client: ['-e', `MYSQL_PWD=${root}`, '@', clients.sql, '-uroot', '-N', '-B'],
  isThere: ['-e', `MYSQL_PWD=${root}`, '@', clients.admin, '-uroot', '-h127.0.0.1', 'status'],
  init: '#!/bin/sh\n',
  account: `CREATE USER berth_backup@'%' IDENTIFIED BY '${password}'; GRANT ${copyRights} ON *.* TO berth_backup@'%'; ${options.also ?? ''}`,
  // A dump writes it in hexadecimal digits, into a statement that must be below 1 GiB.
  value: 2 ** 29 - 2 ** 20,
  // The dump looks through all of a database for the triggers of each table, so in one alone it would take much longer.
  tables: (count) =>
    Array.from({ length: count }, (_, n) => {
      const own = `tenant${n % databases}`;
      return `${n < databases ? `CREATE DATABASE ${own};` : ''}CREATE TABLE ${own}.t${n} (n int PRIMARY KEY); INSERT INTO ${own}.t${n} VALUES (${n});`;
    }).join('\n') + 'CREATE DATABASE shop; CREATE TABLE shop.big (id int PRIMARY KEY, body longblob);',
  take: (file) => `INSERT INTO shop.big VALUES (1, LOAD_FILE('${file}'))`,
});

const engines = {
  postgres: {
    port: 5432,
    path: '/usr/lib/postgresql/17/bin',
    options: ['-e', 'POSTGRES_PASSWORD=admin'],
    command: ['postgres', '-c', 'fsync=off', '-c', 'max_wal_size=4GB'],
    client: ['@', 'psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres'],
    isThere: ['@', 'pg_isready', '-h', '127.0.0.1', '-q'],
    init: `#!/bin/sh\necho 'host replication berth_backup all scram-sha-256' >>"$PGDATA/pg_hba.conf"\n`,
    account: `CREATE ROLE berth_backup LOGIN REPLICATION PASSWORD '${password}'; GRANT pg_read_all_data TO berth_backup;`,
    // A row has to stay below 1 GiB.
    value: 2 ** 30 - 1024,
    tables: (count) =>
      `DO $$ BEGIN FOR n IN 1..${count} LOOP EXECUTE format('CREATE TABLE t%s AS SELECT %s AS n', n, n); IF n % 500 = 0 THEN COMMIT; END IF; END LOOP; END $$; CREATE TABLE big (id int PRIMARY KEY, body bytea); ALTER TABLE big ALTER body SET STORAGE EXTERNAL;`,
    take: (file) => `INSERT INTO big VALUES (1, pg_read_binary_file('${file}'))`,
  },
  mysql: family(mysql, {
    options: ['-e', `MYSQL_ROOT_PASSWORD=${root}`],
    command: ['--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--innodb-redo-log-capacity=2G'],
    // As at a site: it is cloned.
    also: `GRANT ${mysql.cloneRight} ON *.* TO berth_backup@'%'; INSTALL PLUGIN clone SONAME 'mysql_clone.so';`,
  }),
  mariadb: family(mariadb, {
    options: ['-e', `MARIADB_ROOT_PASSWORD=${root}`],
    command: ['--log-bin=binlog', '--binlog-format=ROW', '--gtid-strict-mode=ON', '--innodb-log-file-size=2G'],
  }),
} as const satisfies Readonly<Record<string, Engine>>;

describe.each([
  ['postgres', 20_000],
  // For these a table is files of its own: 20,000 would take each of them some ten minutes. 4,000 were seen to pass.
  ['mariadb', 2_000],
  ['mysql', 2_000],
] as const)('a database of %s with %d tables and a value as large as can be', (engine, count) => {
  const { port, path, options, command, client, isThere, init, account, value, tables, take }: Engine = engines[engine];
  const lab = new BackupLab(engine, { port, path }, 'large');
  const here = (words: readonly string[]): readonly string[] => words.map((word) => (word === '@' ? lab.database : word));
  const sql = (statements: string): Promise<string> => run(['docker', 'exec', '-i', ...here(client)], { input: statements });
  let agent: Agent;
  let before: number;

  beforeAll(async () => {
    await lab.begin(init, options, command, here(isThere));
    await sql(account);
    await sql(tables(count));
    const file = '/tmp/value';
    await run(['docker', 'exec', lab.database, 'sh', '-c', `head -c ${value} /dev/urandom >${file}; chmod 644 ${file}`]);
    await sql(take(file));
    agent = lab.agent();
    before = await agent.ask('memory');
  });

  afterAll(async () => {
    await agent?.end();
    await lab.end();
  });

  test('is backed up, and restored to the same, with little memory', async () => {
    const begun = performance.now();
    await agent.ask('open');
    const full = await agent.ask('full');
    expect(full.facts.notCloned).toBeUndefined();
    expect(full.facts).toMatchObject({ tables: count + 1, tablesHashed: count + 1, rows: count + 1 });
    // What is compared is a place behind the end of the copy.
    await sleep(1200);
    await agent.ask('ship');
    const { result, detail } = await agent.ask('verify', { level: 3 });
    expect([result, detail]).toEqual(['sound', [expect.stringContaining('all that was known of it then is the same')]]);
    const memory = await agent.ask('memory');
    console.info(
      `${engine}: ${full.durationMs} ms; ${Math.round(performance.now() - begun)} ms with its proof; ${memory} MiB at most, ${before} before`,
    );
    expect(memory - before).toBeLessThan(mostMemory);
  });
});
