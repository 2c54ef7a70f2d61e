import { describe, expect, test } from 'vitest';
import { postgres } from '../../../../model/engines/postgres.ts';
import { onlyProblem, specOf } from '../../spec/specs.ts';
import { prepareHello } from '../../render/hello.ts';

const extras = {
  'databases.database.extensions': ['pg_stat_statements', 'uuid-ossp'],
  'databases.database.maintenance': { vacuum: '30 3 * * 0', timeZone: 'Europe/Berlin' },
};
const written = (database: string): string =>
  `apiVersion: berth/v1\nname: hello\nprofile: minimum\nservices:\n  web: { image: "registry.example/hello:1.0.0", port: 3000 }\ndatabases: { database: { ${database} } }\n`;

describe('extensions of PostgreSQL', () => {
  test('are created in the database of the application, and loaded with the server where they must be', async () => {
    const { decision } = await prepareHello({ profile: 'minimum', set: extras });
    const sql = decision.merged.get('config/database-accounts/accounts.sql') ?? '';
    expect(sql).toContain('\\connect :"database"\n');
    for (const name of extras['databases.database.extensions'])
      expect(sql).toContain(`SELECT format('CREATE EXTENSION %I CASCADE', '${name}') WHERE NOT EXISTS`);
    expect(decision.merged.get('config/database/postgresql.conf')).toContain("\nshared_preload_libraries = 'pg_stat_statements'\n");
    const without = await prepareHello({ profile: 'minimum' });
    expect(without.decision.merged.get('config/database/postgresql.conf')).not.toContain('shared_preload_libraries');
    expect(without.decision.merged.get('config/database-accounts/accounts.sql')).not.toContain('connect');
  });

  test('are told to an operator in a list of their own', async () => {
    const { decision } = await prepareHello({
      profile: 'minimum',
      target: 'kubernetes',
      set: { ...extras, 'databases.database.operator': 'cloudnative-pg' },
    });
    const cluster = decision.merged.get('k8s/generated/database.yaml') ?? '';
    expect(cluster).toMatch(/\n {4}shared_preload_libraries:\n {6}- pg_stat_statements\n/);
    expect(cluster).not.toContain('shared_preload_libraries: ');
  });

  test.each([
    ['engine: postgres, extensions: [postgis]', /extensions\[0\]: expected an extension that the image of PostgreSQL has: amcheck, .*xml2/],
    ['engine: postgres, extensions: [citext, citext]', /extensions\[1\]: "citext" stands twice/],
    ['engine: mysql, extensions: [citext]', /extensions: means nothing for this engine; it is for postgres/],
    [
      'engine: postgres, external: { host: db.example }, extensions: [citext]',
      /extensions: means nothing for a database that stands elsewhere/,
    ],
    ['engine: postgres, extensions: citext', /extensions: expected a list of extensions/],
  ])('of { %s } are refused', (database, says) => {
    expect(onlyProblem(written(database))).toMatch(says);
  });

  test('are known to the engine by name, each once', () => {
    expect(new Set(postgres.extensions).size).toBe(postgres.extensions.length);
    expect(postgres.preloaded.filter((name) => !postgres.extensions.includes(name))).toEqual([]);
  });
});

describe('maintenance of PostgreSQL', () => {
  test.each(['compose', 'kubernetes'] as const)('sweeps the database at its hour, for the target %s', async (target) => {
    const { plan, decision } = await prepareHello({ profile: 'minimum', target, set: extras });
    expect(plan.services.find(({ name }) => name === 'database-vacuum')).toMatchObject({
      kind: 'job',
      schedule: { cron: '30 3 * * 0', timeZone: 'Europe/Berlin' },
      deadline: 4 * 3600,
      connects: [{ service: 'database', port: 5432 }],
      secretFiles: ['database-admin'],
    });
    const file = target === 'compose' ? 'systemd/hello-database-vacuum@.timer' : 'k8s/generated/database-vacuum.yaml';
    expect(decision.merged.get(file)).toMatch(/Europe\/Berlin/);
  });

  test('ends by an hour that may be said, and not at all by one that is none', () => {
    expect(specOf(written('engine: postgres, maintenance: { vacuum: "0 3 * * *", deadline: 30m }')).databases[0]?.vacuum).toEqual({
      cron: '0 3 * * *',
      timeZone: 'UTC',
      deadline: 1800,
    });
    expect(onlyProblem(written('engine: postgres, maintenance: { vacuum: weekly }'))).toMatch(/maintenance\.vacuum: expected /);
    expect(onlyProblem(written('engine: postgres, maintenance: {}'))).toMatch(/maintenance\.vacuum: /);
    expect(onlyProblem(written('engine: mariadb, maintenance: { vacuum: "0 3 * * *" }'))).toMatch(
      /maintenance: means nothing for this engine/,
    );
  });
});
