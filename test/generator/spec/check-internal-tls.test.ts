import { expect, test } from 'vitest';
import { hello, onlyProblem, problemsOf, specOf, web } from './specs.ts';

const asked = hello.replace('profile: minimum', 'profile: minimum\ninternalTls: true');

test('TLS between services is had where all of them can', () => {
  expect(specOf(asked).internalTls).toBe(true);
  expect(specOf(hello).internalTls).toBe(false);
});

test.each([
  ['mysql', 'database: { engine: postgres }', 'database: { engine: mysql }', 'mysql'],
  ['mariadb', 'database: { engine: postgres }', 'database: { engine: mariadb }', 'mariadb'],
  ['mongodb', 'database: { engine: postgres }', 'database: { engine: mongodb }', 'mongodb'],
  ['sqlserver', 'database: { engine: postgres }', 'database: { engine: sqlserver, edition: express, acceptLicence: true }', 'sqlserver'],
  ['memcached', 'cache: { engine: valkey }', 'cache: { engine: memcached }', 'memcached'],
  ['Sentinel', 'cache: { engine: valkey }', 'cache: { engine: valkey, topology: sentinel }', 'a cache of several nodes'],
  ['a client of a cluster', 'cache: { engine: redis }', 'cache: { engine: redis, client: cluster }', 'a cache of several nodes'],
])('what cannot have it is refused: %s', (_, before, after, what) => {
  const text = asked.replace('engine: valkey', before.includes('redis') ? 'engine: redis' : 'engine: valkey').replace(before, after);
  expect(problemsOf(text.replace('internalTls: true\n', ''))).toEqual([]);
  expect(onlyProblem(text)).toContain(`internal TLS of ${what} is not there yet (internalTls)`);
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
