import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { farAway } from '../program/far-away.ts';
import { certify } from './certified.ts';
import { IMAGES, ensureImages } from './images.ts';
import { LabSite, Operator } from './installed.ts';
import { attempt, run } from './process.ts';
import { until } from './until.ts';

const name = 'copiedthere';
const ports = { http: 9482, https: 9483 };
const network = `${name}_egress`;
const domain = `${name}.example`;
/** Of whoever runs the servers. */
const administrator = 'in-charge';
const password = 'a "p@ss"/word #2 %2F';
const containerOf = (server: string): string => `${name}-outside-${server}`;

interface Listed {
  readonly backups: readonly { readonly source: string; readonly kind: string; readonly level: number }[];
  readonly restorable: readonly { readonly source: string; readonly spans?: readonly { readonly until: string }[] }[];
}
interface Restored {
  readonly logs: number;
  readonly canary: { readonly late: boolean } | null;
  readonly holds: {
    readonly databases: readonly { readonly name: string; readonly tables: readonly { readonly name: string; readonly rows: string }[] }[];
  };
}

/** A line of an agent. */
interface Said {
  readonly event: string;
  readonly message?: string;
  readonly hint?: string;
}

interface Server {
  readonly image: 'postgres' | 'mariadb';
  readonly agent: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: string;
  /** As its administrator, with statements at its standard input. */
  readonly client: string;
  readonly now: string;
  readonly table: string;
  /** What keeps the account of the backups out, and lets it in again. */
  readonly out: string;
  readonly back: string;
  readonly cure: string;
  /** The same of what a full backup needs. */
  readonly fullOut: string;
  readonly fullBack: string;
  readonly fullCure: string;
}

const servers: Readonly<Record<'database' | 'orders', Server>> = {
  database: {
    image: 'postgres',
    agent: 'agent-postgres',
    env: { POSTGRES_USER: 'dba', POSTGRES_DB: 'shop', POSTGRES_PASSWORD: administrator },
    command:
      'install -d -o postgres /own && install -m 600 -o postgres /tls/* /own && exec docker-entrypoint.sh postgres -c ssl=on -c ssl_cert_file=/own/cert.pem -c ssl_key_file=/own/key.pem',
    client: 'psql --username=dba --dbname="$0" --quiet --no-align --tuples-only --set=ON_ERROR_STOP=1',
    now: `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`,
    table: 'public.ledger',
    out: 'ALTER ROLE berth_backup NOLOGIN',
    back: 'ALTER ROLE berth_backup LOGIN',
    cure: 'run ALTER ROLE berth_backup LOGIN as administrator of the server',
    fullOut: 'ALTER ROLE berth_backup NOREPLICATION',
    fullBack: 'ALTER ROLE berth_backup REPLICATION',
    fullCure: 'run ALTER ROLE berth_backup REPLICATION as administrator of the server',
  },
  orders: {
    image: 'mariadb',
    agent: 'agent-mariadb',
    env: { MARIADB_DATABASE: 'orders', MARIADB_ROOT_PASSWORD: administrator },
    command:
      'install -d -o mysql /own && install -m 600 -o mysql /tls/* /own && exec docker-entrypoint.sh mariadbd --log-bin=binlog --binlog-format=ROW --binlog-checksum=CRC32 --ssl-cert=/own/cert.pem --ssl-key=/own/key.pem',
    client: `MYSQL_PWD=${administrator} mariadb --protocol=tcp --host=127.0.0.1 --skip-ssl --user=root --batch --skip-column-names "$0"`,
    now: "SELECT CONCAT(LEFT(DATE_FORMAT(UTC_TIMESTAMP(3), '%Y-%m-%dT%T.%f'), 23), 'Z')",
    table: 'ledger',
    out: 'ALTER USER berth_backup ACCOUNT LOCK',
    back: 'ALTER USER berth_backup ACCOUNT UNLOCK',
    cure: 'run ALTER USER berth_backup ACCOUNT UNLOCK as administrator of the server',
    fullOut: 'REVOKE SELECT ON *.* FROM berth_backup',
    fullBack: 'GRANT SELECT ON *.* TO berth_backup',
    fullCure: 'run GRANT SELECT, REPLICATION SLAVE',
  },
};
const databases = ['database', 'orders'] as const;
type Database = (typeof databases)[number];
const nameThere = { database: 'shop', orders: 'orders' } as const;

