import { chmodSync, existsSync, globSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariadb } from '../../model/engines/mariadb.ts';
import { markingTime, readingUnlogged } from '../../model/engines/mysql-family.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { BackupLab, expectCanary, expectHole, expectProven, expectTooLate, password, type Agent } from './backup-agent.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

const root = 'adm1nPassw0rd';

/** Everything that a dump and a log have been seen to get wrong. */
const tables = `CREATE DATABASE shop; USE shop;
SET NAMES utf8mb4; SET sql_mode = 'NO_ENGINE_SUBSTITUTION';
CREATE USER app@'%' IDENTIFIED BY 'appPassw0rd'; GRANT ALL ON shop.* TO app@'%';
CREATE TABLE ledger (writer int, n int, note varchar(200) CHARACTER SET utf8mb4, PRIMARY KEY (writer, n));
CREATE TABLE odd (id int PRIMARY KEY, emoji varchar(50) CHARACTER SET utf8mb4, old varchar(50) CHARACTER SET latin1, fixed binary(6),
  raw blob, day date, moment datetime(6), stamp timestamp NULL, price decimal(20,6), flags bit(9), kind enum('a','b'), doc json,
  thrice int GENERATED ALWAYS AS (id * 3) STORED);
INSERT INTO odd (id, emoji, old, fixed, raw, day, moment, stamp, price, flags, kind, doc) VALUES
  (1, 'räksmörgås 🎉 日本', 'café ü', 0x00ff0a0d27, 0x005c275c6e1a00, '0000-00-00', '0000-00-00 00:00:00', '2026-03-29 01:30:00', 7.000001, b'100000001', 'b', '{"a": "🎉"}'),
  (2, '', NULL, 0x20, '', '2024-02-29', '1000-01-01 00:00:00.000001', NULL, -0.5, NULL, NULL, NULL);
CREATE TABLE worked_out (id int PRIMARY KEY, name varchar(20), hash char(128) GENERATED ALWAYS AS (SHA2(REPEAT(id, 4000), 512)) VIRTUAL);
INSERT INTO worked_out (id, name) VALUES ${Array.from({ length: 300 }, (_, n) => `(${n}, ${n % 7 === 0 ? 'NULL' : `'number ${n}'`})`).join(', ')};
CREATE TABLE big (id int PRIMARY KEY, body longblob);
INSERT INTO big VALUES (1, REPEAT(0x00ff275c, 4000000));
CREATE TABLE audit (id int PRIMARY KEY AUTO_INCREMENT, what varchar(100));
CREATE TABLE ticks (at datetime(6));
CREATE TABLE \`Odd "\\na''me\` (t text);
INSERT INTO \`Odd "\\na''me\` VALUES (NULL), ('');
CREATE TABLE victim (id int PRIMARY KEY); INSERT INTO victim VALUES (1);
CREATE VIEW seen AS SELECT id, emoji FROM odd;
DELIMITER //
CREATE DEFINER = app@'%' TRIGGER noted AFTER INSERT ON ledger FOR EACH ROW BEGIN INSERT INTO audit (what) VALUES (CONCAT(NEW.writer, '/', NEW.n)); END//
CREATE DEFINER = app@'%' PROCEDURE counted() BEGIN SELECT COUNT(*) FROM ledger; END//
CREATE DEFINER = app@'%' FUNCTION next_one(x int) RETURNS int DETERMINISTIC RETURN x + 1//
CREATE DEFINER = app@'%' EVENT tick ON SCHEDULE EVERY 1 SECOND DO INSERT INTO ticks VALUES (NOW(6))//
DELIMITER ;
`;

const engines = {
  mysql: {
    engine: 'mysql',
    facts: mysql,
    clones: false,
    version: '9.7.4',
    rootEnv: 'MYSQL_ROOT_PASSWORD',
    serverArguments: ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
    executed: 'SELECT @@GLOBAL.gtid_executed',
    snapshot: `FLUSH TABLES WITH READ LOCK; START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT 'at', @@GLOBAL.gtid_executed; UNLOCK TABLES;`,
    unlogged: false,
    reset: 'RESET BINARY LOGS AND GTIDS',
    removed: /^the server has not got its log any more: /,
    replaced: 'the server does not have all that was backed up: its data folder is an older copy',
    sbin: '/usr/sbin',
  },
  mariadb: {
    engine: 'mariadb',
    facts: mariadb,
    clones: false,
    version: '11.8.6',
    rootEnv: 'MARIADB_ROOT_PASSWORD',
    serverArguments: ['--log-bin=binlog', '--binlog-format=ROW', '--gtid-strict-mode=ON'],
    executed: 'SELECT @@GLOBAL.gtid_binlog_pos',
    snapshot: `START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT 'at', BINLOG_GTID_POS(
      (SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'binlog_snapshot_file'),
      (SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'binlog_snapshot_position'));`,
    unlogged: true,
    reset: 'RESET MASTER',
    removed: /^the server knows nothing of .*: its log was removed, or it is another server$/,
    replaced: expect.stringMatching(/its log was removed, or it is another server$/),
    sbin: '/usr/sbin',
  },
} as const;

