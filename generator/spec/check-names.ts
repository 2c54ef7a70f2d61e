import { valkey } from '../../model/engines/valkey.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { Finding } from './finding.ts';
import { isServed } from './resolve-service.ts';

/** Whatever its topology: a profile may choose it, and a name that was free must not be taken then. */
const cacheNames = (name: string, engine: string | undefined): readonly string[] => [
  `${name}-nodes`,
  ...(engine === 'memcached'
    ? []
    : [
        `${name}-replication`,
        ...['node', 'sentinel'].flatMap((part) => [
          `${name}-${part}`,
          `${name}-${part}-nodes`,
          ...Array.from({ length: valkey.sentinel.nodes }, (_, index) => `${name}-${part}-${index}`),
        ]),
        `${name}-shard`,
        ...Array.from({ length: valkey.cluster.shards }, (_, index) => `${name}-shard-${index}`).flatMap((shard) => [
          shard,
          `${shard}-nodes`,
          ...Array.from({ length: valkey.cluster.nodesPerShard }, (_, index) => `${shard}-${index}`),
        ]),
      ]),
];

export function* checkNames(spec: WrittenSpec): Iterable<Finding> {
  const seen = new Map<string, string>();
  const add = (name: string, path: string) => {
    const first = seen.get(name);
    seen.set(name, path);
    return first;
  };
  for (const kind of ['services', 'databases', 'caches', 'stores', 'volumes'] as const)
    for (const [name, one] of Object.entries(spec[kind] ?? {})) {
      // What Berth adds beside a service carries its name with an ending.
      const others =
        kind === 'services'
          ? isServed((one as WrittenSpec['services'][string]).kind ?? 'web')
            ? [
                `${name}-blue`,
                `${name}-green`,
                ...('migrate' in one && one.migrate !== undefined ? ['', '-blue', '-green'].map((slot) => `${name}-migrate${slot}`) : []),
              ]
            : []
          : kind === 'databases'
            ? [
                `${name}-accounts`,
                `${name}-nodes`,
                ...(/^(?:postgres|mysql|mariadb)$/.test(spec.databases?.[name]?.engine ?? '')
                  ? ['replica', 'replica-nodes', 'replica-2', 'replica-2-nodes', 'read', 'replication'].map((end) => `${name}-${end}`)
                  : []),
                ...(spec.databases?.[name]?.engine === 'mongodb'
                  ? ['members', 'member-2', 'member-2-nodes', 'member-3', 'member-3-nodes'].map((end) => `${name}-${end}`)
                  : []),
                ...(spec.databases?.[name]?.analytics === undefined ? [] : [`${name}-analytics`, `${name}-analytics-nodes`]),
                ...(spec.databases?.[name]?.engine === 'postgres' ? [`${name}-vacuum`, `${name}-pgbouncer`] : []),
                // Services that the operator makes.
                ...(spec.databases?.[name]?.operator === undefined ? [] : ['rw', 'ro', 'r'].map((end) => `${name}-${end}`)),
                ...(/^(?:mysql|mariadb)$/.test(spec.databases?.[name]?.engine ?? '') ? [`${name}-health`, `${name}-first-start`] : []),
              ]
            : kind === 'volumes'
              ? [`${name}-volume`]
              : kind === 'stores'
                ? [`${name}-buckets`, `${name}-nodes`]
                : cacheNames(name, spec.caches?.[name]?.engine);
      const times = kind === 'services' ? ((one as WrittenSpec['services'][string]).scaling?.schedule ?? []) : [];
      const scalers = times.length > 0 ? ['', ...times.map((_, index) => `-${index + 1}`)].map((end) => `${name}-scale${end}`) : [];
      for (const taken of [name, ...others, ...scalers]) {
        const first = add(taken, `${kind}.${name}`);
        if (first !== undefined)
          yield {
            path: [kind],
            key: name,
            message: `the name "${taken}" is already taken by ${first}`,
            hint: 'give one of the two another name',
          };
      }
    }
  if (Object.keys(spec.services).length === 0) yield { path: ['services'], message: 'expected at least one service' };
}
