import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import { faultyProxy, type Fault } from '../contract/faulty-proxy.ts';
import { BackupLab, password, type Agent } from './backup-agent.ts';
import { isFromLab } from './images.ts';
import { attempt, run, succeeds } from './process.ts';
import { startS3 } from './s3.ts';
import { until } from './until.ts';

const root = 'adm1nPassw0rd';

type Ask = (statements: string) => Promise<string>;

/** A state of the database that was looked at while it was written to. */
interface Moment {
  /** By the clock of the server. */
  readonly at: string;
  /** What a restore to it is asked for by. */
  readonly order: object;
  /** What it held; some servers tell later. */
  readonly held: () => Promise<Held>;
}
interface Held {
  readonly rows: string;
  readonly hash: string;
}

interface Server {
  readonly port: number;
  readonly path: string;
  readonly env: readonly string[];
  readonly command: readonly string[];
  readonly init: string;
  readonly isThere: readonly string[];
  readonly client: readonly string[];
  readonly look: (sql: Ask) => Promise<Moment>;
}

const mysqlLike = (engine: 'mysql' | 'mariadb', command: readonly string[], snapshot: string): Server => {
  const { clients, copyRights, server } = engine === 'mysql' ? mysql : mariadb;
  return {
    port: 3306,
    path: '/usr/sbin',
    env: ['-e', `${engine.toUpperCase()}_ROOT_PASSWORD=${root}`],
    command: [server, '--server-id=1', ...command],
    init: `#!/bin/bash
cat >/tmp/first.sql <<'SQL'
CREATE USER berth_backup@'%' IDENTIFIED BY '${password}';
GRANT ${copyRights} ON *.* TO berth_backup@'%';
${engine === 'mysql' ? `GRANT ${mysql.cloneRight} ON *.* TO berth_backup@'%'; INSTALL PLUGIN clone SONAME 'mysql_clone.so';` : ''}
CREATE DATABASE shop; CREATE TABLE shop.ledger (n int PRIMARY KEY AUTO_INCREMENT, note varchar(200));
SQL
MYSQL_PWD=${root} ${clients.sql} -uroot </tmp/first.sql
`,
    isThere: ['env', `MYSQL_PWD=${root}`, clients.admin, '-uroot', '-h127.0.0.1', 'status'],
    client: ['env', `MYSQL_PWD=${root}`, clients.sql, '-uroot', '-N', '-B', '-D', 'shop'],
    look: async (sql) => {
      const said = await sql(
        `${snapshot} SELECT 'at', DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%dT%H:%i:%s.000Z'); SELECT 'rows', COUNT(*) FROM ledger; CHECKSUM TABLE ledger;`,
      );
      const found = Object.fromEntries(said.split('\n').map((line) => line.split('\t') as [string, string])) as Record<string, string>;
      const held = { rows: found['rows'] ?? '', hash: found['shop.ledger'] ?? '' };
      return {
        at: found['at'] ?? '',
        order: { target: { kind: 'position', position: found['gtids']?.replaceAll('\\n', '') } },
        held: async () => held,
      };
    },
  };
};

