import { expect, test } from 'vitest';
import { hello, onlyProblem, problemsOf, specOf, web } from './specs.ts';

const asked = hello.replace('profile: minimum', 'profile: minimum\ninternalTls: true');

test('TLS between services is had where all of them can', () => {
  expect(specOf(asked).internalTls).toBe(true);
  expect(specOf(hello).internalTls).toBe(false);
});

test.each([
  ['sqlserver', 'database: { engine: postgres }', 'database: { engine: sqlserver, edition: express, acceptLicence: true }', 'sqlserver'],
  ['memcached', 'cache: { engine: valkey }', 'cache: { engine: memcached }', 'memcached'],
])('what cannot have it is refused: %s', (_, before, after, what) => {
  const text = asked.replace(before, after);
  expect(problemsOf(text.replace('internalTls: true\n', ''))).toEqual([]);
  expect(onlyProblem(text)).toContain(`internal TLS of ${what} is not there yet (internalTls)`);
});

test.each([
  ['database: { engine: postgres }', 'database: { engine: mysql, topology: cluster }'],
  ['database: { engine: postgres }', 'database: { engine: mariadb, topology: primary-replica }'],
  ['database: { engine: postgres }', 'database: { engine: mongodb, topology: cluster }'],
  ['cache: { engine: valkey }', 'cache: { engine: valkey, topology: sentinel }'],
  ['cache: { engine: valkey }', 'cache: { engine: redis, client: cluster }'],
])('several nodes have it as one has: %s → %s', (before, after) => {
  expect(problemsOf(asked.replace(before, after))).toEqual([]);
});

test.each([
  ['DATABASE_URL_TLS', 'database: { engine: postgres }', 'database: { engine: mysql }'],
  ['REDIS_CA', 'cache: { engine: valkey }', 'cache: { engine: redis, client: cluster }'],
])('a variable that says so is not set a second time: %s', (name, before, after) => {
  const text = (spec: string): string => spec.replace(before, after).replace('runtime: node', `runtime: node\n    env: { ${name}: x }`);
  expect(problemsOf(text(hello))).toEqual([]);
  expect(onlyProblem(text(asked))).toContain(name);
});

test('it is refused where nothing would speak it', () => {
  expect(onlyProblem(web('runtime: other').replace('profile: minimum', 'profile: minimum\ninternalTls: true'))).toBe(
    '4:14 internalTls: no database, cache or store of the site is there to speak it | remove it',
  );
});

test('what stands elsewhere has a word of its own', () => {
  const text = asked.replace('database: { engine: postgres }', 'database: { engine: mysql, external: { host: db.example, tls: verify } }');
  expect(problemsOf(text)).toEqual([]);
});
