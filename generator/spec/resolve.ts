import { backupsOf } from './resolve-backups.ts';
import { externalsOf } from './resolve-externals.ts';
import type { WrittenService, WrittenSpec } from '../../model/written-spec.ts';
import type { AppKind, AppSpec, HttpSpec, Scaling } from '../../model/app-spec.ts';
import type { BucketSpec } from '../../model/store-spec.ts';
import type { Cors, RateLimit, Route } from '../../model/route.ts';
import type { FixedSize } from '../../model/fixed-size.ts';
import type { HostFacts, StackSpec } from '../../model/stack-spec.ts';
import type { KubernetesSpec } from '../../model/kubernetes-spec.ts';
import type { Place } from '../../model/place.ts';
import type { Use } from '../../model/use.ts';
import { certificatesIn } from '../../model/pem.ts';
import { mib, parseCpu, parseDuration, parseSize, seconds } from '../../model/units.ts';
import type { MiB, MilliCpu, Seconds } from '../../model/units.ts';

type WrittenScaling = NonNullable<WrittenService['scaling']>;

/** All defaults of the spec live here. */
export const defaults = {
  target: 'compose',
  domain: 'localhost',
  network: '10.201.0.0/22',
  operatorNamespace: 'cnpg-system',
  http: 80,
  https: 443,
  body: mib(25),
  timeout: seconds(60),
  connections: 100,
  user: '10001:10001',
  live: '/livez',
  ready: '/readyz',
  timeZone: 'UTC',
  vacuumDeadline: seconds(4 * 3600),
  queryTimeout: seconds(30 * 60),
  deadline: seconds(3600),
  stopGrace: seconds(30),
  secretLength: 48,
  coolDown: seconds(300),
  kubernetesMinor: 30,
  clusterDomain: 'cluster.local',
  expose: 'loadBalancer',
} as const;

/** The name under which an application finds what it uses, when the spec gives no other. */
function defaultVariable(spec: WrittenSpec, name: string): string | undefined {
  const kind = kindOf(spec, name);
  if (kind === 'cache') return spec.caches?.[name]?.engine === 'memcached' ? 'MEMCACHED_URL' : 'REDIS_URL';
  return kind && { database: 'DATABASE_URL', store: 'S3', analytics: 'DATABASE_ANALYTICS_URL' }[kind];
}

const size = (text: string): MiB => parseSize(text) ?? mib(0);
const cpu = (text: string | number): MilliCpu => parseCpu(String(text)) as MilliCpu;
const duration = (text: string): Seconds => parseDuration(text) ?? seconds(0);

const fixed = (written: { cpu?: string | number | undefined; memory?: string | undefined }): FixedSize => ({
  ...(written.cpu === undefined ? {} : { cpu: cpu(written.cpu) }),
  ...(written.memory === undefined ? {} : { memory: size(written.memory) }),
});

const state = (written: { readonly disk?: string | undefined } & Parameters<typeof fixed>[0]) => ({
  ...fixed(written),
  ...(written.disk === undefined ? {} : { disk: size(written.disk) }),
});

function rateLimit(written: { rate: string; by?: string | undefined; burst?: number | undefined }): RateLimit {
  const [count = '1', per = 's'] = written.rate.split('/');
  const perSecond = per === 's' ? Number(count) : Number(count) / 60;
  return { rate: `${count}r/${per}`, by: written.by ?? 'address', burst: written.burst ?? Math.max(10, Math.ceil(2 * perSecond)) };
}

const corsOf = ({
  origins,
  methods,
  headers,
  credentials,
  maxAge,
}: NonNullable<NonNullable<WrittenService['routes']>[number]['cors']>): Cors => ({
  origins,
  methods: methods ?? ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
  headers: headers ?? ['Authorization', 'Content-Type', 'X-Requested-With'],
  credentials: credentials ?? false,
  maxAge: maxAge === undefined ? seconds(600) : duration(maxAge),
});

/** The paths that lead to a service, as far as they were written or follow from its kind. */
export const writtenRoutes = (service: WrittenService): NonNullable<WrittenService['routes']> =>
  service.routes ?? [{ path: service.kind === 'api' ? '/api/' : '/' }];

function routes(service: WrittenService, spec: WrittenSpec): readonly Route[] {
  return writtenRoutes(service).map((route) => ({
    path: route.path,
    rateLimits: [route.rateLimit ?? []].flat().map(rateLimit),
    ...(route.cors ? { cors: corsOf(route.cors) } : {}),
    body: route.body === undefined ? (spec.edge?.body === undefined ? defaults.body : size(spec.edge.body)) : size(route.body),
    timeout:
      route.timeout === undefined
        ? spec.edge?.timeout === undefined
          ? defaults.timeout
          : duration(spec.edge.timeout)
        : duration(route.timeout),
    stream: route.stream ?? false,
  }));
}

