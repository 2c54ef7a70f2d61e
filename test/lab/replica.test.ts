import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { postgres } from '../../model/engines/postgres.ts';
import type { EngineSetting } from '../../model/engine-setting.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import type { RunResult } from './process.ts';
import { killOnce, until as untilSeen } from './until.ts';
import { Visitor } from './visitor.ts';

interface PlanJson {
  readonly databases: readonly {
    readonly replicas: readonly { readonly service: string; readonly settings: readonly EngineSetting[] }[];
  }[];
}
const replicas = ['database-replica', 'database-replica-2'] as const;
/** All that copy the primary, as the plan lists them. */
const copies = [...replicas, 'database-analytics'] as const;
type Node = 'database' | (typeof copies)[number];

const { account, slots } = postgres.replication;
const [slot] = slots;
const inMegabytes = (value: string): number => Number(/^(\d+)MB$/.exec(value)?.[1]);
/** `4GB` and `4096MB` are the same. */
const inKilobytes = (value: string): string => {
  const match = /^(\d+)(kB|MB|GB)$/.exec(value);
  return match ? String(Number(match[1]) * ({ kB: 1, MB: 1024, GB: 1024 * 1024 }[match[2] ?? 'kB'] ?? 1)) : value;
};

describe('a site of profile recommended with PostgreSQL, a primary, two replicas and one for analytics', () => {
  const name = 'lab-replica';
  // A name of its own: another checkout may be trying its sample at the same time.
  const image = `berth/hello-${name}:0.1.0`;
  let operator: Operator;
  let site: LabSite;
  let visitor: Visitor;
  let plan: PlanJson;
  let firstUp: RunResult;

  /** A statement by the administrator, in the server's own container. */
  const ask = async (node: Node, sql: string): Promise<string> =>
    (
      await site.operator.run(
        ['docker', 'compose', 'exec', '-T', '-e', `PGPASSWORD=${site.read('secrets/database-admin')}`, node].concat(
          `psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --host=127.0.0.1 --username=postgres --dbname=lab_replica`.split(
            ' ',
          ),
        ),
        site.folder,
        sql,
      )
    ).trim();
  /** The same as the application, at the address that a variable gives it, from beside it in the network. */
  const askAt = (variable: string, sql: string): Promise<RunResult> => {
    // Past PgBouncer, which has rows of its own: it keeps the address of a server for as long as the DNS of Docker says, ten minutes.
    const address = addressOf(variable)
      .replace('database-pgbouncer:6432/lab_replica_read', 'database-read:5432/lab_replica')
      .replace('database-pgbouncer:6432', 'database:5432');
    return askThrough(address, sql);
  };
  const addressAt = (node: Node): string => addressOf('DATABASE_URL').replace('database-pgbouncer:6432', `${node}:5432`);
  const addressOf = (variable: string): string => new RegExp(`^${variable}='?([^'\n]+)`, 'm').exec(site.read('secrets/web.env'))?.[1] ?? '';
  const askThrough = (address: string, sql: string): Promise<RunResult> => {
    return site.operator.attempt(
      ['docker', 'compose', 'exec', '-T', 'database', 'psql', '--no-psqlrc', '--quiet', '--tuples-only', '--no-align', address, '-c', sql],
      site.folder,
    );
  };
  const containerOf = (node: Node): Promise<string> => run(['docker', 'ps', '-aq', '--filter', `name=^${name}-${node}-1$`]);
  const inspect = async (node: Node, what: string): Promise<string> =>
    run(['docker', 'inspect', '--format', `{{${what}}}`, await containerOf(node)]);
  const logOf = (node: Node): Promise<string> => site.compose('logs', '--no-log-prefix', node);
  const until = async (holds: () => Promise<boolean>, what: string): Promise<void> => {
    // With what its script asks, asked in its place.
    const tell = async () =>
      [
        (await logOf('database-replica')).slice(-2000),
        await ask('database', 'SELECT slot_name, active, restart_lsn, wal_status, invalidation_reason FROM pg_replication_slots'),
        JSON.stringify(await attempt(['docker', 'exec', `${name}-database-replica-1`, 'getent', 'hosts', 'database'])),
      ].join('\n');
    await untilSeen(holds, what, { tell });
  };
  const healthy = (node: Node) => until(async () => (await inspect(node, '.State.Health.Status')) === 'healthy', `${node} is healthy`);
  const streaming = () =>
    until(
      async () =>
        (await ask(
          'database',
          "SELECT string_agg(application_name || ' ' || state, ',' ORDER BY application_name) FROM pg_stat_replication",
        )) ===
        [...copies]
          .sort()
          .map((one) => `${one} streaming`)
          .join(),
      'all that copy it stream',
    );
  /** A row written on the primary comes to be read on each replica. */
  const follows = async (word: string): Promise<void> => {
    const written = await askAt(
      'DATABASE_URL',
      `SET client_min_messages = error; CREATE TABLE IF NOT EXISTS lab_words (word text); INSERT INTO lab_words VALUES ('${word}')`,
    );
    expect(written, written.stderr).toMatchObject({ code: 0 });
    for (const replica of copies)
      await until(
        async () => (await askThrough(addressAt(replica), `SELECT count(*) FROM lab_words WHERE word = '${word}'`)).stdout.trim() === '1',
        `${replica} knows ${word}`,
      );
  };
  /** Segments of the log of which the primary keeps none: written, and recycled by a checkpoint. */
  const writeLog = async (megabytes: number): Promise<void> => {
    for (let written = 0; written < megabytes; written += 16)
      await ask('database', "SELECT pg_logical_emit_message(false, 'lab', 'x'); SELECT pg_switch_wal()");
    await ask('database', 'CHECKPOINT');
  };
  const noticed = 'stops, to begin anew with a copy';
  /** What a replica does that asks for log once more, if its first word comes before the refusal: the slot has a position again, and is as lost as it was. */
  const giveLostSlotAPosition = async (): Promise<void> => {
    const receive = `mkdir /tmp/log; PGSSLMODE=disable PGPASSWORD=$(cat /run/secrets/database-replication) timeout 10 pg_receivewal --host=database --username=${account} --slot=${slot} --directory=/tmp/log --status-interval=1; rm -r /tmp/log`;
    const state = `SELECT wal_status || ' ' || (restart_lsn IS NOT NULL) FROM pg_replication_slots WHERE slot_name = '${slot}'`;
    // By TLS its first word comes too late: for these moments it is let in without.
    const rules = 'config/database/pg_hba.conf';
    const before = site.read(rules);
    const obey = async (change: () => string): Promise<void> => {
      site.edit(rules, change);
      await ask('database', 'SELECT pg_reload_conf()');
    };
    try {
      await obey(() => before.replaceAll('hostssl', 'host   '));
      await until(async () => {
        // It looks twice a minute, and may have looked just now.
        if ((await logOf('database-replica')).includes(noticed)) return true;
        // It may notice, and stop, in the middle of this.
        await attempt(['docker', 'exec', await containerOf('database-replica'), 'bash', '-c', receive]);
        return (await ask('database', state)) === 'lost true';
      }, 'the lost slot has a position');
    } finally {
      await obey(() => before);
    }
  };
  const oldestLog = (): Promise<string> => ask('database', "SELECT min(name) FROM pg_ls_waldir() WHERE name ~ '^[0-9A-F]{24}$'");
  const filesOf = (node: Node): Promise<string> =>
    run(['docker', 'run', '--rm', '--network', 'none', '-v', `${name}_${node}-data:/at:ro`, 'debian:trixie-slim', 'ls', '/at']);
  const dropReplica = async (): Promise<void> => {
    await site.compose('rm', '--stop', '--force', 'database-replica');
    await run(['docker', 'volume', 'rm', `${name}_database-replica-data`]);
  };

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const set = [
      'network=10.219.0.0/22',
      'edge.http=18082',
      'edge.https=18445',
      'internalTls=true',
      `services.web.image=${image}`,
      'services.web.replicas=1',
      'services.web.memory=512Mi',
      'services.web.pool=5',
      'databases.database.topology=cluster',
      'databases.database.analytics={ memory: 1Gi, queryTimeout: 5s }',
      'databases.database.memory=1Gi',
      'databases.database.disk=2Gi',
      `databases.database.extensions=[${postgres.extensions.join(', ')}]`,
      'databases.database.pgbouncer={ connections: 8 }',
      'databases.database.maintenance={ vacuum: "30 3 * * 0" }',
      'caches.cache.memory=256Mi',
      'caches.cache.topology=single',
    ];
    await operator.run(['berth', 'init', name, '--profile', 'recommended', ...set.flatMap((one) => ['--set', one])], operator.home);
    plan = JSON.parse(await site.berth('plan', '--json')) as PlanJson;
    await operator.run(['docker', 'build', '--quiet', '--tag', image, 'app'], site.folder);
    firstUp = await site.up();
    visitor = new Visitor(site.read('secrets/tls/ca.crt'), 18_445);
  });
  afterAll(async () => {
    visitor?.close();
    await site?.remove();
    // It belongs to no service any more, so `down` leaves it.
    await attempt(['docker', 'volume', 'rm', '--force', ...copies.map((replica) => `${name}_${replica}-data`)]);
    await operator?.attempt(['docker', 'image', 'rm', image], operator.home);
    operator?.[Symbol.dispose]();
  });

  test('comes up whole from an empty folder, both replicas streaming', async () => {
    expect(firstUp, firstUp.stderr.slice(-2000)).toMatchObject({ code: 0 });
    await streaming();
    for (const replica of copies) {
      expect(await inspect(replica, '.State.Health.Status')).toBe('healthy');
      expect(await ask(replica, 'SELECT pg_is_in_recovery()')).toBe('t');
    }
    expect(await ask('database', "SELECT string_agg(slot_name, ',' ORDER BY slot_name) FROM pg_replication_slots")).toBe(
      [...postgres.replication.slots].sort().join(),
    );
    await visitor.until('/api/health', ({ status }) => status === 200);
  });

  test('has every extension that may be asked for, and counts statements on every server', async () => {
    const names = (await ask('database', "SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY extname")).split('\n');
    expect(names.sort()).toEqual([...postgres.extensions].sort());
    expect(
      await ask('database', "SELECT name FROM pg_available_extensions WHERE name <> 'plpgsql'").then((all) => all.split('\n').sort()),
    ).toEqual([...postgres.extensions].sort());
    for (const node of ['database', ...copies] as const)
      expect(Number(await ask(node, 'SELECT count(*) FROM pg_stat_statements'))).toBeGreaterThan(0);
    // The application sees its own.
    expect((await askAt('DATABASE_URL', 'SELECT count(*) > 0 FROM pg_stat_statements')).stdout.trim()).toBe('t');
  });

  test('is reached through PgBouncer, by few connections for many clients, and read on the replica through it', async () => {
    const [address, read] = [addressOf('DATABASE_URL'), addressOf('DATABASE_READ_URL')] as const;
    expect([address, read]).toEqual([
      expect.stringMatching(/@database-pgbouncer:6432\/lab_replica\?sslmode=verify-full&sslrootcert=\/run\/secrets\/site-ca$/),
      expect.stringMatching(/@database-pgbouncer:6432\/lab_replica_read\?sslmode=verify-full&sslrootcert=\/run\/secrets\/site-ca$/),
    ]);
    expect((await askThrough(read, 'SELECT pg_is_in_recovery()')).stdout.trim()).toBe('t');
    expect((await askThrough(address, 'SELECT pg_is_in_recovery()')).stdout.trim()).toBe('f');
    // Sixteen at once, each for a second: eight connections serve them in turns.
    const started = Date.now();
    const clients = Array.from({ length: 16 }, () => askThrough(address, 'SELECT pg_sleep(1)'));
    await sleep(1500);
    const open = await ask('database', "SELECT count(*) FROM pg_stat_activity WHERE usename = 'lab_replica'");
    const ended = await Promise.all(clients);
    expect(ended.map(({ code, stderr }) => [code, stderr])).toEqual(ended.map(() => [0, '']));
    expect(Number(open)).toBeLessThanOrEqual(8);
    expect(Date.now() - started).toBeGreaterThanOrEqual(2000);
  });

  test('speaks TLS between all of its services, and to nobody without it', async () => {
    const seen = await ask(
      'database',
      "SELECT string_agg(DISTINCT usename || ' ' || coalesce(version, 'plain'), ',') FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL AND client_addr <> '127.0.0.1'",
    );
    expect(seen.split(',').sort()).toEqual([`${account} TLSv1.3`, 'lab_replica TLSv1.3']);
    const plain = (address: string) => askThrough(address.replace(/\?.*/, '?sslmode=disable'), 'SELECT 1');
    expect((await plain(addressOf('DATABASE_URL').replace('-pgbouncer:6432', ':5432'))).stderr).toMatch(
      /no pg_hba\.conf entry.*no encryption/,
    );
    expect((await plain(addressOf('DATABASE_URL'))).stderr).toMatch(/SSL required/);
    const direct = addressOf('DATABASE_URL').replace('-pgbouncer:6432', ':5432');
    const stranger = await askThrough(direct.replace('/run/secrets/site-ca', 'system'), 'SELECT 1');
    expect(stranger.stderr).toMatch(/certificate verify failed/);
    const cache = (script: string) => site.operator.attempt(['docker', 'compose', 'exec', '-T', 'cache', 'sh', '-c', script], site.folder);
    const tls = '--tls --cacert /run/secrets/site-ca';
    expect((await cache(`valkey-cli -h cache ${tls} ping`)).stdout.trim()).toBe('PONG');
    expect((await cache('valkey-cli -h cache ping')).stdout).not.toContain('PONG');
    expect((await cache('valkey-cli -h cache --tls ping')).stdout).not.toContain('PONG');
    const store = (script: string) => site.operator.attempt(['docker', 'compose', 'exec', '-T', 'files', 'sh', '-c', script], site.folder);
    const health = 'files:9000/minio/health/live -o /dev/null -s -w "%{http_code}"';
    expect((await store(`curl --cacert /run/secrets/site-ca https://${health}`)).stdout).toBe('200');
    expect((await store(`curl http://${health}`)).stdout).toBe('400');
    expect((await store(`env -u SSL_CERT_FILE curl https://${health}`)).stdout).toBe('000');
    await visitor.until('/api/health', ({ status }) => status === 200);
  });

  test('serves by new certificates once they are renewed, and its clients go on', async () => {
    const serial = async (host: string, port: number, more = '') =>
      (
        await site.operator.attempt(
          [
            'docker',
            'compose',
            'exec',
            '-T',
            'files',
            'sh',
            '-c',
            `openssl s_client -connect ${host}:${port} ${more} </dev/null 2>/dev/null | openssl x509 -noout -serial`,
          ],
          site.folder,
        )
      ).stdout.trim();
    const all = async () => [
      await serial('database', 5432, '-starttls postgres'),
      await serial('database-replica', 5432, '-starttls postgres'),
      await serial('database-pgbouncer', 6432, '-starttls postgres'),
      await serial('cache', 6379),
      await serial('files', 9000),
    ];
    const before = await all();
    expect(before).toEqual(before.map(() => expect.stringMatching(/^serial=[0-9A-F]+$/)));
    expect(await site.berth('certs', 'renew', '--internal')).toContain('docker compose up -d --wait');
    expect(await site.up()).toMatchObject({ code: 0 });
    const after = await all();
    expect(after.filter((one) => before.includes(one))).toEqual([]);
    await streaming();
    await follows('renewed');
    await visitor.until('/api/health', ({ status }) => status === 200);
  });

  test('has a pool that lets in nobody without the password, and knows none itself', async () => {
    const address = /^DATABASE_URL='?([^'\n]+)/m.exec(site.read('secrets/web.env'))?.[1] ?? '';
    const users = site.read('secrets/database-pgbouncer-users');
    expect(users).toMatch(/^"lab_replica" "SCRAM-SHA-256\$4096:/);
    expect(users).not.toContain(new URL(address).password);
    const wrong = address.replace(new URL(address).password, 'x'.repeat(32));
    const refused = await site.operator.attempt(
      ['docker', 'compose', 'exec', '-T', 'database', 'psql', '--no-psqlrc', wrong, '-c', 'SELECT 1'],
      site.folder,
    );
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toMatch(/authentication failed/);
    const settings = await site.compose('exec', '-T', 'database-pgbouncer', 'cat', '/etc/berth/pgbouncer/pgbouncer.ini');
    expect(settings).toMatch(/\ndefault_pool_size = 8\n/);
    expect(await ask('database', 'SHOW max_connections')).toBe('18');
  });

  test('has a pool that finds the primary at another address, and not in ten minutes', async () => {
    const container = await containerOf('database');
    const network = `${name}_data`;
    const address = (): Promise<string> =>
      run(['docker', 'inspect', '--format', `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container]);
    const before = await address();
    await run(['docker', 'kill', container]);
    // Somebody else has its address by then.
    const other = await run(['docker', 'run', '-d', '--rm', '--network', network, '--ip', before, 'debian:trixie-slim', 'sleep', '600']);
    try {
      await run(['docker', 'start', container]);
      expect(await address()).not.toBe(before);
      await until(
        async () => (await askThrough(addressOf('DATABASE_URL'), 'SELECT 1')).stdout.trim() === '1',
        'the pool leads to the primary',
      );
      expect(await site.compose('logs', '--no-color', 'database-pgbouncer')).toContain(`and was at ${before}: starts anew`);
      await visitor.until('/api/health', ({ status }) => status === 200);
    } finally {
      await attempt(['docker', 'rm', '-f', other]);
    }
    await streaming();
  });

  test('is swept and measured by a job, whose work is written down in the statistics', async () => {
    await askAt('DATABASE_URL', 'CREATE TABLE lab_swept AS SELECT 1 AS one');
    const { code, stderr } = await site.operator.attempt(
      ['docker', 'compose', 'run', '--rm', '--no-deps', '--no-TTY', 'database-vacuum'],
      site.folder,
    );
    expect([code, /WARNING|ERROR/i.test(stderr)], stderr).toEqual([0, false]);
    expect(
      await ask(
        'database',
        "SELECT last_vacuum IS NOT NULL AND last_analyze IS NOT NULL FROM pg_stat_user_tables WHERE relname = 'lab_swept'",
      ),
    ).toBe('t');
  });

  test('shows what the application wrote on the primary where it reads, and takes no write there', async () => {
    await visitor.json('/api/visits');
    await follows('first');
    const refused = await askAt('DATABASE_READ_URL', "INSERT INTO lab_words VALUES ('second')");
    expect(refused.stderr).toMatch(/read-only transaction/);
    expect((await askAt('DATABASE_READ_URL', 'CREATE TABLE lab_no (a int)')).stderr).toContain('read-only transaction');
    expect((await askAt('DATABASE_URL', 'CREATE TABLE lab_yes (a int); DROP TABLE lab_yes')).code).toBe(0);
  });

  test('is read under one name on either replica, and on the other one while one is away', async () => {
    const where = async (): Promise<string> => {
      const { stdout, stderr } = await askAt('DATABASE_READ_URL', 'SELECT inet_server_addr()');
      expect(stderr).toBe('');
      return stdout.trim();
    };
    const seen = new Set<string>();
    await until(async () => seen.add(await where()).size === 2, 'both were asked');
    await site.compose('stop', 'database-replica');
    const left = await where();
    expect(seen).toContain(left);
    expect(await where()).toBe(left);
    expect(await site.up()).toMatchObject({ code: 0 });
    await streaming();
  });

  test('ends what takes too long on the replica for analytics, where nobody reads who does not ask for it', async () => {
    const { code, stderr } = await askThrough(addressAt('database-analytics'), 'SELECT pg_sleep(60)');
    expect([code, stderr]).toEqual([1, expect.stringContaining('canceling statement due to statement timeout')]);
    const analytics = (await askThrough(addressAt('database-analytics'), 'SELECT inet_server_addr()')).stdout.trim();
    for (const _ of [1, 2, 3, 4, 5])
      expect((await askAt('DATABASE_READ_URL', 'SELECT inet_server_addr()')).stdout.trim()).not.toBe(analytics);
  });

  test.each(copies.map((replica, index) => ({ replica, index })))(
    'runs $replica with exactly the settings of the plan',
    async ({ replica, index }) => {
      const { service, settings = [] } = plan.databases[0]?.replicas[index] ?? {};
      expect(service).toBe(replica);
      expect(settings.length).toBeGreaterThan(30);
      const served = await ask(replica, settings.map(({ name: key }) => `SELECT current_setting('${key}');`).join('\n'));
      expect(served.split('\n').map(inKilobytes)).toEqual(settings.map(({ value }) => inKilobytes(value)));
    },
  );

  test('gives the account of the replica the log and no data, and shows its password nowhere', async () => {
    expect(
      await ask(
        'database',
        `SELECT rolreplication, rolcanlogin, rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls FROM pg_roles WHERE rolname = '${account}'`,
      ),
    ).toBe('t|t|f');
    const password = site.read('secrets/database-replication');
    const elsewhere = await site.operator.attempt(
      [
        'docker',
        'compose',
        'exec',
        '-T',
        '-e',
        `PGPASSWORD=${password}`,
        'database-replica',
        'psql',
        `host=database user=${account} dbname=lab_replica`,
        '-c',
        'SELECT 1',
      ],
      site.folder,
    );
    expect(elsewhere.stderr).toContain('no pg_hba.conf entry');
    expect(await ask('database-replica', 'SHOW primary_conninfo')).not.toContain(password);
    expect(
      await site.compose('exec', '-T', 'database-replica', 'sh', '-c', 'cat /proc/*/cmdline 2>/dev/null | tr "\\0" " "'),
    ).not.toContain(password);
    expect(await run(['docker', 'inspect', await containerOf('database-replica')])).not.toContain(password);
  });

  test('keeps every container on a second `up`', async () => {
    const ids = await site.ids();
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(await site.ids()).toEqual(ids);
  });

  test.each(['database', 'database-replica'] as const)('recovers by itself when the process of %s is killed', async (node) => {
    const started = await inspect(node, '.State.StartedAt');
    await run(['kill', '-9', await inspect(node, '.State.Pid')]);
    await until(async () => (await inspect(node, '.State.StartedAt')) !== started, `${node} starts anew`);
    await healthy(node);
    await streaming();
    await follows(`after ${node}`);
  });

  test('takes a new password, and the old one is refused', async () => {
    const old = site.read('secrets/database-replication');
    await site.berth('secrets', 'rotate', 'database-replication');
    expect(site.read('secrets/database-replication')).not.toBe(old);
    expect(await site.up()).toMatchObject({ code: 0 });
    await streaming();
    await follows('rotated');
    const refused = await site.operator.attempt(
      ['docker', 'compose', 'exec', '-T', '-e', `PGPASSWORD=${old}`, 'database-replica', 'psql'].concat(
        `host=database user=${account} dbname=replication replication=true`,
        '-c',
        'IDENTIFY_SYSTEM',
      ),
      site.folder,
    );
    expect(refused.stderr).toContain('password authentication failed');
  });

  test('stops within seconds when it is asked to', async () => {
    const begun = Date.now();
    await site.compose('stop', 'database-replica');
    // Well within the ninety that it has.
    expect(Date.now() - begun).toBeLessThan(60_000);
    expect(await inspect('database-replica', '.State.ExitCode')).toBe('0');
    expect(await site.up()).toMatchObject({ code: 0 });
    await streaming();
  });

  test('follows when the primary is given room for fewer connections', async () => {
    const before = Number(await ask('database', 'SHOW max_connections'));
    site.edit('berth.yaml', (text) => text.replace('connections: 8', 'connections: 5'));
    await site.berth('generate');
    expect(await site.up()).toMatchObject({ code: 0 });
    expect(Number(await ask('database', 'SHOW max_connections'))).toBeLessThan(before);
    await streaming();
    await follows('with fewer');
    await site.compose('restart', 'database-replica');
    await healthy('database-replica');
    expect(await ask('database-replica', 'SHOW max_connections')).toBe(await ask('database', 'SHOW max_connections'));
  });

  test('lets an empty replica join by itself after the primary has recycled its log', async () => {
    await dropReplica();
    // Who sent log to the one that is gone may not have noticed yet.
    const drop = `SELECT pg_drop_replication_slot('${slot}')`;
    await until(async () => (await ask('database', drop)) === '', 'the slot is nobody’s');
    const oldest = await oldestLog();
    await writeLog(20 * 16);
    expect((await oldestLog()) > oldest).toBe(true);
    expect(await site.up()).toMatchObject({ code: 0 });
    await streaming();
    await follows('joined');
  });

  test('bounds the log kept for a replica that is away, which copies everything again once, and says so', async () => {
    await site.compose('stop', 'database-replica');
    const bound = inMegabytes(await ask('database', 'SHOW max_slot_wal_keep_size'));
    await writeLog(bound + 20 * 16);
    expect(await ask('database', `SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${slot}'`)).toBe('lost');
    const kept = Number(await ask('database', 'SELECT sum(size) / 1048576 FROM pg_ls_waldir()'));
    expect(kept).toBeLessThan(bound + 20 * 16);
    // The other one goes on meanwhile.
    expect(
      await ask('database', "SELECT string_agg(application_name || ' ' || state, ',' ORDER BY application_name) FROM pg_stat_replication"),
    ).toBe('database-analytics streaming,database-replica-2 streaming');
    expect(await site.up()).toMatchObject({ code: 0 });
    await streaming();
    await follows('again');
    const said = await logOf('database-replica');
    expect(said.match(/has recycled log that is missing here/g)).toHaveLength(1);
    expect(await filesOf('database-replica')).toBe('pgdata');
  });

  test('notices the same while it runs', async () => {
    // Its way to the primary is cut, as by a network that is gone; it keeps on answering what reads.
    const network = `${name}_data`;
    await run(['docker', 'network', 'disconnect', network, `${name}-database-replica-1`]);
    // Both sides find out within a minute, by their time limits; here they are told.
    await ask('database', 'SELECT pg_terminate_backend(pid) FROM pg_stat_replication');
    await writeLog(inMegabytes(await ask('database', 'SHOW max_slot_wal_keep_size')) + 20 * 16);
    await until(
      async () => (await ask('database', `SELECT wal_status FROM pg_replication_slots WHERE slot_name = '${slot}'`)) === 'lost',
      'the slot is lost',
    );
    await run(['docker', 'network', 'connect', '--alias', 'database-replica', network, `${name}-database-replica-1`]);
    await giveLostSlotAPosition();
    // It may have noticed by now, and be on its way out or back.
    await ask('database-replica', 'SELECT pg_terminate_backend(pid) FROM pg_stat_wal_receiver').catch(() => undefined);
    await until(async () => (await logOf('database-replica')).includes(noticed), 'it notices');
    await healthy('database-replica');
    await streaming();
    await follows('noticed');
  });

  test('begins the copy again when its first start was killed half-way', async () => {
    await ask('database', 'CREATE TABLE lab_bulk AS SELECT n, repeat(md5(n::text), 30) AS text FROM generate_series(1, 400000) AS n');
    await dropReplica();
    const up = site.up();
    await killOnce(() => containerOf('database-replica'), '/var/lib/postgresql/data/copy/base');
    await up;
    expect(await filesOf('database-replica')).toBe('copy');
    expect(await site.up()).toMatchObject({ code: 0 });
    await streaming();
    expect(await filesOf('database-replica')).toBe('pgdata');
    await until(async () => (await ask('database-replica', 'SELECT count(*) FROM lab_bulk')) === '400000', 'all rows are there');
    await ask('database', 'DROP TABLE lab_bulk');
  });

  test('removes nothing when the primary is another database than the one copied here', async () => {
    await follows('kept');
    await site.compose('rm', '--stop', '--force', 'database');
    await run(['docker', 'volume', 'rm', `${name}_database-data`]);
    await site.compose('up', '-d', 'database', 'database-accounts');
    await healthy('database');
    await site.compose('restart', 'database-replica');
    await until(async () => (await logOf('database-replica')).includes('is not the database that was copied here'), 'it says so');
    await healthy('database-replica');
    expect((await askAt('DATABASE_READ_URL', "SELECT count(*) FROM lab_words WHERE word = 'kept'")).stdout.trim()).toBe('1');
  });

  test('takes the place of a primary that is lost, by the commands of SITE.md', async () => {
    const section = /## When a primary is lost[\s\S]*?(?=\n## )/.exec(site.read('SITE.md'))?.[0] ?? '';
    const [asking = [], commands = []] = [...section.matchAll(/```sh\n([\s\S]*?)\n```/g)].map(([, text = '']) => text.split('\n'));
    for (const command of asking) expect(await site.operator.run(['sh', '-c', command], site.folder)).toMatch(/^[0-9A-F]+\/[0-9A-F]+\s*$/);
    expect(commands.join()).toContain('pg_ctl promote');
    for (const command of commands) await site.operator.run(['sh', '-c', command], site.folder);
    for (const replica of copies) await healthy(replica);
    await streaming();
    expect((await askAt('DATABASE_URL', "SELECT count(*) FROM lab_words WHERE word = 'kept'")).stdout.trim()).toBe('1');
    await follows('promoted');
    await visitor.until('/api/health', ({ status }) => status === 200);
  });

  test('leaves no slot and no login behind once it is not wanted any more', async () => {
    site.edit('berth.yaml', (text) => text.replace('topology: cluster', 'topology: single').replace(/,?\s*analytics: \{[^}]*\}/, ''));
    await site.berth('generate');
    for (const _ of ['the container goes', 'what it left goes'])
      await site.operator.run(['docker', 'compose', 'up', '-d', '--wait', '--remove-orphans'], site.folder);
    for (const replica of copies) expect(Object.keys(await site.ids())).not.toContain(`${name}-${replica}-1`);
    expect(await ask('database', 'SELECT count(*) FROM pg_replication_slots')).toBe('0');
    expect(await ask('database', `SELECT rolcanlogin FROM pg_roles WHERE rolname = '${account}'`)).toBe('f');
    expect((await askAt('DATABASE_READ_URL', 'SELECT 1')).stdout.trim()).toBe('1');
  });
});
