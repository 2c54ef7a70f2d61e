import { mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';

const [http, https] = [38_091, 38_491];
const name = 'copied';

interface Listed {
  readonly backups: readonly {
    readonly id: string;
    readonly source: string;
    readonly kind: string;
    readonly level: number;
    readonly label: string | null;
  }[];
  readonly restorable: readonly {
    readonly source: string;
    readonly spans?: readonly { readonly from: string; readonly until: string }[];
  }[];
}
interface Restored {
  readonly logs: number;
  readonly seconds: number;
  readonly holds: {
    readonly databases: readonly { readonly name: string; readonly tables: readonly { readonly name: string; readonly rows: string }[] }[];
  };
}

describe('the database of a site that runs', () => {
  let operator: Operator;
  let site: LabSite;
  let store: string;
  const list = async (): Promise<Listed> => JSON.parse(await site.berth('backup', 'list', '--json')) as Listed;
  const fulls = async () => (await list()).backups.filter(({ source, kind }) => source === 'database' && kind === 'full');
  const sql = async (statement: string): Promise<string> =>
    (
      await operator
        .run(['docker', 'compose', 'exec', '-T', 'web-blue', 'printenv', 'DATABASE_URL'], site.folder)
        .then((url) =>
          operator.run(
            [
              'docker',
              'compose',
              'exec',
              '-T',
              '-e',
              `URL=${url.trim()}`,
              'database',
              'sh',
              '-c',
              'psql "$URL" -qAtX -v ON_ERROR_STOP=1 -c "$0"',
              statement,
            ],
            site.folder,
          ),
        )
    ).trim();
  const logOfAgent = (): Promise<string> => site.compose('logs', '--no-log-prefix', 'agent-postgres');
  const until = async <T>(look: () => Promise<T | undefined | false>, what: string, seconds = 120): Promise<T> => {
    for (let tick = 0; tick < seconds * 2; tick += 1) {
      const found = await look().catch(() => undefined);
      if (found) return found;
      await sleep(500);
    }
    throw new Error(`${what}: not within ${seconds} s; the agent says:\n${(await logOfAgent()).slice(-3000)}`);
  };
  /** All that is committed now can be restored. */
  const covered = async (): Promise<string> => {
    const now = await sql(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);
    await site.berth('backup', 'now', 'database', '--log');
    expect((await list()).restorable.find(({ source }) => source === 'database')?.spans?.at(-1)?.until ?? '').toSatisfy(
      (until: string) => until >= now,
    );
    return now;
  };
  const tried = async (...target: readonly string[]): Promise<Restored> =>
    JSON.parse(await site.berth('restore', '--only', 'database', ...target, '--into', 'scratch', '--json')) as Restored;
  const rowsOf = ({ holds }: Restored): string | undefined =>
    holds.databases.find((database) => database.name === name)?.tables.find((table) => table.name === 'public.ledger')?.rows;

  beforeAll(async () => {
    operator = await Operator.create();
    site = new LabSite(operator, name);
    store = join(operator.home, 'backups');
    const own = (await operator.run(['sh', '-c', 'echo $(id -u):$(id -g)'], operator.home)).trim();
    mkdirSync(store);
    await run(['chown', own, store]);
    const sets = [
      `edge.http=${http}`,
      `edge.https=${https}`,
      `backups.folder=${store}`,
      `backups.user="${own}"`,
      'backups.databases={ rpo: 6 }',
    ];
    await operator.run(['berth', 'init', name, '--profile', 'minimum', ...sets.flatMap((set) => ['--set', set])], operator.home);
    await site.berth('backup', 'store', 'create');
    await site.berth('backup', 'keys', 'create', '--into', '../usb');
    await site.berth('kit', 'export', '--into', '../kit');
    const { code, stderr } = await site.up();
    if (code !== 0) throw new Error(`${stderr.slice(-2000)}\n${await logOfAgent()}`);
  });
  afterAll(async () => {
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  test('is copied by an agent in the image of the database that needs no more than its network', async () => {
    const of = (field: string) => operator.run(['docker', 'inspect', '--format', `{{${field}}}`, `${name}-agent-postgres-1`], site.folder);
    expect((await of('.Config.Image')).trim()).toBe(
      (await operator.run(['docker', 'inspect', '--format', '{{.Config.Image}}', `${name}-database-1`], site.folder)).trim(),
    );
    expect(await of('.HostConfig.ReadonlyRootfs')).toContain('true');
    expect(await of('.HostConfig.CapAdd')).toContain('[]');
    expect(await of('json .Mounts')).not.toMatch(/database-data|docker\.sock/);
    expect(statSync(join(site.folder, '.berth/bin/node')).mode & 0o777).toBe(0o755);
  });

  test('has a full backup soon after its first start, and every commit follows within a minute', async () => {
    await sql(
      'CREATE TABLE ledger (n int PRIMARY KEY, note text); INSERT INTO ledger SELECT g, md5(g::text) FROM generate_series(1, 1000) g',
    );
    // By itself, within the time that it may be behind.
    const now = await sql(`SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`);
    await sql('CREATE TABLE later (n int)');
    await until(
      async () => ((await list()).restorable.find(({ source }) => source === 'database')?.spans?.at(-1)?.until ?? '') > now,
      'the log is shipped',
    );
    expect(await fulls()).toHaveLength(1);
    expect(rowsOf(await tried('--latest'))).toBe('1000');
  });

  test('comes back as it was at a time, and just before a transaction', async () => {
    const before = await covered();
    const transaction = await sql('DELETE FROM ledger WHERE n > 10 RETURNING pg_current_xact_id()').then(
      (rows) => rows.split('\n')[0] ?? '',
    );
    await covered();
    expect(rowsOf(await tried('--latest'))).toBe('10');
    expect(rowsOf(await tried('--at', before, '--key', '../usb/copied-operator.key'))).toBe('1000');
    expect(rowsOf(await tried('--before', transaction))).toBe('1000');
    const refused = await operator.attempt(
      ['berth', 'restore', '--only', 'database', '--at', '2001-01-01T00:00Z', '--into', 'scratch'],
      site.folder,
    );
    expect(refused.stderr).toContain('lies before the first backup');
  });

  test('is copied when somebody asks, and the log goes on behind it', async () => {
    await site.berth('backup', 'now', 'database', '--label', 'by hand');
    expect((await fulls()).map(({ label }) => label)).toEqual([null, 'by hand']);
    await sql("INSERT INTO ledger VALUES (2001, 'after the second')");
    await covered();
    expect((await list()).restorable.find(({ source }) => source === 'database')?.spans).toHaveLength(1);
    expect(rowsOf(await tried('--latest'))).toBe('11');
  });

  test('is proven by a restore that is compared', async () => {
    await site.berth('backup', 'verify', '--restore');
    expect((await fulls()).at(-1)?.level).toBe(3);
    expect(await site.berth('backup', 'list')).toMatch(/database +restorable to \S+ \(\d+ s ago\), and any time since/);
  });

  test('loses nothing when its agent is killed, and when its password is drawn anew', async () => {
    await operator.run(['docker', 'kill', `${name}-agent-postgres-1`], site.folder);
    await sql("INSERT INTO ledger VALUES (3001, 'nobody listens')");
    await site.berth('secrets', 'rotate', 'database-backup');
    expect((await site.up()).code).toBe(0);
    await sql("INSERT INTO ledger VALUES (3002, 'with another password')");
    await covered();
    expect(rowsOf(await tried('--latest'))).toBe('13');
    expect((await list()).restorable.find(({ source }) => source === 'database')?.spans).toHaveLength(1);
  });

  test('is put back in its place, with its application stopped only while the two change places', async () => {
    const before = await covered();
    await sql('DROP TABLE ledger');
    const inPlace = ['restore', '--only', 'database', '--at', before, '--into', 'live'];
    const refused = await operator.attempt(['berth', ...inPlace], site.folder);
    expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('run the same command with --yes') as string });
    expect(refused.stdout).toContain('stops      web-blue, web-green, then database');
    const done = JSON.parse(await site.berth(...inPlace, '--yes', '--json')) as {
      readonly kept: string;
      readonly downSeconds: number;
      readonly seconds: number;
    };
    console.info(`restored in ${done.seconds} s, of which ${done.downSeconds} s without the application`);
    expect(await sql('SELECT count(*) FROM ledger')).toBe('13');
    expect(await site.compose('exec', '-T', 'database', 'ls', '/var/lib/postgresql/data')).toBe(`pgdata\n${done.kept}\n`);
    // The old chain ends here, and a new one begins by itself.
    await sql("INSERT INTO ledger VALUES (4001, 'after the restore')");
    await until(async () => (await fulls()).length === 3, 'a new full backup');
    await covered();
    expect(rowsOf(await tried('--latest'))).toBe('14');
  });

  test('is put back to the very latest, with nothing lost that was committed before it was stopped', async () => {
    await sql("INSERT INTO ledger SELECT g, 'last' FROM generate_series(5001, 5100) g");
    await site.berth('restore', '--only', 'database', '--latest', '--into', 'live', '--yes');
    expect(await sql('SELECT count(*) FROM ledger')).toBe('114');
    expect((await site.up()).code).toBe(0);
  });
});