const servers: Readonly<Record<'postgres' | 'mysql' | 'mariadb', Server>> = {
  postgres: {
    port: 5432,
    path: '/usr/lib/postgresql/17/bin',
    env: ['-e', 'POSTGRES_PASSWORD=admin'],
    command: ['postgres', '-c', 'track_commit_timestamp=on', '-c', 'summarize_wal=on'],
    init: `#!/bin/bash
echo 'host replication berth_backup all scram-sha-256' >>"$PGDATA/pg_hba.conf"
psql -v ON_ERROR_STOP=1 -U postgres <<'SQL'
CREATE ROLE berth_backup LOGIN REPLICATION PASSWORD '${password}';
GRANT pg_read_all_data TO berth_backup;
CREATE TABLE ledger (n serial PRIMARY KEY, note text);
SQL
`,
    isThere: ['pg_isready', '-h', '127.0.0.1', '-q'],
    client: ['psql', '-qAtX', '-v', 'ON_ERROR_STOP=1', '-U', 'postgres'],
    look: async (sql) => {
      const at = await sql(
        `SELECT to_char(date_trunc('milliseconds', clock_timestamp() AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
      );
      // Who has committed by then may not be seen yet, and no row is ever changed.
      const held = async (): Promise<Held> => {
        const [rows = '', hash = ''] = (
          await sql(
            `SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)::numeric), 0) FROM ledger r WHERE pg_xact_commit_timestamp(xmin) <= '${at}'`,
          )
        ).split('|');
        return { rows, hash };
      };
      return { at, order: { at }, held };
    },
  },
  mysql: mysqlLike(
    'mysql',
    ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'],
    `FLUSH TABLES WITH READ LOCK; START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT 'gtids', @@GLOBAL.gtid_executed; UNLOCK TABLES;`,
  ),
  mariadb: mysqlLike(
    'mariadb',
    ['--log-bin=binlog', '--binlog-format=ROW', '--gtid-strict-mode=ON'],
    `START TRANSACTION WITH CONSISTENT SNAPSHOT; SELECT 'gtids', BINLOG_GTID_POS(
      (SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'binlog_snapshot_file'),
      (SELECT VARIABLE_VALUE FROM information_schema.SESSION_STATUS WHERE VARIABLE_NAME = 'binlog_snapshot_position'));`,
  ),
};

const badNetwork: readonly Fault[] = [
  { answer: 503 },
  { lose: 'answer' },
  { cutRequestAt: 1000 },
  { flipRequestAt: 99 },
  { delayMs: 300 },
  { cutAnswerAt: 2000 },
];

interface Round {
  readonly deed: 'full' | 'ship' | 'prune';
  readonly victim: 'agent' | 'server' | 'store' | 'network';
  readonly afterMs: number;
}
const deeds = ['full', 'ship', 'prune'] as const;
const victims = ['agent', 'server', 'store', 'network'] as const;

const shuffled = <T>(all: readonly T[]): readonly T[] =>
  all
    .map((one) => ({ one, turn: Math.random() }))
    .sort((left, right) => left.turn - right.turn)
    .map(({ one }) => one);

/** Each victim and each deed, in pairs and after waits that are others every time. What a run did is told when it fails. */
const draw = (): readonly Round[] => {
  const drawn = shuffled([...deeds, ...deeds]);
  return shuffled([...victims, ...shuffled(victims).slice(0, 2)]).map((victim, index) => ({
    deed: drawn[index] ?? 'ship',
    victim,
    afterMs: Math.round(Math.random() * 700),
  }));
};

const storeName = (await isFromLab('minio')) ? 'Ceph' : 'MinIO';
/** What restores to a time by the second may miss. */
const marginMs = 2000;

describe.each(Object.keys(servers) as (keyof typeof servers)[])(`backups of %s, to a real S3 server (${storeName})`, (engine) => {
  const { port, path, env, command, init, isThere, client, look } = servers[engine];
  const lab = new BackupLab(engine, { port, path }, 'kills');
  const { database } = lab;
  let s3: Awaited<ReturnType<typeof startS3>>;
  let network: Awaited<ReturnType<typeof faultyProxy>>;
  let agent: Agent;
  const moments: Moment[] = [];

  const sql: Ask = (statements) => run(['docker', 'exec', '-i', database, ...client], { input: statements });
  const isUp = (): Promise<boolean> => succeeds(['docker', 'exec', database, ...isThere]);
  /** One transaction after another, as long as the server lives: one that is killed keeps what it said that it has. */
  const write = (count: number): Promise<unknown> =>
    attempt(['docker', 'exec', '-i', database, ...client], {
      input: Array.from({ length: count }, (_, n) => `INSERT INTO ledger (note) VALUES ('${n} räksmörgås');`).join('\n'),
    });

  const open = (): Promise<unknown> => until(async () => (await agent.try('open')).failed === undefined, 'the log is followed');
  const begin = async (): Promise<void> => {
    const { accessKey, secretKey } = s3;
    agent = lab.agent({ store: { endpoint: network.endpoint.href, accessKey, secretKey } });
    await open();
  };
  /** As the runtime does: who fails begins again. Nothing is lost, so no full backup is needed for it. */
  const ship = async (): Promise<void> => {
    await until(async () => {
      const { failed, answer } = await agent.try('ship');
      if (failed === undefined) expect(answer.kind).not.toBe('full needed');
      else await open();
      return failed === undefined;
    }, 'the log is shipped');
  };

  const hurt: Readonly<Record<Round['victim'], () => Promise<unknown>>> = {
    agent: () => agent.kill(),
    server: () => run(['docker', 'kill', database]).then(() => run(['docker', 'start', database])),
    store: () => s3.kill(),
    network: async () => {
      let turn = 0;
      network.fault = () => ((turn += 1) % 4 === 0 ? badNetwork[Math.floor(Math.random() * badNetwork.length)] : undefined);
    },
  };
  const play = async ({ deed, victim, afterMs }: Round): Promise<void> => {
    const writer = write(150);
    await sleep(Math.random() * 300);
    moments.push(await look(sql));
    const doing = agent.try(deed, { last: 2 });
    await sleep(afterMs);
    await hurt[victim]();
    await doing;
    await writer;
    network.fault = () => undefined;
    await until(isUp, `the server is there again after ${deed}`, {
      tell: async () => (await attempt(['docker', 'logs', '--tail', '40', database])).stderr,
    });
    if (victim === 'agent') await begin();
    await ship();
  };

  beforeAll(async () => {
    await lab.begin(init, env, command, [database, ...isThere]);
    s3 = await startS3(`kills-${engine}`, undefined, '38471');
    network = await faultyProxy(s3.options.endpoint, await lab.gateway());
    await begin();
    await agent.ask('full');
  });
  afterAll(async () => {
    await agent?.kill();
    await network?.[Symbol.asyncDispose]();
    await s3?.[Symbol.asyncDispose]();
    await lab.end();
  });

  test('are whole, and every point that is offered comes back exactly, whoever is killed and whatever the network does to it', async () => {
    const rounds = draw();
    const tell = `played: ${JSON.stringify(rounds)}`;
    moments.push(await look(sql));
    await sleep(marginMs);
    // From here on the first full backup is no longer wanted.
    for (let n = 0; n < 2; n += 1) await agent.ask('full');
    await agent.ask('prune', { last: 2 });
    for (const round of rounds) await play(round);
    for (let n = 0; n < 2; n += 1) {
      moments.push(await look(sql));
      await write(5);
      // What is committed later than that is behind it, by the second.
      await sleep(marginMs);
      await write(1);
    }
    await ship();
    const { spans } = await agent.ask('list');
    expect(spans, tell).toHaveLength(1);
    const [from, to] = [Date.parse(spans[0].from), Date.parse(spans[0].until)];
    const isOffered = ({ at }: Moment): boolean => Date.parse(at) >= from + marginMs && Date.parse(at) <= to - marginMs;
    const isGone = ({ at }: Moment): boolean => Date.parse(at) < from - marginMs;
    const offered = moments.filter(isOffered);
    // The oldest are gone by what was pruned.
    expect([moments.filter(isGone).length > 0, offered.length > 1], `${tell} ${JSON.stringify(spans)}`).toEqual([true, true]);
    for (const moment of offered) {
      const restored = await agent.ask('restore', moment.order);
      const tables = restored.facts.databases.flatMap(({ tables: all }: { readonly tables: readonly object[] }) => all);
      const { rows, hash } = tables.find(({ name }: { readonly name: string }) => /(^|\.)ledger$/.test(name));
      expect({ rows, hash }, `${moment.at}: ${tell}`).toEqual(await moment.held());
    }
    for (const at of [spans[0].from, spans[0].until]) await agent.ask('restore', { at });
    for (const { at } of moments.filter(isGone).slice(-1))
      expect(await agent.try('restore', { at }), tell).toMatchObject({ kind: 'usage' });
  });
});
