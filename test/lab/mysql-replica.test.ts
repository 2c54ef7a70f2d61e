import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mariadb } from '../../model/engines/mariadb.ts';
import { mysql } from '../../model/engines/mysql.ts';
import type { EngineSetting } from '../../model/engine-setting.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { smallApplication } from './small-site.ts';
import { killOnce, until as untilSeen } from './until.ts';

const replicas = ['database-replica', 'database-replica-2'] as const;
type Node = 'database' | (typeof replicas)[number];
interface PlanJson {
  readonly databases: readonly {
    readonly replicas: readonly { readonly service: string; readonly settings: readonly EngineSetting[] }[];
  }[];
}

/** A site of as little as there may be beside the database. */
const specOf = (engine: string, network: string, https: number): string => `apiVersion: berth/v1
name: lab-${engine}-replica
profile: recommended
internalTls: true
network: ${network}
edge: { http: ${https - 1000}, https: ${https} }
${smallApplication}databases:
  database: { engine: ${engine}, topology: cluster, memory: 1Gi, disk: 4Gi }
`;

describe.each([
  { engine: 'mysql', facts: mysql, network: '10.220.0.0/22', https: 19_447, position: '@@GLOBAL.gtid_executed' },
  { engine: 'mariadb', facts: mariadb, network: '10.221.0.0/22', https: 19_448, position: '@@GLOBAL.gtid_binlog_state' },
] as const)('a site with $engine, a primary and two replicas', ({ engine, facts, network, https, position }) => {
  const name = `lab-${engine}-replica`;
  const { account, markFile } = facts.replication;
  let operator: Operator;
  let site: LabSite;
  let firstUp: RunResult;

  const verified = [...facts.clients.tls.verify, '--ssl-ca=/run/secrets/site-ca'];
  const client = (node: Node, ...args: readonly string[]): readonly string[] =>
    ['docker', 'compose', 'exec', '-T', node, facts.clients.sql].concat(args, '--batch', '--raw', '--skip-column-names');
  /** A statement by the administrator, in the server's own container. */
  const ask = async (node: Node, sql: string): Promise<string> =>
    (await site.operator.run(client(node, '--defaults-extra-file=/run/secrets/database-admin-client'), site.folder, sql)).trim();
  /** The same as the application, at the address that a variable gives it, from beside it in the network. */
  const askAt = (
    variable: string,
    sql: string,
    { at, tls = verified }: { at?: Node; tls?: readonly string[] } = {},
  ): Promise<RunResult> => {
    const found = new RegExp(`^${variable}='?mysql://([^:]+):([^@]+)@([^:]+):3306/(\\w+)`, 'm').exec(site.read('secrets/web.env'));
    const [user, password, host, database] = (found ?? []).slice(1);
    const login = [`--user=${user}`, `--password=${password}`, `--host=${at ?? host}`, `--database=${database}`, '--protocol=tcp', ...tls];
    return site.operator.attempt(client('database', ...login), site.folder, sql);
  };
  const containerOf = (node: Node): Promise<string> => run(['docker', 'ps', '-aq', '--filter', `name=^${name}-${node}-1$`]);
  const inspect = async (node: Node, what: string): Promise<string> =>
    run(['docker', 'inspect', '--format', `{{${what}}}`, await containerOf(node)]);
  const logOf = (node: Node): Promise<string> => site.compose('logs', '--no-log-prefix', node);
  const until = async (holds: () => Promise<boolean>, what: string): Promise<void> => {
    await untilSeen(holds, what, { tell: async () => (await logOf('database-replica')).slice(-2000) });
  };
  /** A row written on the primary comes to be read on each replica. */
  const follows = async (word: string): Promise<void> => {
    const written = await askAt(
      'DATABASE_URL',
      `CREATE TABLE IF NOT EXISTS lab_words (word varchar(20)); INSERT INTO lab_words VALUES ('${word}')`,
    );
    expect(written, written.stderr).toMatchObject({ code: 0 });
    for (const replica of replicas)
      await until(
        async () =>
          (await askAt('DATABASE_READ_URL', `SELECT count(*) FROM lab_words WHERE word = '${word}'`, { at: replica })).stdout.trim() ===
          '1',
        `${replica} knows ${word}`,
      );
  };
  const positionOf = async (node: Node): Promise<string> => (await ask(node, `SELECT ${position}`)).replaceAll(/\s/g, '');
  /** Not one transaction of its own; MariaDB says by the number of a server who made one. */
  const nothingOfItsOwn = async (): Promise<void> => {
    for (const replica of replicas) {
      const mine = await positionOf(replica);
      if (engine === 'mysql') expect(await ask('database', `SELECT GTID_SUBTRACT('${mine}', @@GLOBAL.gtid_executed)`)).toBe('');
      else expect(mine.split(',').filter((gtid) => gtid !== '' && !/^0-1-\d+$/.test(gtid))).toEqual([]);
    }
  };
  /** All the log that the primary has is younger than this. */
  const purge = async (): Promise<void> => {
    await ask('database', 'CREATE DATABASE IF NOT EXISTS lab_purged; DROP DATABASE lab_purged; FLUSH BINARY LOGS');
    const newest = (await ask('database', 'SHOW BINARY LOGS')).split('\n').at(-1)?.split('\t')[0] ?? '';
    // A log that is still being sent to somebody stays, without a word; who was sent it is gone a moment later.
    await until(async () => {
      await ask('database', `PURGE BINARY LOGS TO '${newest}'`);
      return (await ask('database', 'SHOW BINARY LOGS')).split('\n').length === 1;
    }, 'the log is gone');
  };
  const filesOf = async (node: Node): Promise<readonly string[]> =>
    (
      await run(['docker', 'run', '--rm', '--network', 'none', '-v', `${name}_${node}-data:/at:ro`, 'debian:trixie-slim', 'ls', '/at'])
    ).split('\n');

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    writeFileSync(join(operator.home, 'spec.yaml'), specOf(engine, network, https));
    await operator.run(['berth', 'init', name, '--from', 'spec.yaml', '--profile', 'recommended'], operator.home);
    firstUp = await site.up();
  });
  afterAll(async () => {
    await site?.remove();
    // The last test has taken it out of what Compose knows of.
    await attempt(['docker', 'volume', 'rm', '--force', ...replicas.map((replica) => `${name}_${replica}-data`)]);
    operator?.[Symbol.dispose]();
  });

  test('comes up whole from an empty folder, both replicas following', async () => {
    expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
    for (const replica of replicas) {
      expect(await inspect(replica, '.State.Health.Status')).toBe('healthy');
      expect(await inspect(replica, '(index .State.Health.Log 0).Output')).not.toContain('NULL');
    }
    const ids = await Promise.all((['database', ...replicas] as const).map((node) => ask(node, 'SELECT @@server_id')));
    expect(ids).toEqual(['1', '2', '3']);
    await follows('first');
    await nothingOfItsOwn();
  });

  test('speaks TLS alone on every way, and checks whom it speaks to', async () => {
    expect((await askAt('DATABASE_URL', 'SELECT 1', { tls: facts.clients.tls.off })).stderr).toMatch(
      /require_secure_transport|insecure transport/,
    );
    for (const at of ['database', ...replicas] as const)
      expect((await askAt('DATABASE_READ_URL', "SHOW STATUS LIKE 'Ssl_version'", { at })).stdout).toContain('TLSv1.3');
    // An address is no name in its certificate.
    const byAddress = `address=$(getent hosts database | cut -d ' ' -f 1) && ${facts.clients.sql} --defaults-extra-file=/run/secrets/database-replication-client --host=$address --execute='SELECT 1'`;
    const refused = await site.operator.attempt(
      ['docker', 'compose', 'exec', '-T', 'database-replica', 'sh', '-c', byAddress],
      site.folder,
    );
    expect(refused.stderr).toMatch(/certificate|verification/i);
    const status = `echo 'SHOW REPLICA STATUS' | ${facts.clients.sql} --defaults-extra-file=/run/secrets/database-admin-client --vertical`;
    for (const replica of replicas) {
      const state = await site.compose('exec', '-T', replica, 'sh', '-c', status);
      expect(state).toMatch(/_SSL_Allowed: Yes/);
      expect(state).toMatch(/_SSL_CA_File: \/run\/secrets\/site-ca/);
      expect(state).toMatch(/_SSL_Verify_Server_Cert: Yes/);
    }
  });

  test('takes no write where it is read', async () => {
    for (const statement of ["INSERT INTO lab_words VALUES ('second')", 'CREATE TABLE lab_no (a int)'])
      expect((await askAt('DATABASE_READ_URL', statement)).stderr).toMatch(/--(super-)?read-only/);
    if (engine === 'mysql') await expect(ask('database-replica', 'CREATE DATABASE lab_no')).rejects.toThrow(/--super-read-only/);
  });

  test('runs the replica with exactly the settings of the plan', async () => {
    const plan = JSON.parse(await site.berth('plan', '--json')) as PlanJson;
    const settings = (plan.databases[0]?.replicas[0]?.settings ?? []).slice(-8);
    const rows = (await ask('database-replica', 'SHOW GLOBAL VARIABLES')).split('\n').map((line) => line.split('\t') as [string, string]);
    const running = new Map([...rows, ['skip_slave_start', 'ON'] as const]);
    const size = (value: string) => (/^\d+M$/.test(value) ? String(Number.parseInt(value, 10) * 1024 * 1024) : value);
    expect(Object.fromEntries(settings.map(({ name: key }) => [key, running.get(key)]))).toEqual(
      Object.fromEntries(settings.map(({ name: key, value }) => [key, size(value)])),
    );
    expect([running.get('server_id'), running.get('read_only')]).toEqual(['2', 'ON']);
  });

  test('gives each account what the facts of the engine say, and shows the password of the replica nowhere', async () => {
    const { replication, healthOfReplica } = facts.accounts;
    const grantsOf = async (node: Node, user: string, host: string) =>
      (await ask(node, `SHOW GRANTS FOR '${user}'@'${host}'`)).split('\n').map((line) => line.replace(/ IDENTIFIED .*/, ''));
    for (const node of ['database', ...replicas] as const) {
      expect(await grantsOf(node, account, replication.host)).toEqual(replication.grants(account));
      expect(await grantsOf(node, facts.healthAccount, healthOfReplica.host)).toEqual(healthOfReplica.grants(facts.healthAccount));
    }
    const password = /password=(\S+)/.exec(site.read('secrets/database-replication-client'))?.[1] ?? '?';
    const seen = [
      await site.compose('exec', '-T', 'database-replica', 'sh', '-c', 'cat /proc/*/cmdline /proc/*/environ 2>/dev/null | tr "\\0" " "'),
      await run(['docker', 'inspect', await containerOf('database-replica')]),
      await logOf('database-replica'),
      await logOf('database'),
    ];
    expect(seen.map((text) => text.includes(password))).toEqual(seen.map(() => false));
  });

  test('keeps every container on a second `up`, and makes no transaction', async () => {
    const [ids, before] = [await site.ids(), await positionOf('database')];
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(ids);
    expect(await positionOf('database')).toBe(before);
  });

  test('catches up when the process of the replica is killed', async () => {
    const id = await containerOf('database-replica');
    // Its server alone: what started it ends with it, and the container starts anew.
    await run(['docker', 'exec', id, 'sh', '-c', `kill -9 $(cat ${facts.socketFolder}/mysqld.pid)`]);
    await follows('killed');
    expect(Number(await inspect('database-replica', '.RestartCount'))).toBe(1);
  });

  test('takes a new password and new certificates, and the old password is refused', async () => {
    const old = site.read('secrets/database-replication-client');
    const drawn = async () => (await askAt('DATABASE_URL', "SHOW STATUS LIKE 'Ssl_server_not_before'")).stdout;
    const before = await drawn();
    await site.berth('secrets', 'rotate', 'database-replication');
    await site.berth('certs', 'renew', '--internal');
    expect(await site.up()).toMatchObject({ code: 0 });
    await follows('rotated');
    expect(await drawn()).not.toBe(before);
    const password = /password=(\S+)/.exec(old)?.[1] ?? '';
    const refused = await site.operator.attempt(
      client('database-replica', '--host=database', `--user=${account}`, `--password=${password}`, ...verified),
      site.folder,
      'SELECT 1',
    );
    expect(refused.stderr).toMatch(/Access denied/);
  });

  test('begins anew when the primary has removed log that it misses, and says so once', async () => {
    await site.compose('stop', 'database-replica');
    expect(await inspect('database-replica', '.State.ExitCode')).toBe('0');
    await ask('database', 'CREATE TABLE IF NOT EXISTS mysql.lab_gone (a int); DROP TABLE mysql.lab_gone');
    await purge();
    expect(await site.up()).toMatchObject({ code: 0 });
    await follows('anew');
    expect((await logOf('database-replica')).match(/has removed log that is missing here/g)).toHaveLength(1);
    await nothingOfItsOwn();
  });

  test('joins empty after log was removed, although its first start was killed half-way', async () => {
    await site.compose('rm', '--stop', '--force', 'database-replica');
    await run(['docker', 'volume', 'rm', `${name}_database-replica-data`]);
    await purge();
    const up = site.up();
    await killOnce(
      () => containerOf('database-replica'),
      `${facts.replication.copyFolder}/${engine === 'mysql' ? 'scratch' : 'data'}/mysql`,
    );
    await up;
    expect(await filesOf('database-replica')).toContain('copy');
    expect(await filesOf('database-replica')).not.toContain('data');
    expect(await site.up()).toMatchObject({ code: 0 });
    await follows('joined');
    expect(await filesOf('database-replica')).not.toContain('copy');
    await nothingOfItsOwn();
  });

  test('removes nothing when the primary is another database than the one copied here', async () => {
    // It misses the trouble, and is to find its way back after it.
    await site.compose('stop', 'database-replica-2');
    await site.compose('rm', '--stop', '--force', 'database');
    await run(['docker', 'volume', 'rm', `${name}_database-data`]);
    await site.compose('up', '-d', 'database', 'database-accounts');
    await until(async () => (await inspect('database', '.State.Health.Status')) === 'healthy', 'the new primary is healthy');
    await until(async () => (await logOf('database-replica')).includes('is not the database that was copied here'), 'it says so');
    const words = `SELECT count(*) FROM ${name.replaceAll('-', '_')}.lab_words WHERE word = 'joined'`;
    await until(async () => (await ask('database-replica', words)) === '1', 'it has what it had');
  });

  test('takes the place of a primary that is lost, by the commands of SITE.md', async () => {
    const section = /## When a primary is lost[\s\S]*?(?=\n## |$)/.exec(site.read('SITE.md'))?.[0] ?? '';
    const [asking = [], commands = []] = [...section.matchAll(/```sh\n([\s\S]*?)\n```/g)].map(([, text = '']) => text.split('\n'));
    const [asked = ''] = asking;
    expect(await site.operator.run(['sh', '-c', asked], site.folder)).toMatch(/_Log_File: binlog\.\d+\s+Read_\w+_Log_Pos: \d+/);
    expect(commands.join()).toContain('promote.sh');
    const [stop = '', promote = '', ...rest] = commands;
    await site.operator.run(['sh', '-c', stop], site.folder);
    await site.operator.run(['sh', '-c', promote], site.folder);
    expect(await site.operator.run(['sh', '-c', promote], site.folder)).toContain('no replica any more');
    await expect(site.compose('exec', '-T', 'database-replica', 'test', '-e', markFile)).rejects.toThrow();
    for (const command of rest) await site.operator.run(['sh', '-c', command], site.folder);
    expect((await askAt('DATABASE_URL', "SELECT count(*) FROM lab_words WHERE word = 'joined'")).stdout.trim()).toBe('1');
    await follows('promoted');
  });

  test('leaves no account behind once it is not wanted any more', async () => {
    site.edit('berth.yaml', (text) => text.replace('topology: cluster', 'topology: single'));
    await site.berth('generate');
    await site.operator.run(['docker', 'compose', 'up', '-d', '--wait', '--remove-orphans'], site.folder);
    for (const replica of replicas) expect(Object.keys(await site.ids())).not.toContain(`${name}-${replica}-1`);
    expect(await ask('database', `SELECT count(*) FROM mysql.user WHERE user = '${account}'`)).toBe('0');
    expect((await askAt('DATABASE_READ_URL', "SELECT count(*) FROM lab_words WHERE word = 'promoted'")).stdout.trim()).toBe('1');
  });
});