/** Name of a database and its owner. An identifier begins with no digit, though the name of a site may. */
export const databaseName = (site: string, written: { readonly name?: string | undefined }): string =>
  written.name ?? site.replaceAll('-', '_').replace(/^(?=\d)/, '_');

/** The database whose replica for analytics has that name. */
function analysedBy(spec: WrittenSpec, name: string): string | undefined {
  const of = name.replace(/-analytics$/, '');
  return of !== name && Object.hasOwn(spec.databases ?? {}, of) && spec.databases?.[of]?.analytics !== undefined ? of : undefined;
}

/** What kind of thing a name of the spec stands for; `undefined` when it stands for none that can be used. */
export function kindOf(spec: WrittenSpec, name: string): Use['kind'] | undefined {
  if (Object.hasOwn(spec.databases ?? {}, name)) return 'database';
  if (Object.hasOwn(spec.caches ?? {}, name)) return 'cache';
  if (Object.hasOwn(spec.stores ?? {}, name)) return 'store';
  return analysedBy(spec, name) === undefined ? undefined : 'analytics';
}

/** The connections of a service as pairs of name and variable, in the order written. */
export function usesOf(spec: WrittenSpec, service: WrittenService): readonly (readonly [name: string, variable: string | undefined])[] {
  if (service.uses === undefined) return [];
  if (!Array.isArray(service.uses)) return Object.entries(service.uses);
  return service.uses.map((name) => [name, defaultVariable(spec, name)] as const);
}

const scaling = (
  { min, max, coolDown, cpu: share, memory, queue, schedule, timeZone }: WrittenScaling,
  count: number | undefined,
): Scaling => ({
  min: min ?? Math.min(count ?? 2, max),
  max,
  ...(share === undefined && memory === undefined && queue === undefined ? { cpu: 70 } : {}),
  ...(share === undefined ? {} : { cpu: share }),
  ...(memory === undefined ? {} : { memory }),
  ...(queue === undefined ? {} : { queue }),
  coolDown: coolDown === undefined ? defaults.coolDown : duration(coolDown),
  ...(schedule === undefined
    ? {}
    : { schedule: { timeZone: timeZone ?? defaults.timeZone, times: schedule.map(({ at, min: least }) => ({ cron: at, min: least })) } }),
});

/** Where the cluster chooses their number, everything is sized for the most there can be. */
function replicas({ scaling: written, replicas: count }: WrittenService, spec: WrittenSpec): { readonly replicas?: number } {
  if (written && spec.target === 'kubernetes') return { replicas: written.max };
  return count === undefined ? {} : { replicas: count };
}

function kubernetes(written: NonNullable<WrittenSpec['kubernetes']>, site: string): KubernetesSpec {
  const { namespace, version, clusterDomain, expose, class: className, certificate, existingSecrets, ...rest } = written;
  return {
    namespace: namespace ?? site,
    minor: version === undefined ? defaults.kubernetesMinor : Number(version.slice(2)),
    clusterDomain: clusterDomain ?? defaults.clusterDomain,
    expose: expose ?? defaults.expose,
    operatorNamespace: rest.operatorNamespace ?? defaults.operatorNamespace,
    certificate: certificate ?? 'own',
    existingSecrets: existingSecrets ?? {},
    ...(className === undefined ? {} : { className }),
    ...(rest.controllerNamespace === undefined ? {} : { controllerNamespace: rest.controllerNamespace }),
    ...(rest.nodePorts === undefined ? {} : { nodePorts: rest.nodePorts }),
    ...(rest.storageClass === undefined ? {} : { storageClass: rest.storageClass }),
    ...(rest.pullSecret === undefined ? {} : { pullSecret: rest.pullSecret }),
  };
}

/** Whether a kind answers HTTP behind the edge, and so stands in two slots. */
export const isServed = (kind: AppKind): boolean => ['web', 'api', 'static'].includes(kind);

function http(service: WrittenService, spec: WrittenSpec): HttpSpec {
  const files = service.kind === 'static';
  return {
    port: service.port ?? 0,
    routes: routes(service, spec),
    live: service.live ?? (files ? '/' : defaults.live),
    ready: service.ready ?? (files ? '/' : defaults.ready),
  };
}

