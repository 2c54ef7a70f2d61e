import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { farAway } from '../program/far-away.ts';
import { LabSite, Operator } from './installed.ts';
import { run } from './process.ts';
import { smallApplication } from './small-site.ts';
import { sqlClients } from './sql-clients.ts';
import { until } from './until.ts';

interface Listed {
  readonly backups: readonly { readonly kind: string }[];
  readonly restorable: readonly { readonly spans?: readonly { readonly until: string }[] }[];
}
interface Restored {
  readonly holds: { readonly databases: readonly { readonly tables: readonly { readonly name: string; readonly rows: string }[] }[] };
}
type Node = 'database' | 'database-replica';

/** A site of as little as there may be beside a database with a replica, and its backups. */
const specOf = (engine: string, https: number, store: string, user: string): string => `apiVersion: berth/v1
name: lab-kept-${engine}
profile: recommended
internalTls: true
edge: { http: ${https - 400}, https: ${https} }
${smallApplication}databases:
  database: { engine: ${engine}, topology: primary-replica, memory: 1Gi, disk: 4Gi }
backups:
  folder: ${store}
  user: "${user}"
  databases: { rpo: 6, schedule: "${farAway()}", prove: "${farAway()}" }
`;

describe.each([
  { engine: 'postgres', https: 38_505 },
  { engine: 'mysql', https: 38_506 },
  { engine: 'mariadb', https: 38_507 },
] as const)('the backups of a site with $engine, a primary and a replica', ({ engine, https }) => {
  const name = `lab-kept-${engine}`;
  const { client, now } = sqlClients[engine];
  let operator: Operator;
  let site: LabSite;
  /** Rows that the ledger has had, one transaction each. */
  let rows = 0;

  /** As the application. */
  const sql = async (statement: string, node: Node = 'database'): Promise<string> => {
    const address = (await site.compose('exec', '-T', 'web-blue', 'printenv', 'DATABASE_URL')).trim().replace('@database:', `@${node}:`);
    return (await site.compose('exec', '-T', '-e', `URL=${address}`, node, 'sh', '-c', client, statement)).trim();
  };
  const count = (node: Node = 'database'): Promise<string> => sql('SELECT count(*) FROM ledger', node);
  const write = async (): Promise<void> => void (await sql(`INSERT INTO ledger VALUES (${(rows += 1)})`));
  const list = async (): Promise<Listed> => JSON.parse(await site.berth('backup', 'list', '--json')) as Listed;
  const fulls = async (): Promise<number> => (await list()).backups.filter(({ kind }) => kind === 'full').length;
  const tell = async () => `the agent says:\n${(await site.compose('logs', '--no-log-prefix', `agent-${engine}`)).slice(-3000)}`;
  /** All that is committed now can be restored. */
  const covered = async (): Promise<string> => {
    const moment = await sql(now);
    await site.berth('backup', 'now', 'database', '--log');
    expect((await list()).restorable[0]?.spans?.at(-1)?.until).toSatisfy((last: string) => last >= moment);
    return moment;
  };
  const restore = (...how: readonly string[]) => ['restore', '--only', 'database', ...how];
  /** Rows that a restore into a server of its own finds. */
  const tried = async (...target: readonly string[]): Promise<string | undefined> => {
    const { holds } = JSON.parse(await site.berth(...restore(...target, '--into', 'scratch', '--json'))) as Restored;
    return holds.databases.flatMap(({ tables }) => tables).find((table) => /(?:^|\.)ledger$/.test(table.name))?.rows;
  };
  const follows = (): Promise<unknown> =>
    until(async () => (await count('database-replica')) === (await count()), 'the replica has what the primary has', {
      seconds: 300,
      tell: async () => (await site.compose('logs', '--no-log-prefix', 'database-replica')).slice(-3000),
    });

  beforeAll(async () => {
    operator = await Operator.create();
    site = await LabSite.create(operator, name);
    const store = await operator.makeFolder('backups');
    const own = await operator.ids();
    writeFileSync(join(operator.home, 'spec.yaml'), specOf(engine, https, store, own));
    await operator.run(['berth', 'init', name, '--from', 'spec.yaml', '--profile', 'recommended'], operator.home);
    await site.prepareBackups();
    await site.startWhole();
  });
  afterAll(async () => {
    await site?.remove();
    operator?.[Symbol.dispose]();
  });

  /** What an operator of PostgreSQL may have changed by hand: it belongs to the data. */
  const altered = 'SHOW log_min_duration_statement';
  const alter = async (): Promise<void> => {
    const login = `PGPASSWORD=${site.read('secrets/database-admin').trim()}`;
    const psql = ['database', 'psql', '--host=127.0.0.1', '--username=postgres', '--quiet', '--command'];
    await site.compose('exec', '-T', '-e', login, ...psql, 'ALTER SYSTEM SET log_min_duration_statement = 123456');
  };

  test('are restored to any time, while it is written to and copied, and hold what the replica was sent', async () => {
    if (engine === 'postgres') await alter();
    await sql('CREATE TABLE ledger (n int PRIMARY KEY)');
    const end = new AbortController();
    const writer = (async () => {
      while (!end.signal.aborted) await write();
    })();
    await until(async () => (await fulls()) === 1 && rows > 10, 'there is a full backup, and it is written', { seconds: 300, tell });
    await site.berth('backup', 'now', 'database');
    end.abort();
    await writer;
    const [held, moment] = [rows, await covered()];
    await write();
    await covered();
    expect([await tried('--at', moment), await tried('--latest')]).toEqual([String(held), String(held + 1)]);
    await follows();
  });

  test('are put back in place: the replica copies anew, follows, and is backed up with its primary', async () => {
    const [held, moment] = [rows, await covered()];
    // Some files of the log lie between: what was received of them belongs to no history any more.
    if (engine === 'postgres') await sql('CREATE TABLE filler AS SELECT g, md5(g::text) AS sum FROM generate_series(1, 700000) g');
    await sql('DELETE FROM ledger');
    await covered();
    await follows();
    const inPlace = restore('--at', moment, '--into', 'live');
    expect(await site.berth(...inPlace, '--dry-run')).toMatch(/^ +empties +database-replica, which copies database anew$/m);
    const volume = (): Promise<string> =>
      run(['docker', 'volume', 'inspect', '--format', '{{.CreatedAt}}', `${name}_database-replica-data`]);
    const emptied = await volume();
    await site.berth(...inPlace, '--yes');
    expect(await count()).toBe(String(held));
    expect(await volume()).not.toBe(emptied);
    if (engine === 'postgres') expect(await sql(altered)).toBe('123456ms');
    await follows();
    await write();
    await follows();
    await covered();
    expect(await tried('--latest')).toBe(String(rows));
  });

  test('go on where a replica has taken the place of a primary that is lost, by the commands of SITE.md', async () => {
    const before = await fulls();
    const section = /## When a primary is lost[\s\S]*?(?=\n## |$)/.exec(site.read('SITE.md'))?.[0] ?? '';
    const commands = [...section.matchAll(/```sh\n([\s\S]*?)\n```/g)].flatMap(([, text = '']) => text.split('\n'));
    for (const command of commands) await operator.run(['sh', '-c', command], site.folder);
    expect(await count()).toBe(String(rows));
    await until(async () => (await fulls()) > before, 'a full backup begins anew', { seconds: 300, tell });
    await write();
    await covered();
    expect(await tried('--latest')).toBe(String(rows));
    await follows();
  });
});
