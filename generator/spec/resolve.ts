import { backupsOf } from './resolve-backups.ts';
import { externalsOf } from './resolve-externals.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import type { BucketSpec } from '../../model/store-spec.ts';
import type { HostFacts, StackSpec } from '../../model/stack-spec.ts';
import { hasOperations, operationKeys } from '../../model/operations.ts';
import { certificatesIn } from '../../model/pem.ts';
import { defaults } from './defaults.ts';
import { cpu, duration, fixedSizeOf, fixedStateOf, size } from './quantities.ts';
import { kubernetesOf } from './resolve-kubernetes.ts';
import { appOf } from './resolve-service.ts';

/** Name of a database and its owner. An identifier begins with no digit, though the name of a site may. */
export const databaseName = (site: string, written: { readonly name?: string | undefined }): string =>
  written.name ?? site.replaceAll('-', '_').replace(/^(?=\d)/, '_');

function proxyOf({ url, except }: NonNullable<WrittenSpec['proxy']>): NonNullable<StackSpec['proxy']> {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 80 : Number(port), except: except ?? [] };
}

const hostFacts = (host: NonNullable<WrittenSpec['host']>): HostFacts => ({
  cpus: cpu(host.cpus),
  memory: size(host.memory),
  disk: size(host.disk),
  fit: host.fit ?? true,
});

const bucketOf = (name: string, { versioning, lifecycle }: NonNullable<WrittenSpec['stores']>[string]['buckets'][string]): BucketSpec => ({
  name,
  versioning: versioning ?? true,
  lifecycle: (lifecycle ?? []).map(({ prefix, expireAfter, expireVersionsAfter }) => ({
    prefix: prefix ?? '',
    ...(expireAfter === undefined ? {} : { expire: duration(expireAfter) / 86_400 }),
    ...(expireVersionsAfter === undefined ? {} : { expireVersions: duration(expireVersionsAfter) / 86_400 }),
  })),
});

/** What runs here; the rest stands elsewhere. */
const ownOf = <T extends { readonly external?: object | undefined }>(written: Readonly<Record<string, T>> | undefined) =>
  Object.entries(written ?? {}).filter(([, { external }]) => external === undefined);

/** Fill in every default. The spec has passed its checks, so each name and quantity is known to be good. */
export function resolveSpec(spec: WrittenSpec): StackSpec {
  return {
    name: spec.name,
    profile: spec.profile,
    target: spec.target ?? defaults.target,
    domain: spec.domain ?? defaults.domain,
    host: spec.host && hostFacts(spec.host),
    network: (spec.network ?? defaults.network).replace(/\/22$/, ''),
    services: Object.entries(spec.services).map(([name, service]) => appOf(name, service, spec)),
    databases: ownOf(spec.databases).map(([name, database]) => ({
      name,
      engine: database.engine,
      database: databaseName(spec.name, database),
      ...(database.topology === undefined ? {} : { topology: database.topology }),
      ...(database.analytics === undefined
        ? {}
        : {
            analytics: {
              ...fixedSizeOf(database.analytics),
              queryTimeout:
                database.analytics.queryTimeout === undefined ? defaults.queryTimeout : duration(database.analytics.queryTimeout),
            },
          }),
      ...(database.edition === undefined ? {} : { edition: database.edition }),
      ...(database.operator === undefined ? {} : { operator: database.operator }),
      extensions: database.extensions ?? [],
      ...(database.pgbouncer === undefined
        ? {}
        : { pgbouncer: database.pgbouncer.connections === undefined ? {} : { connections: database.pgbouncer.connections } }),
      ...(database.maintenance === undefined
        ? {}
        : {
            vacuum: {
              cron: database.maintenance.vacuum,
              timeZone: database.maintenance.timeZone ?? defaults.timeZone,
              deadline: database.maintenance.deadline === undefined ? defaults.vacuumDeadline : duration(database.maintenance.deadline),
            },
          }),
      ...fixedStateOf(database),
    })),
    caches: ownOf(spec.caches).map(([name, cache]) => {
      // Whose clients ask Sentinels needs some, and whose clients speak to a cluster can speak to nothing else.
      const topology = cache.topology ?? (cache.client === 'single' ? undefined : cache.client);
      return {
        name,
        engine: cache.engine,
        use: cache.use ?? 'cache',
        client: cache.client ?? 'single',
        ...(topology === undefined ? {} : { topology }),
        ...fixedStateOf(cache),
      };
    }),
    stores: ownOf(spec.stores).map(([name, store]) => ({
      name,
      engine: store.engine,
      nodes: store.nodes ?? 1,
      ...(store.publicHost === undefined ? {} : { publicHost: store.publicHost }),
      buckets: Object.entries(store.buckets).map(([bucket, written]) => bucketOf(bucket, written)),
      ...fixedStateOf(store),
    })),
    volumes: Object.entries(spec.volumes ?? {}).map(([name, { disk, storageClass }]) => ({
      name,
      ...(disk === undefined ? {} : { disk: size(disk) }),
      ...(storageClass === undefined ? {} : { storageClass }),
    })),
    trust: Object.entries(spec.trust ?? {}).map(([name, text]) => ({ name, certificates: certificatesIn(text) ?? [] })),
    internalTls: spec.internalTls ?? false,
    ...(spec.proxy === undefined ? {} : { proxy: proxyOf(spec.proxy) }),
    ...(spec.registry === undefined ? {} : { registry: spec.registry }),
    externals: externalsOf(spec, (database) => databaseName(spec.name, database)),
    edge: {
      http: spec.edge?.http ?? defaults.http,
      https: spec.edge?.https ?? defaults.https,
      connections: spec.edge?.connections ?? defaults.connections,
      hsts: spec.edge?.hsts ?? false,
      trustedProxies: spec.edge?.trustedProxies ?? [],
      deny: [...new Set(spec.edge?.deny)],
      proxyProtocol: spec.edge?.proxyProtocol ?? false,
    },
    ...(spec.backups === undefined ? {} : { backups: backupsOf(spec.backups) }),
    kubernetes: kubernetesOf(spec.kubernetes ?? {}, spec.name),
    ...(hasOperations(spec) ? { operations: Object.fromEntries(operationKeys.map((key) => [key, spec[key]])) } : {}),
  };
}