function connections(service: WrittenService, spec: WrittenSpec): readonly Use[] {
  return usesOf(spec, service).flatMap(([used, variable]) => {
    const kind = kindOf(spec, used);
    return kind && variable ? [{ service: analysedBy(spec, used) ?? used, kind, variable }] : [];
  });
}

/** `hooks.corp.example:443` in its two parts. */
export function placeOf(text: string): Place {
  const cut = text.lastIndexOf(':');
  return { host: text.slice(0, cut), port: Number(text.slice(cut + 1)) };
}

function proxyOf({ url, except }: NonNullable<WrittenSpec['proxy']>): NonNullable<StackSpec['proxy']> {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: port === '' ? 80 : Number(port), except: except ?? [] };
}

/** The volumes of a service, in the order written. */
export const mountsOf = ({ volumes }: WrittenService): AppSpec['volumes'] =>
  Object.entries(volumes ?? {}).map(([name, mount]) =>
    typeof mount === 'string' ? { name, path: mount, readOnly: false } : { name, path: mount.path, readOnly: mount.readOnly ?? false },
  );

const migrateOf = ({ entrypoint, command }: NonNullable<WrittenService['migrate']>) => ({
  ...(entrypoint === undefined ? {} : { entrypoint }),
  command,
});

function app(name: string, service: WrittenService, spec: WrittenSpec): AppSpec {
  const kind = service.kind ?? 'web';
  const source = service.follows === undefined ? service : (spec.services[service.follows] ?? service);
  const uses = connections(service, spec);
  const database = uses.find((use) => use.kind === 'database')?.service;
  return {
    name,
    kind,
    ...fixed(service),
    image: source.image ?? '',
    ...(service.follows === undefined ? {} : { follows: service.follows }),
    ...(source.build === undefined ? {} : { build: source.build }),
    ...(isServed(kind) ? { http: http(service, spec) } : {}),
    ...(service.schedule === undefined
      ? {}
      : {
          schedule: {
            cron: service.schedule,
            timeZone: service.timeZone ?? defaults.timeZone,
            deadline: service.deadline === undefined ? defaults.deadline : duration(service.deadline),
          },
        }),
    ...(service.entrypoint === undefined ? {} : { entrypoint: service.entrypoint }),
    ...(service.command === undefined ? {} : { command: service.command }),
    ...(service.healthcheck === undefined ? {} : { healthcheck: service.healthcheck }),
    ...(service.migrate === undefined || database === undefined ? {} : { migrate: { ...migrateOf(service.migrate), database } }),
    ...(kind === 'cron' ? { replicas: 1 } : replicas(service, spec)),
    ...(service.pool === undefined ? {} : { pool: service.pool }),
    ...(service.scaling === undefined ? {} : { scaling: scaling(service.scaling, service.replicas) }),
    runtime: service.runtime ?? 'other',
    user: service.user ?? defaults.user,
    stopGrace: service.stopGrace === undefined ? defaults.stopGrace : duration(service.stopGrace),
    uses,
    env: service.env ?? {},
    secrets: Object.entries(service.secrets ?? {}).map(([variable, secret]) => ({
      name: variable,
      length: secret.length ?? defaults.secretLength,
      deliver: secret.deliver ?? 'env',
      supplied: secret.supplied ?? false,
    })),
    writable: service.writable ?? [],
    volumes: mountsOf(service),
    egress: service.egress === true,
    reaches: Array.isArray(service.egress) ? service.egress.map(placeOf) : [],
  };
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
    services: Object.entries(spec.services).map(([name, service]) => app(name, service, spec)),
    databases: ownOf(spec.databases).map(([name, database]) => ({
      name,
      engine: database.engine,
      database: databaseName(spec.name, database),
      ...(database.topology === undefined ? {} : { topology: database.topology }),
      ...(database.analytics === undefined
        ? {}
        : {
            analytics: {
              ...fixed(database.analytics),
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
      ...state(database),
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
        ...state(cache),
      };
    }),
    stores: ownOf(spec.stores).map(([name, store]) => ({
      name,
      engine: store.engine,
      nodes: store.nodes ?? 1,
      ...(store.publicHost === undefined ? {} : { publicHost: store.publicHost }),
      buckets: Object.entries(store.buckets).map(([bucket, written]) => bucketOf(bucket, written)),
      ...state(store),
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
      proxyProtocol: spec.edge?.proxyProtocol ?? false,
    },
    ...(spec.backups === undefined ? {} : { backups: backupsOf(spec.backups) }),
    kubernetes: kubernetes(spec.kubernetes ?? {}, spec.name),
  };
}