describe('databases that stand elsewhere', () => {
  let operator: Operator;
  let site: LabSite;
  const at = async (database: Database, statement: string, where: string = nameThere[database]): Promise<string> => {
    const { code, stdout, stderr } = await attempt(
      ['docker', 'exec', '--interactive', containerOf(database), 'sh', '-c', servers[database].client, where],
      { input: statement },
    );
    if (code !== 0) throw new Error(`${database}: ${stderr}`);
    return stdout.trim();
  };
  const list = async (): Promise<Listed> => JSON.parse(await site.berth('backup', 'list', '--json')) as Listed;
  const reach = async (database: Database): Promise<string> =>
    (await list()).restorable.find(({ source }) => source === database)?.spans?.at(-1)?.until ?? '';
  const restore = (database: Database, ...more: readonly string[]): readonly string[] => [
    'restore',
    '--only',
    'database',
    '--name',
    database,
    ...more,
  ];
  const rowsAt = async (database: Database, ...when: readonly string[]): Promise<string | undefined> => {
    const { holds, canary, logs } = JSON.parse(await site.berth(...restore(database, ...when, '--into', 'scratch', '--json'))) as Restored;
    expect(canary).toMatchObject({ late: false });
    expect(logs).toBeGreaterThan(0);
    return holds.databases.find((one) => one.name === nameThere[database])?.tables.find((one) => one.name === servers[database].table)
      ?.rows;
  };
  const said = async (database: Database): Promise<readonly Said[]> => {
    const lines = (await site.compose('logs', '--no-log-prefix', '--no-color', servers[database].agent)).split('\n');
    return lines.flatMap((line) => (line.includes('{') ? [JSON.parse(line.slice(line.indexOf('{'))) as Said] : []));
  };
  /** The trouble that its log has now, as its agent tells it. */
  const trouble = async (database: Database): Promise<Said | undefined> => {
    const last = (await said(database)).findLast(({ event }) => event.startsWith('log '));
    return last?.event === 'log not shipped' ? last : undefined;
  };
  /** The block of a language below a heading of SITE.md. */
  const fromRunbook = (heading: string, language: string, nth = 0): string => {
    const part = site.read('SITE.md').split(`### ${heading}\n`)[1] ?? expect.unreachable(`no ${heading}`);
    return [...part.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm'))][nth]?.[1] ?? expect.unreachable('no block');
  };
  const place = async (database: Database): Promise<void> => {
    const { image, env, command } = servers[database];
    const options = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const where = [
      '--network',
      network,
      '--network-alias',
      `${database}.${domain}`,
      '--volume',
      `${join(operator.home, 'company')}:/tls:ro`,
    ];
    const container = ['--detach', '--name', containerOf(database), '--user', '0', ...where, ...options];
    await run(['docker', 'run', ...container, '--entrypoint', 'sh', IMAGES[image].reference, '-ec', command]);
    await until(
      () =>
        at(database, 'SELECT 1').then(
          () => true,
          () => false,
        ),
      `${database} answers`,
    );
  };

  beforeAll(async () => {
    operator = await Operator.create();
    await ensureImages(['postgres', 'mariadb', 'node']);
    for (const database of databases) await attempt(['docker', 'rm', '--force', '--volumes', containerOf(database)]);
    site = await LabSite.create(operator, name);
    const authority = await certify(
      join(operator.home, 'company'),
      databases.map((database) => `${database}.${domain}`),
    );
    const store = await operator.makeFolder('backups');
    const own = await operator.ids();
    const external = (database: Database, more: object) => ({ host: `${database}.${domain}`, user: 'shop', tls: 'verify', backup: more });
    const set = {
      'edge.http': ports.http,
      'edge.https': ports.https,
      'network': '10.235.12.0/22',
      'trust': { corp: authority },
      'backups': {
        folder: store,
        user: own,
        databases: { rpo: 6, schedule: farAway(), prove: farAway() },
        buckets: 'none',
        caches: 'none',
      },
      'databases.database': { engine: 'postgres', name: 'shop', external: external('database', {}) },
      'databases.orders': { engine: 'mariadb', name: 'orders', external: external('orders', {}) },
      'services.web.uses': { database: 'DATABASE_URL', orders: 'ORDERS_URL', cache: 'REDIS_URL', files: 'S3' },
    };
    const settings = Object.entries(set).flatMap(([path, value]) => ['--set', `${path}=${JSON.stringify(value)}`]);
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...settings], operator.home);
    mkdirSync(join(site.folder, 'secrets/supplied'), { recursive: true });
    for (const database of databases)
      for (const whose of ['app', 'backup'])
        writeFileSync(join(site.folder, 'secrets/supplied', `${database}-${whose}`), `${password}\n`, { mode: 0o644 });
    await site.berth('generate');
    await site.prepareBackups();
    await site.compose('create', ...databases.map((database) => servers[database].agent));
    for (const database of databases) await place(database);
    // As SITE.md has it for their administrators, word for word but for the password.
    const quoted = `'${password}'`;
    await at(
      'database',
      fromRunbook('database', 'sql').replace('\\password "berth_backup"', () => `ALTER ROLE berth_backup PASSWORD ${quoted};`),
      'postgres',
    );
    await at('database', fromRunbook('database', 'sql', 1), 'postgres');
    const lines = fromRunbook('database', 'text').replaceAll('ADDRESS/MASK', '10.235.12.0/22');
    await attempt(
      [
        'docker',
        'exec',
        '--interactive',
        '--user',
        '0',
        containerOf('database'),
        'sh',
        '-c',
        'cat "$PGDATA"/pg_hba.conf >/tmp/rest; cat - /tmp/rest >"$PGDATA"/pg_hba.conf',
      ],
      { input: lines },
    );
    await at('database', 'SELECT pg_reload_conf()');
    await at(
      'orders',
      fromRunbook('orders', 'sql').replace("'PASSWORD'", () => quoted),
    );
    await at(
      'database',
      `CREATE TABLE ledger (n integer); CREATE ROLE shop LOGIN PASSWORD ${quoted}; INSERT INTO ledger SELECT generate_series(1, 1000)`,
    );
    await at('orders', 'CREATE TABLE ledger (n integer); INSERT INTO ledger SELECT seq FROM seq_1_to_1000');
    await site.compose('up', '--detach', '--wait', ...databases.map((database) => servers[database].agent));
  });
  afterAll(async () => {
    for (const database of databases) await attempt(['docker', 'rm', '--force', '--volumes', containerOf(database)]);
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test.each(databases)(
    '%s is copied as it stands, with its log, by the account and the statements that SITE.md names',
    async (database) => {
      await until(async () => (await reach(database)) !== '', `${database} has a log`, {
        tell: async () => JSON.stringify(await said(database)),
      });
      await at(database, 'INSERT INTO ledger VALUES (1001)');
      const before = await at(database, servers[database].now);
      // Binary logs know the second of a transaction, and no more.
      const secondOf = (moment: string): string => moment.slice(0, 19);
      await until(async () => secondOf(await at(database, servers[database].now)) > secondOf(before), 'the next second');
      await at(database, 'DELETE FROM ledger WHERE n > 10');
      await site.berth('backup', 'now', database, '--log');
      expect(await rowsAt(database, '--at', before)).toBe('1001');
      expect(await rowsAt(database, '--latest')).toBe('10');
    },
  );

  test('they are spoken to by TLS with a certificate that is checked, and their log is kept by a slot of this site', async () => {
    const clients = await at(
      'database',
      "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'berth_backup'",
    );
    expect(clients).toBe('t');
    expect(await at('database', 'SELECT slot_name, wal_status FROM pg_replication_slots WHERE NOT temporary')).toBe(
      `berth_${name}_database|reserved`,
    );
  });

  test('what was copied is restored, and compared with what was counted there', async () => {
    await site.berth('backup', 'verify', '--restore');
    const { backups } = await list();
    for (const database of databases)
      expect(backups.filter(({ source, kind }) => source === database && kind === 'full').at(-1)).toMatchObject({ level: 3 });
  });

  test('nothing puts one back over there, and a restore of the site leaves both alone', async () => {
    const refused = await operator.attempt(['berth', ...restore('database', '--latest', '--into', 'live')], site.folder);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('database stands elsewhere, at database.copiedthere.example');
    expect(refused.stderr).toContain('"Put database back over there" in SITE.md');
  });

  test.each(databases)('%s goes back by hand, as SITE.md has it', async (database) => {
    const script = fromRunbook(`Put ${database} back over there`, 'sh').replaceAll('$UNTIL', '--latest');
    await operator.run(['sh', '-e'], site.folder, script);
    const [file, load] =
      database === 'database'
        ? ['dump', 'createdb -U dba again && exec pg_restore -U dba --no-owner --dbname=again']
        : ['sql', `export MYSQL_PWD=${administrator}; mariadb -uroot -e "CREATE DATABASE again" && exec mariadb -uroot again`];
    await run([
      'sh',
      '-ec',
      `docker exec --interactive ${containerOf(database)} sh -c '${load}' <${join(operator.home, `${database}.${file}`)}`,
    ]);
    expect(await at(database, 'SELECT COUNT(*) FROM ledger', 'again')).toBe('10');
  });

  test.each(databases)('when the account of %s is taken away it says so, and goes on by itself once it is back', async (database) => {
    const { out, back, cure, fullOut, fullBack, fullCure } = servers[database];
    await at(database, out);
    await until(async () => (await trouble(database))?.hint?.includes(cure), 'it is said, with what helps');
    const asked = await operator.attempt(['berth', 'backup', 'now', database, '--log'], site.folder);
    expect(asked.code).not.toBe(0);
    expect(asked.stderr).toContain(cure);
    await at(database, back);
    await at(database, 'INSERT INTO ledger VALUES (2000)');
    await until(async () => (await trouble(database)) === undefined, 'it goes on');
    await site.berth('backup', 'now', database, '--log');
    expect(await rowsAt(database, '--latest')).toBe('11');
    await at(database, fullOut);
    const full = await operator.attempt(['berth', 'backup', 'now', database], site.folder);
    expect(full.code).not.toBe(0);
    expect(full.stderr).toContain(fullCure);
    await at(database, fullBack);
    await site.berth('backup', 'now', database);
  });

  test('a password that was changed there is taken as soon as it was supplied', async () => {
    await at('database', "ALTER ROLE berth_backup PASSWORD 'another one'");
    await until(async () => (await trouble('database'))?.hint?.includes('see that the password of berth_backup'), 'it is said');
    writeFileSync(join(site.folder, 'secrets/supplied/database-backup'), 'another one\n');
    expect(await site.berth('generate')).toContain('recreates agent-postgres');
    await site.compose('up', '--detach', '--wait', 'agent-postgres');
    await site.berth('backup', 'now', 'database', '--log');
    expect(await trouble('database')).toBeUndefined();
  });

  test('a server that would keep its log without end is asked for nothing', async () => {
    await at('database', 'ALTER SYSTEM SET max_slot_wal_keep_size = -1');
    await at('database', 'SELECT pg_reload_conf()');
    // As a proof leaves it whose agent is killed in the middle.
    const left = '/var/lib/postgresql/data/database/scratch/scratch-0a1b2c3d';
    await site.compose('exec', '-T', 'agent-postgres', 'mkdir', '-p', `${left}/data`);
    await site.compose('restart', 'agent-postgres');
    await until(async () => (await trouble('database'))?.message?.includes('would keep its log for backups without end'), 'it is said');
    expect(await site.compose('exec', '-T', 'agent-postgres', 'sh', '-c', `[ -e ${left} ] || echo gone`)).toContain('gone');
    await at('database', "ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'");
    await at('database', 'SELECT pg_reload_conf()');
    await site.berth('backup', 'now', 'database', '--log');
  });

  test('without its log nothing is kept over there, and full backups are all there is', async () => {
    site.edit('berth.yaml', (text) => text.replace(/backup:\s*\{\}/, 'backup: { log: false }'));
    expect(await site.berth('plan')).toContain('external.backup.log is false');
    await site.berth('generate');
    await site.compose('up', '--detach', '--wait', 'agent-postgres');
    const slots = (which: string) => at('database', `SELECT count(*) FROM pg_replication_slots WHERE ${which}`);
    // A slot in use is left alone, and the agent that runs sees in its own time that it is to use none.
    await until(async () => (await slots('active')) === '0', 'the agent lets go of its slot');
    await site.berth('backup', 'now', 'database');
    expect(await slots('true')).toBe('0');
    const refused = await operator.attempt(['berth', 'backup', 'now', 'database', '--log'], site.folder);
    expect(refused.stderr).toContain('is copied without its log');
    expect(await site.berth('backup', 'list')).toContain('restorable to the end of its newest backup');
    const { holds } = JSON.parse(await site.berth(...restore('database', '--latest', '--into', 'scratch', '--json'))) as Restored;
    expect(holds.databases.find((one) => one.name === 'shop')?.tables).toMatchObject([{ rows: '11' }]);
  });
});
