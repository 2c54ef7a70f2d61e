import { describe, expect, test } from 'vitest';
import { hello, onlyProblem, problemsOf } from './specs.ts';

describe('names', () => {
  test.each([
    ['a database and a service', 'database', 'web', 'web', 'services.web'],
    ['a cache and a database', 'cache', 'database', 'database', 'databases.database'],
    ['a store and a cache', 'files', 'cache', 'cache', 'caches.cache'],
    ['a store and the accounts task of a database', 'files', 'database-accounts', 'database-accounts', 'databases.database'],
    ['a cache and the blue slot of a service', 'cache', 'web-blue', 'web-blue', 'services.web'],
    ['a cache and the green slot of a service', 'cache', 'web-green', 'web-green', 'services.web'],
  ])('%s may not have the same one', (_, own, name, taken, first) => {
    expect(problemsOf(hello.replace(`  ${own}:`, `  ${name}:`)).map(({ message }) => message)).toContain(
      `the name "${taken}" is already taken by ${first}`,
    );
  });

  test('a service named like the buckets task of a store is told so at the store', () => {
    expect(
      onlyProblem(hello.replace('databases:', '  files-buckets: { image: r/a:1, port: 1, routes: [{ path: /x }] }\ndatabases:')),
    ).toContain('16:3 stores.files: the name "files-buckets" is already taken by services.files-buckets');
  });

  test('what Berth adds beside a MySQL is no name of another service, but free beside a PostgreSQL', () => {
    const health = hello.replace('caches:', 'caches:\n  database-health: { engine: valkey }');
    expect(problemsOf(health)).toEqual([]);
    expect(onlyProblem(health.replace('postgres', 'mysql'))).toContain('the name "database-health" is already taken by databases.database');
  });

  test('the names of a replica and of its address are kept free', () => {
    expect(
      onlyProblem(hello.replace('databases:', '  database-replica: { image: r/a:1, port: 1, routes: [{ path: /x }] }\ndatabases:')),
    ).toContain('the name "database-replica" is already taken by services.database-replica');
    for (const taken of ['database-replica-2', 'database-read'])
      expect(
        onlyProblem(hello.replace('databases:', `  ${taken}: { image: r/a:1, port: 1, routes: [{ path: /x }] }\ndatabases:`)),
      ).toContain(`the name "${taken}" is already taken by services.${taken}`);
    expect(onlyProblem(hello.replace('    uses:', '    env: { DATABASE_READ_URL: mine }\n    uses:'))).toContain('DATABASE_READ_URL');
  });

  test('the names of nodes, Sentinels and of what their clients are told are kept free', () => {
    for (const name of ['cache-node-2', 'cache-sentinel-1', 'cache-replication'])
      expect(onlyProblem(hello.replace('caches:', `caches:\n  ${name}: { engine: memcached }`))).toContain(
        `the name "${name}" is already taken`,
      );
    expect(problemsOf(hello.replace('caches:', 'caches:\n  cache-node-3: { engine: memcached }'))).toEqual([]);
    const own = (variable: string) =>
      hello.replace('engine: valkey', 'engine: valkey, client: sentinel').replace('    uses:', `    env: { ${variable}: mine }\n    uses:`);
    expect(onlyProblem(own('REDIS_SENTINELS'))).toContain('REDIS_SENTINELS');
    expect(problemsOf(own('REDIS_URL'))).toEqual([]);
  });
});
