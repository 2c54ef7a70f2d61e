import { describe, expect, test } from 'vitest';
import { lintSite } from '../../../../cli/lint-site.ts';
import { rotationOf } from '../../../../generator/plan/rotation.ts';
import { prepareHello } from '../../render/hello.ts';
import { onlyProblem, specOf } from '../../spec/specs.ts';

const pooled = { 'databases.database.pgbouncer': {} };
const written = (database: string, more = ''): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\n${more}services:\n  web: { image: "registry.example/hello:1.0.0", port: 3000 }\ndatabases: { database: { ${database} } }\n`;
const variables = (text = ''): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/^(\w+)='?([^'\n]*)/gm)].map(([, name = '', value = '']) => [name, value]));

describe('PgBouncer before PostgreSQL', () => {
  test('is what applications are told of, with a name of its own for the replica', async () => {
    const { decision } = await prepareHello({
      profile: 'recommended',
      set: { ...pooled, 'databases.database.topology': 'primary-replica' },
    });
    const env = variables(decision.merged.get('secrets/web.env'));
    expect(env['DATABASE_URL']).toMatch(/@database-pgbouncer:6432\/hello$/);
    expect(env['DATABASE_READ_URL']).toMatch(/@database-pgbouncer:6432\/hello_read$/);
    expect(decision.merged.get('config/database-pgbouncer/pgbouncer.ini')).toContain(
      '\nhello = host=database port=5432 dbname=hello\nhello_read = host=database-replica port=5432 dbname=hello\n',
    );
  });

  test('has one name where there is no replica', async () => {
    const { decision } = await prepareHello({ profile: 'minimum', set: pooled });
    const env = variables(decision.merged.get('secrets/web.env'));
    expect(env['DATABASE_READ_URL']).toBe(env['DATABASE_URL']);
    expect(decision.merged.get('config/database-pgbouncer/pgbouncer.ini')).not.toContain('_read');
  });

  test('is passed by migrations, which may need a session', async () => {
    const { decision } = await prepareHello({ profile: 'minimum', set: { ...pooled, 'services.web.migrate': { command: ['up'] } } });
    expect(variables(decision.merged.get('secrets/web-migrate.env'))['DATABASE_URL']).toMatch(/@database:5432\/hello$/);
    expect(variables(decision.merged.get('secrets/web.env'))['DATABASE_URL']).toMatch(/@database-pgbouncer:6432\/hello$/);
  });

  test('takes every pool, and opens a few connections for all: the server keeps room for those, for migrations and for itself', async () => {
    const set = { ...pooled, 'services.web.pool': 50, 'services.web.replicas': 3, 'services.web.migrate': { command: ['up'] } };
    const { plan } = await prepareHello({ profile: 'recommended', set });
    const [database] = plan.databases;
    const value = (name: string) =>
      [...(database?.settings ?? []), ...(database?.pooler?.settings ?? [])].find((one) => one.name === name)?.value;
    expect(value('max_client_conn')).toBe(String((3 + 1) * 50 + 10));
    expect(value('default_pool_size')).toBe('32');
    expect(value('max_connections')).toBe(String(32 + 50 + 10));
    const fixed = await prepareHello({ profile: 'recommended', set: { 'databases.database.pgbouncer': { connections: 12 } } });
    expect(fixed.plan.databases[0]?.settings.find(({ name }) => name === 'max_connections')?.value).toBe('22');
  });

  test('stands twice in a cluster, and each opens its half; nothing of it breaks a check', async () => {
    const { plan, decision } = await prepareHello({ profile: 'recommended', target: 'kubernetes', set: pooled });
    expect(plan.services.find(({ name }) => name === 'database-pgbouncer')).toMatchObject({ replicas: 2, volumes: [] });
    expect(decision.merged.get('k8s/generated/config/database-pgbouncer/pgbouncer.ini')).toContain('\ndefault_pool_size = 16\n');
    expect(lintSite(plan, decision.merged)).toMatchObject({ findings: [] });
    expect(decision.merged.get('k8s/generated/database-pgbouncer.yaml')).not.toContain('volumeClaimTemplates');
  });

  test('knows verifiers and no password, and starts anew for a new one', async () => {
    const { plan, decision } = await prepareHello({ profile: 'minimum', set: pooled });
    expect(decision.merged.get('secrets/database-pgbouncer-users')).toMatch(/^"hello" "SCRAM-SHA-256\$4096:[^"]+"\n$/);
    expect(rotationOf(plan, 'database-app')).toMatchObject({
      possible: true,
      effect: expect.stringContaining('database-pgbouncer') as string,
    });
    expect(rotationOf(plan, 'database-admin')).toMatchObject({ possible: false });
  });

  test.each([
    ['engine: mysql, pgbouncer: {}', '', /pgbouncer: means nothing for this engine/],
    ['engine: postgres, pgbouncer: { connections: 2 }', '', /pgbouncer\.connections: expected a number of connections/],
    ['engine: postgres, pgbouncer: {}, name: pgbouncer', '', /name: expected a name of your own: PgBouncer keeps this one/],
    [
      'engine: postgres, pgbouncer: {}, operator: cloudnative-pg',
      'target: kubernetes\n',
      /pgbouncer: CloudNativePG has a pooler of its own/,
    ],
    [
      'engine: postgres, pgbouncer: {}, external: { host: db.example }',
      '',
      /pgbouncer: means nothing for a database that stands elsewhere/,
    ],
  ])('as { %s } is refused', (database, more, says) => {
    expect(onlyProblem(written(database, more))).toMatch(says);
  });

  test('is not there unless it is asked for', () => {
    expect(specOf(written('engine: postgres')).databases[0]).not.toHaveProperty('pgbouncer');
  });
});
