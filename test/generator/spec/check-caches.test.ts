import { describe, expect, test } from 'vitest';
import { hello, onlyProblem, problemsOf, specOf } from './specs.ts';

describe('caches', () => {
  const watched = (more: string) => hello.replace('engine: valkey', `engine: valkey${more}`);

  test('a cache has the topology that was written, that its clients need, or none yet', () => {
    expect(specOf(hello).caches[0]).toMatchObject({ client: 'single' });
    expect(specOf(hello).caches[0]?.topology).toBeUndefined();
    expect(specOf(watched(', topology: sentinel')).caches[0]).toMatchObject({ client: 'single', topology: 'sentinel' });
    expect(specOf(watched(', client: sentinel')).caches[0]).toMatchObject({ client: 'sentinel', topology: 'sentinel' });
    expect(specOf(watched(', client: cluster')).caches[0]).toMatchObject({ client: 'cluster', topology: 'cluster' });
    expect(onlyProblem(watched(', topology: ring'))).toContain('expected single, sentinel or cluster');
  });

  test('clients that ask Sentinels are refused where there can be none', () => {
    expect(onlyProblem(watched(', topology: single, client: sentinel'))).toMatch(
      /caches\.cache\.client: clients that ask Sentinels find none .*\| write topology: sentinel, or remove client$/,
    );
    const memcached = (more: string) => hello.replace('engine: valkey', `engine: memcached${more}`);
    expect(onlyProblem(memcached(', topology: sentinel'))).toContain('memcached has nothing that another node could take over');
    expect(onlyProblem(memcached(', client: sentinel'))).toContain('memcached has nothing that another node could take over');
    expect(problemsOf(memcached(', topology: single'))).toEqual([]);
    expect(onlyProblem(watched(', client: sentinel, external: { host: cache.corp.example }'))).toContain(
      'means nothing for a server that stands elsewhere',
    );
  });

  test('a cluster of nodes is for clients that speak to one, and they can speak to nothing else', () => {
    expect(onlyProblem(watched(', topology: cluster'))).toMatch(
      /caches\.cache\.topology: a cluster is for clients .*\| write client: cluster if every client does, else topology: sentinel, which any client can use$/,
    );
    expect(onlyProblem(watched(', topology: cluster, client: sentinel'))).toContain('a cluster is for clients');
    expect(onlyProblem(watched(', topology: single, client: cluster'))).toMatch(
      /caches\.cache\.client: clients that speak to a cluster cannot speak to a single node .*write topology: cluster, or remove client$/,
    );
    expect(onlyProblem(watched(', topology: sentinel, client: cluster'))).toContain('cannot speak to nodes with Sentinel');
    expect(problemsOf(watched(', topology: cluster, client: cluster'))).toEqual([]);
    expect(onlyProblem(hello.replace('engine: valkey', 'engine: memcached, client: cluster'))).toContain('memcached has nothing');
    expect(onlyProblem(watched(', client: cluster, external: { host: cache.corp.example }'))).toContain(
      'means nothing for a server that stands elsewhere',
    );
  });

  test.each(['sessions', 'queue'])('memcached is refused for %s, as it keeps nothing', (use) => {
    expect(onlyProblem(hello.replace('engine: valkey', `engine: memcached, use: ${use}`))).toMatch(
      /caches\.cache\.use: memcached keeps nothing: .*\| write engine: valkey, or use: cache$/,
    );
  });

  test('memcached is handed over as MEMCACHED_URL, and takes neither account nor TLS where it stands elsewhere', () => {
    const memcached = hello.replace('engine: valkey', 'engine: memcached');
    expect(specOf(memcached).services[0]?.uses).toContainEqual({ service: 'cache', kind: 'cache', variable: 'MEMCACHED_URL' });
    const elsewhere = (more: string) =>
      memcached.replace('engine: memcached', `engine: memcached, external: { host: cache.corp.example${more} }`);
    expect(specOf(elsewhere('')).externals[0]).toMatchObject({ engine: 'memcached', port: 11_211 });
    expect(onlyProblem(elsewhere(', user: app'))).toContain('means nothing for memcached');
    expect(onlyProblem(elsewhere(', tls: verify'))).toContain('means nothing for memcached');
  });
});