/** Locks a table until it is killed, and who does that. */
const held = 'LOCK TABLES aside.second WRITE; DO SLEEP(600)';
const lockers = "SELECT id FROM information_schema.processlist WHERE info = 'DO SLEEP(600)'";

const compared = ['ledger', 'odd', 'big', 'audit', 'ticks', 'victim'];

interface Held {
  readonly gtids: string;
  readonly tables: Readonly<Record<string, string>>;
}

const dumped = [engines.mysql, engines.mariadb].map((each) => ({ ...each, way: `${each.engine} as a dump` }));

describe.each([{ ...engines.mysql, clones: true, way: 'mysql as files' }, ...dumped])('backups of $way', ({ engine, clones, ...about }) => {
  const { facts, version, rootEnv, serverArguments, executed, snapshot, unlogged, reset, removed, replaced } = about;
  const lab = new BackupLab(engine, { port: 3306, path: '/usr/sbin' }, clones ? 'clone' : 'backup');
  const { database, home } = lab;
  let agent: Agent;

  const client = [facts.clients.sql, '-uroot', '--default-character-set=utf8mb4', '-N', '-B', '-D', 'shop'];
  const sql = async (statements: string): Promise<string> =>
    run(['docker', 'exec', '-i', '-e', `MYSQL_PWD=${root}`, database, ...client], { input: statements });

  /** Transactions by two writers at the same time, with pauses of a few milliseconds; what they insert fires a trigger. */
  const write = async (count: number, first: number): Promise<unknown> => {
    const one = (writer: number): string =>
      Array.from({ length: count }, (_, index) => {
        const n = first + index;
        return `START TRANSACTION; INSERT INTO ledger VALUES (${writer}, ${n}, '${writer}/${n} 🎉'); UPDATE odd SET price = price + 1; COMMIT; DO SLEEP(0.01);`;
      }).join('\n');
    return Promise.all([sql(one(1)), sql(one(2))]);
  };

  /** The same until they are told to stop. */
  const writing = (): { readonly stop: () => Promise<void> } => {
    const told = new AbortController();
    const all = (async () => {
      for (let first = 100_000; !told.signal.aborted; first += 50) await write(50, first);
    })();
    return {
      stop: () => {
        told.abort();
        return all;
      },
    };
  };

  /** What all tables hold at one place in the log, whoever writes meanwhile. */
  const recorded = async (): Promise<Held> => {
    const rows = (await sql(`${snapshot} CHECKSUM TABLE ${compared.join(', ')};`)).split('\n').map((row) => row.split('\t'));
    const held = rows.filter(([name]) => name !== 'at').map(([name = '', hash = '']) => [name.replace('shop.', ''), hash] as const);
    return { gtids: rows.find(([name]) => name === 'at')?.[1] ?? '', tables: Object.fromEntries(held) };
  };

  /** An agent whose dump is done, and waits to be let go on. */
  const slowDump = (name: string) => {
    const path = join(home, name);
    mkdirSync(path, { mode: 0o777 });
    chmodSync(path, 0o777);
    const { dump } = facts.clients;
    const wait = `#!/bin/sh\n/usr/bin/${dump} "$@"\nresult=$?\ntouch ${path}/done\nwhile [ ! -e ${path}/go ]; do sleep 0.05; done\nexit $result\n`;
    writeFileSync(join(path, dump), wait, { mode: 0o755 });
    return { slow: lab.agent({ path }), isDumped: () => existsSync(join(path, 'done')), go: () => writeFileSync(join(path, 'go'), '') };
  };

  // oxlint-disable-next-line typescript/no-explicit-any -- what the agent answers
  const restoredTables = ({ facts: found }: any): Readonly<Record<string, string>> => {
    const { tables: all } = found.databases.find(({ name }: { readonly name: string }) => name === 'shop');
    const wanted = all.filter(({ name }: { readonly name: string }) => compared.includes(name));
    return Object.fromEntries(wanted.map(({ name, hash }: { readonly name: string; readonly hash: string }) => [name, hash]));
  };

  beforeAll(async () => {
    const init = `#!/bin/bash
cat >/tmp/first.sql <<'SQL'
CREATE USER berth_backup@'%' IDENTIFIED BY '${password}';
GRANT ${facts.copyRights} ON *.* TO berth_backup@'%';
${clones ? `GRANT ${mysql.cloneRight} ON *.* TO berth_backup@'%'; INSTALL PLUGIN clone SONAME 'mysql_clone.so';` : ''}
CREATE DATABASE berth_canary;
CREATE TABLE berth_canary.canary (id TINYINT PRIMARY KEY, moment DATETIME(6) NOT NULL) ENGINE = InnoDB;
INSERT INTO berth_canary.canary VALUES (1, '2020-01-01');
${markingTime('berth_backup')};
${unlogged ? `CREATE PROCEDURE berth_canary.unlogged() SQL SECURITY DEFINER SET SESSION sql_log_bin = 0; ${readingUnlogged('berth_backup')};` : ''}
${tables}
SQL
MYSQL_PWD=${root} ${facts.clients.sql} -uroot </tmp/first.sql
`;
    const settings = ['--server-id=1', '--event-scheduler=OFF', '--max-allowed-packet=64M', ...serverArguments];
    // By TCP: the server of the first start listens on its socket alone.
    const ping = ['-e', `MYSQL_PWD=${root}`, database, facts.clients.admin, '-uroot', '-h127.0.0.1', 'status'];
    await lab.begin(init, ['-e', `${rootEnv}=${root}`], [facts.server, ...settings], ping);
    agent = lab.agent();
  });

  afterAll(async () => {
    await agent.end();
    await lab.end();
  });

  test('without a full backup nothing is shipped, and it is said why', async () => {
    await agent.ask('open');
    expect(await agent.ask('ship')).toEqual({ kind: 'full needed', because: 'there is no full backup yet' });
  });

  let during: Held;
  let quiet: Held & { readonly at: string };

  test('under writes, two full backups and the logs leave no time out', async () => {
    const writers = writing();
    const first = await agent.ask('full');
    expect(first.facts).toMatchObject({ version, databases: ['shop'], tables: 8, tablesHashed: 8 });
    expect(first.tool).toBe(clones ? 'clone' : facts.clients.dump);
    await write(1, 6000);
    expect((await agent.ask('ship')).kind).toBe('shipped');
    during = await recorded();
    await write(1, 6001);
    await sql('FLUSH BINARY LOGS');
    expect((await agent.ask('ship')).kind).toBe('shipped');
    const second = await agent.ask('full');
    await writers.stop();
    await sleep(2100);
    quiet = { ...(await recorded()), at: (await sql("SELECT DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%dT%H:%i:%s.000Z')")).trim() };
    await sleep(2100);
    await write(5, 5000);
    await sleep(1200);
    const shipped = await agent.ask('ship');
    expect(shipped.logs.at(-1)).toMatchObject({ chain: second.id });
    const { manifests, spans } = await agent.ask('list');
    expect(manifests.filter((each: { readonly chain: string }) => each.chain === first.id).length).toBeGreaterThan(2);
    expect(spans.length).toBe(1);
  });

  test('a restore to the transactions of one moment holds exactly what was there then, while others wrote', async () => {
    const restored = await agent.ask('restore', { target: { kind: 'position', position: during.gtids } });
    expect(restoredTables(restored)).toEqual(during.tables);
    const { objects } = restored.facts.databases.find(({ name }: { readonly name: string }) => name === 'shop');
    const names = objects.map(({ name }: { readonly name: string }) => name).sort();
    expect(names).toEqual(['event tick', 'function next_one', 'procedure counted', 'trigger noted', 'view seen']);
    expect(restored.logs).toBeGreaterThan(0);
  });

  test('a restore to a time holds exactly what was committed by then', async () => {
    const restored = await agent.ask('restore', { at: quiet.at });
    expect(restoredTables(restored)).toEqual(quiet.tables);
    await expectTooLate(agent);
  });

  test('a restore to just before a transaction brings back what that one removed', async () => {
    const before = await recorded();
    const last = before.gtids.replace(/\s/g, '').split(',').at(-1) ?? '';
    const next = last.replace(/(\d+)$/, (number) => String(Number(number) + 1)).replace(/:\d+-(\d+)$/, ':$1');
    await sql('DROP TABLE victim');
    await agent.ask('ship');
    const without = await agent.ask('restore', { target: { kind: 'transaction', id: next, inclusive: false } });
    expect(restoredTables(without)).toEqual(before.tables);
    await sql('CREATE TABLE victim (id int PRIMARY KEY)');
  });

  test('who deleted too much is found in the log by the table, and undone by the number that stands there', async () => {
    await sql('CREATE TABLE orders (id int PRIMARY KEY, secret varchar(20))');
    await sql("INSERT INTO orders VALUES (1, 'hunter2'), (2, 'hunter3'), (3, 'hunter4')");
    await write(3, 7000);
    await sql("DELETE FROM orders WHERE secret <> 'hunter2'");
    await write(3, 7100);
    await sql("UPDATE orders SET secret = 'hunter5'");
    await sql('DROP TABLE orders');
    await agent.ask('ship');
    const { transactions, matched, holes } = await agent.ask('transactions', { table: 'orders' });
    expect(transactions.map(({ tables: touched, statements }: { tables: object; statements: object }) => [touched, statements])).toEqual([
      [[], ['CREATE TABLE shop.orders']],
      [[{ name: 'shop.orders', inserted: 1, updated: 0, deleted: 0 }], []],
      [[{ name: 'shop.orders', inserted: 0, updated: 0, deleted: 1 }], []],
      [[{ name: 'shop.orders', inserted: 0, updated: 1, deleted: 0 }], []],
      [[], ['DROP TABLE shop.orders']],
    ]);
    expect([matched, holes, JSON.stringify(transactions)]).toEqual([5, [], expect.not.stringContaining('hunter')]);
    const rowsBefore = async (id: string): Promise<string | undefined> => {
      const { facts: found } = await agent.ask('restore', { target: { kind: 'transaction', id, inclusive: false } });
      const { tables: all } = found.databases.find(({ name }: { readonly name: string }) => name === 'shop');
      return all.find(({ name }: { readonly name: string }) => name === 'orders')?.rows;
    };
    expect(await rowsBefore(transactions[2].id)).toBe('3');
    expect(await rowsBefore(transactions[3].id)).toBe('1');
  });

  // Those of a clone are asked of that.
  test.runIf(!clones)(
    'facts keep nobody from changing a table that was read, and leave out one that was changed before it was',
    async () => {
      // Of tables of one size the names say which is first.
      await sql(`CREATE DATABASE aside; USE aside; CREATE TABLE first (n int PRIMARY KEY); INSERT INTO first VALUES (1);
      CREATE TABLE second (n int PRIMARY KEY, hash char(128) GENERATED ALWAYS AS (SHA2(REPEAT(n, 4000000), 512)) VIRTUAL);
      INSERT INTO second (n) VALUES ${Array.from({ length: 300 }, (_, n) => `(${n})`).join(', ')};
      CREATE TABLE third (n int PRIMARY KEY); INSERT INTO third VALUES (1);`);
      const isReadingSecond = async (): Promise<boolean> =>
        (await sql(`SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'berth_backup' AND info LIKE '%aside_.%second_%'`)) ===
        '1';
      const { slow, isDumped, go } = slowDump('facts');
      const answered = slow.try('full');
      await until(isDumped, 'the dump is done');
      // MySQL works the column out, which takes long. MariaDB does not, but lets tables be locked that a snapshot is about to read.
      const lock =
        engine === 'mariadb' ? attempt(['docker', 'exec', '-e', `MYSQL_PWD=${root}`, database, ...client, '-e', held]) : undefined;
      if (lock !== undefined) await until(async () => (await sql(lockers)) !== '', 'the second table is locked');
      go();
      await until(isReadingSecond, 'the second table is being read', { everyMs: 20 });
      const change = 'ADD COLUMN late int NOT NULL DEFAULT 5';
      await sql(`SET SESSION lock_wait_timeout = 2; ALTER TABLE aside.first ${change}; ALTER TABLE aside.third ${change};`);
      expect(await isReadingSecond()).toBe(true);
      if (lock !== undefined) await sql(`KILL ${await sql(lockers)}`);
      await lock;
      const { failed, answer } = await answered;
      await slow.end();
      expect(failed).toBeUndefined();
      expect(answer.facts.tablesHashed).toBe(answer.facts.tables - 2);
      await write(1, 8000);
      await sleep(1200);
      await agent.ask('ship');
      await expectProven(agent);
      await sql('DROP DATABASE aside');
    },
  );

  test('a full backup is proven by a restore to the place that its facts are of', async () => {
    expect(await agent.ask('verify', { level: 1 })).toMatchObject({ level: 1, result: 'sound' });
    await expectProven(agent);
  });

  test('a time is written behind what others have, which can be restored to at once, comes back with it, and makes a quiet server ship nothing', () =>
    expectCanary(
      agent,
      () => write(1, 9000),
      () => sql('FLUSH BINARY LOGS'),
    ));

  test('an agent that was killed in the middle of a full backup and of shipping leaves no hole', async () => {
    const writers = write(100, 10_000);
    agent = await lab.dieAtWork(agent);
    // What an agent that begins removes first.
    expect((await agent.ask('clear')).length).toBe(clones ? 1 : 0);
    await writers;
    await write(1, 20_000);
    expect((await agent.ask('ship')).kind).toBe('shipped');
    const { spans } = await agent.ask('list');
    expect(spans.length).toBe(1);
    expect(restoredTables(await agent.ask('restore'))).toEqual((await recorded()).tables);
  });

  test.runIf(!clones).each([
    ['exits with 3 after output began', 'exit 3', 'exited with 3'],
    ['breaks off and says that all went well', 'exit 0', 'said that all went well, and its output of 100000 bytes is not a whole dump'],
  ])('a dump program that %s makes no backup', async (_, end, message) => {
    const before = (await agent.ask('list')).manifests.length;
    const path = join(home, `broken-${end.at(-1)}`);
    mkdirSync(path);
    const { dump } = facts.clients;
    writeFileSync(join(path, dump), `#!/bin/sh\n/usr/bin/${dump} "$@" | head -c 100000\n${end}\n`, { mode: 0o755 });
    const broken = lab.agent({ path });
    const { failed, kind } = await broken.try('full');
    await broken.end();
    expect([kind, failed]).toEqual(['io', expect.stringContaining(message)]);
    expect((await agent.ask('list')).manifests.length).toBe(before);
  });

  test.runIf(!clones)('what no snapshot holds makes no backup: a routine that comes meanwhile, a table of another kind', async () => {
    const { slow, isDumped, go } = slowDump('slow');
    const answer = slow.try('full');
    await until(isDumped, 'the dump is done');
    await sql('CREATE PROCEDURE newcomer() SELECT 1');
    go();
    expect(await answer).toMatchObject({ kind: 'io', failed: expect.stringContaining('was changed while the backup was made') });
    await slow.end();
    const later = slowDump('later');
    const another = later.slow.try('full');
    await until(later.isDumped, 'the dump is done');
    await sql('CREATE TABLE loose (id int) ENGINE = MyISAM');
    later.go();
    expect(await another).toMatchObject({ kind: 'unsupported', failed: expect.stringContaining('shop.loose (MyISAM)') });
    await later.slow.end();
    expect(await agent.try('full')).toMatchObject({
      kind: 'unsupported',
      failed: expect.stringContaining('no backup of one moment holds them: shop.loose (MyISAM)'),
      hint: 'run ALTER TABLE shop.loose ENGINE = InnoDB for each of them',
    });
    await sql('DROP TABLE loose');
  });

  // Of MySQL the dump fails at such a table by itself.
  test.runIf(engine === 'mariadb').each([
    ['removed', 'DROP TABLE behind.third', ['behind.third']],
    ['renamed', 'RENAME TABLE behind.third TO behind.fourth', ['behind.fourth', 'behind.third']],
    ['altered in an instant', 'ALTER TABLE behind.third ADD COLUMN late int NOT NULL DEFAULT 5, ALGORITHM = INSTANT', ['behind.third']],
    ['altered in what is no column', 'ALTER TABLE behind.third DROP CONSTRAINT positive, ALGORITHM = INSTANT', ['behind.third']],
  ])('a table that was %s between the snapshot and its turn in the dump makes no backup', async (_, change, tables) => {
    // What is in a database is asked for when its turn comes, in the order of names.
    await sql(`CREATE OR REPLACE DATABASE aside; CREATE TABLE aside.second (n int PRIMARY KEY);
      CREATE OR REPLACE DATABASE behind; CREATE TABLE behind.third (n int PRIMARY KEY, CONSTRAINT positive CHECK (n > 0)); INSERT INTO behind.third VALUES (1);`);
    const before = (await agent.ask('list')).manifests.length;
    const lock = attempt(['docker', 'exec', '-e', `MYSQL_PWD=${root}`, database, ...client, '-e', held]);
    await until(async () => (await sql(lockers)) !== '', 'the second table is locked');
    const answer = agent.try('full');
    const waiting =
      "SELECT id FROM information_schema.processlist WHERE user = 'berth_backup' AND state LIKE 'Waiting for table metadata%'";
    await until(async () => (await sql(waiting)) !== '', 'the dump waits for the second table');
    await sql(change);
    await sql(`KILL ${await sql(lockers)}`);
    await lock;
    const { failed, kind } = await answer;
    expect([kind, failed]).toEqual(['io', `tables were made, removed, renamed or altered while the backup was made: ${tables.join(', ')}`]);
    expect((await agent.ask('list')).manifests.length).toBe(before);
    await sql('DROP DATABASE aside; DROP DATABASE behind');
  });

  test.runIf(clones)('a table of another kind makes no backup, and without what a clone takes a dump does, and says so', async () => {
    await sql('CREATE TABLE loose (id int) ENGINE = MyISAM');
    expect(await agent.try('full')).toMatchObject({ kind: 'unsupported', failed: expect.stringContaining('shop.loose (MyISAM)') });
    await sql('DROP TABLE loose');
    const dumps = async (because: string): Promise<void> => {
      const full = await agent.ask('full');
      expect([full.tool, full.facts.notCloned]).toEqual([facts.clients.dump, expect.stringContaining(because)]);
    };
    await sql(`REVOKE ${mysql.cloneRight} ON *.* FROM berth_backup@'%'`);
    await dumps('the account of backups has no BACKUP_ADMIN');
    await sql(`GRANT ${mysql.cloneRight} ON *.* TO berth_backup@'%'; UNINSTALL PLUGIN clone`);
    await dumps('the server has no plugin clone');
    await sql(`INSTALL PLUGIN clone SONAME 'mysql_clone.so'; SET GLOBAL max_allowed_packet = 1048576`);
    await dumps('max_allowed_packet');
    await sql('SET GLOBAL max_allowed_packet = 67108864');
    const { id, tool } = await agent.ask('full');
    expect(tool).toBe('clone');
    await write(1, 25_000);
    await sleep(1200);
    expect(await agent.ask('ship')).toMatchObject({ kind: 'shipped', logs: [{ chain: id }] });
    await expectProven(agent);
  });

  test('a wrong password is told from everything else, and no word of it is said', async () => {
    const wrong = lab.agent({ password: 'wr0ngPassw0rd' });
    const answer = await wrong.try('full');
    await wrong.end();
    expect(answer).toMatchObject({
      kind: 'unreachable',
      failed: expect.stringMatching(new RegExp(`^${facts.title} at ${database}: Access denied for user 'berth_backup'`)),
      hint: 'see that the password of berth_backup is the one that the server knows',
    });
    expect(JSON.stringify(answer)).not.toContain('wr0ng');
  });

  test('a log that was damaged is found, blamed alone, and not restored', async () => {
    const log = await lab.damageLog(agent);
    expect(await agent.try('restore')).toMatchObject({ kind: 'damaged' });
    const { result, backups } = await agent.ask('verify', { level: 2 });
    expect([result, backups]).toEqual(['broken', [log.id]]);
    log.repair();
  });

  test.each([
    [
      'that the server removed before it was read',
      async () => {
        await sql("FLUSH BINARY LOGS; INSERT INTO ledger VALUES (3, 1, 'lost'); FLUSH BINARY LOGS");
        const newest = (await sql('SHOW BINARY LOGS')).trim().split('\n').at(-1)?.split('\t')[0];
        await sql(`PURGE BINARY LOGS TO '${newest}'`);
      },
      expect.stringMatching(removed),
    ],
    ['of a server that began anew', async () => sql(`${reset}; INSERT INTO ledger VALUES (4, 1, 'lost')`), replaced],
  ])('a log %s is a hole: a full backup is asked for, and nothing is restored into the hole', async (_, lose, because) => {
    await lose();
    await expectHole(agent, because, async () => write(1, 30_000 + (await agent.ask('list')).spans.length));
  });

  test('behind all holes, everything is there again, and nothing stays behind in the scratch folder', async () => {
    expect(restoredTables(await agent.ask('restore'))).toEqual((await recorded()).tables);
    expect(globSync(join(home, 'scratch/*'))).toEqual([]);
    expect((await sql(executed)).trim()).not.toBe('');
  });
});
