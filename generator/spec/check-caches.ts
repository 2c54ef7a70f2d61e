import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';

export function* checkCaches(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, use, external, topology, client }] of Object.entries(spec.caches ?? {})) {
    if (engine !== 'memcached') {
      if (topology === 'single' && client === 'sentinel')
        yield {
          path: ['caches', name, 'client'],
          message: 'clients that ask Sentinels find none where one node stands alone',
          hint: 'write topology: sentinel, or remove client',
        };
      if (external === undefined && topology !== undefined && topology !== 'cluster' && client === 'cluster')
        yield {
          path: ['caches', name, 'client'],
          message: `clients that speak to a cluster cannot speak to ${topology === 'single' ? 'a single node' : 'nodes with Sentinel'}`,
          hint: 'write topology: cluster, or remove client',
        };
      if (external === undefined && topology === 'cluster' && client !== 'cluster')
        yield {
          path: ['caches', name, 'topology'],
          message: `a cluster is for clients that go to the node that has a key, and those of ${name} are not said to`,
          hint: 'write client: cluster if every client does, else topology: sentinel, which any client can use',
        };
      continue;
    }
    if (external === undefined)
      for (const [key, value] of Object.entries({ topology, client }))
        if (value === 'sentinel' || value === 'cluster')
          yield {
            path: ['caches', name, key],
            message: 'memcached has nothing that another node could take over',
            hint: 'write engine: valkey, or single',
          };
    if (use === 'sessions' || use === 'queue')
      yield {
        path: ['caches', name, 'use'],
        message: `memcached keeps nothing: ${use} would be lost whenever it starts anew, and evicted when it is full`,
        hint: 'write engine: valkey, or use: cache',
      };
    for (const key of ['user', 'tls'] as const)
      if (external?.[key] !== undefined && external[key] !== 'off')
        yield {
          path: ['caches', name, 'external'],
          key,
          message: 'means nothing for memcached: it knows no accounts, and Berth reaches it without TLS',
          hint: 'remove it',
        };
  }
}
