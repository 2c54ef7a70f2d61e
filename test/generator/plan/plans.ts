import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { makePlan } from '../../../generator/plan/make-plan.ts';
import { BerthError } from '../../../model/errors.ts';
import { runtimes } from '../../../model/engines/runtimes.ts';
import { imageCatalogue } from '../../../model/image-catalogue.ts';
import type { Plan } from '../../../model/plan.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import { hardwareProfile, profileNames } from '../../../model/profile.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { WrittenRelease } from '../../../model/release.ts';
import { topologiesOf } from '../../../model/database-spec.ts';
import type { CacheTopology, CacheSpec } from '../../../model/cache-spec.ts';
import type { AppSpec, HttpSpec } from '../../../model/app-spec.ts';
import type { DatabaseSpec } from '../../../model/database-spec.ts';
import type { HostFacts, ProfileName, StackSpec } from '../../../model/stack-spec.ts';
import type { StoreSpec } from '../../../model/store-spec.ts';
import type { Use } from '../../../model/use.ts';
import { mib, milliCpu, parseCpu, parseSize, seconds } from '../../../model/units.ts';

const read = (file: string): unknown => parse(readFileSync(file, 'utf8'));
const images = imageCatalogue.parse(read('images.yaml'));
export const profiles = Object.fromEntries(
  profileNames.map((name) => [name, hardwareProfile.parse(read(`hardware-profiles/${name}.yaml`))]),
) as Record<ProfileName, HardwareProfile>;

export const http = (routes: HttpSpec['routes']): HttpSpec => ({ port: 3000, routes, live: '/livez', ready: '/readyz' });

export const app = (name: string, more: Partial<AppSpec> = {}): AppSpec => ({
  name,
  kind: 'web',
  image: `registry.example/${name}:1.0.0`,
  http: http([{ path: `/${name}/`, body: mib(25), timeout: seconds(60), rateLimits: [], stream: false }]),
  runtime: 'node',
  user: '10001:10001',
  stopGrace: seconds(30),
  uses: [],
  env: {},
  secrets: [],
  writable: [],
  loosened: [],
  volumes: [],
  egress: false,
  reaches: [],
  ...more,
});
export const uses: Readonly<Record<Use['kind'], (service: string) => Use>> = {
  database: (service) => ({ service, kind: 'database', variable: `${service.toUpperCase().replaceAll('-', '_')}_URL` }),
  cache: (service) => ({ service, kind: 'cache', variable: `${service.toUpperCase().replaceAll('-', '_')}_URL` }),
  analytics: (service) => ({ service, kind: 'analytics', variable: `${service.toUpperCase().replaceAll('-', '_')}_ANALYTICS_URL` }),
  store: (service) => ({ service, kind: 'store', variable: service.toUpperCase().replaceAll('-', '_') }),
};
export const database = (name: string, more: Partial<DatabaseSpec> = {}): DatabaseSpec => ({
  name,
  engine: 'postgres',
  database: 'hello',
  extensions: [],
  ...(more.engine === 'sqlserver' ? { edition: 'standard' as const } : {}),
  ...more,
});
export const cache = (name: string, more: Partial<CacheSpec> = {}): CacheSpec => ({
  name,
  engine: 'valkey',
  use: 'cache',
  client: 'single',
  ...more,
});
export const store = (name: string, more: Partial<StoreSpec> = {}): StoreSpec => ({
  name,
  engine: 'minio',
  nodes: 1,
  buckets: [{ name: 'uploads', versioning: true, lifecycle: [] }],
  ...more,
});

export const stack = (more: Partial<StackSpec> = {}): StackSpec => ({
  name: 'hello',
  profile: 'minimum',
  target: 'compose',
  domain: 'localhost',
  host: undefined,
  network: '10.201.0.0',
  services: [app('web', { uses: [uses.database('database'), uses.cache('cache'), uses.store('files')] })],
  databases: [database('database')],
  caches: [cache('cache')],
  stores: [store('files')],
  externals: [],
  volumes: [],
  trust: [],
  internalTls: false,
  edge: { http: 80, https: 443, connections: 100, hsts: false, trustedProxies: [], deny: [], proxyProtocol: false },
  kubernetes: {
    namespace: more.name ?? 'hello',
    minor: 30,
    clusterDomain: 'cluster.local',
    operatorNamespace: 'cnpg-system',
    expose: 'loadBalancer',
    controllerNetwork: 'pods',
    containerLog: { size: mib(50), files: 5 },
    controllerAddresses: [],
    dns: { namespace: 'kube-system', labels: {}, addresses: ['169.254.0.0/16'], ports: [53] },
    certificate: 'own',
    existingSecrets: {},
  },
  ...more,
});

/** `host(2, 16, 80)`: CPUs, and GiB of memory and disk. */
export const host = (cpus: number, memory: number, disk = 10_240, fit = true): HostFacts => ({
  cpus: milliCpu(cpus * 1000),
  memory: mib(memory * 1024),
  disk: mib(disk * 1024),
  fit,
});

export const plan = (spec: StackSpec, more: { readonly release?: WrittenRelease; readonly profile?: HardwareProfile } = {}): Plan =>
  makePlan({ spec, profile: more.profile ?? profiles[spec.profile], images, release: more.release });

/** The plan, or the refusal. Anything else thrown is a defect. */
export function tryPlan(spec: StackSpec): Plan | BerthError {
  try {
    return plan(spec);
  } catch (error) {
    if (error instanceof BerthError && error.kind === 'capacity') return error;
    throw error;
  }
}

export function refusal(spec: StackSpec, more: Parameters<typeof plan>[1] = {}): BerthError {
  try {
    plan(spec, more);
  } catch (error) {
    if (error instanceof BerthError) return error;
    throw error;
  }
  throw new Error('the plan was not refused');
}

export const service = (made: Plan, name: string): PlannedService => {
  const found = made.services.find((candidate) => candidate.name === name);
  if (!found) throw new Error(`no service ${name}`);
  return found;
};
export const decision = (made: Plan, key: string): string | undefined => made.decisions.find((candidate) => candidate.key === key)?.value;

/** MiB of `1408MB`, `4096kB`, `512mb`, `1408M` or `256K`. */
export function inMib(text: string | undefined): number {
  const match = /^(\d+)(kB|MB|mb|K|M)$/.exec(text ?? '');
  if (!match) throw new Error(`no size: ${text ?? 'nothing'}`);
  return Number(match[1]) / (match[2] === 'kB' || match[2] === 'K' ? 1024 : 1);
}

/** Every server of every database: primaries and replicas. */
export const databaseServers = ({ databases }: Plan): readonly Pick<Plan['databases'][number], 'service' | 'engine' | 'settings'>[] =>
  databases.flatMap(({ engine, service: name, settings, replicas }) => [
    { engine, service: name, settings },
    ...replicas.map((replica) => ({ engine, ...replica })),
  ]);

const topologyOf = (made: Plan, name: string): CacheTopology => {
  const found = made.caches.find(({ cache: one }) => one === name);
  return found?.cluster ? 'cluster' : found?.sentinel ? 'sentinel' : 'single';
};

/** The same spec with the topology of each database written down as a plan chose it. */
export const pinned = <T extends StackSpec>(spec: T, made: Plan): T => ({
  ...spec,
  databases: spec.databases.map((one) => ({
    ...one,
    topology:
      (['single', 'primary-replica', 'cluster'] as const)[
        made.databases.find(({ service: name }) => name === one.name)?.replicas.length ?? 0
      ] ?? 'single',
  })),
  caches: spec.caches.map((one) => ({ ...one, topology: topologyOf(made, one.name) })),
});

/** The service that has the size of a part of the spec: one of the nodes, where a cache has several. */
export const holderOf = (made: Plan, name: string): PlannedService =>
  service(made, made.caches.find(({ cache: one }) => one === name)?.members[0] ?? name);

export const settingsOf = (made: Plan, name: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [...databaseServers(made), ...made.caches]
      .find((candidate) => candidate.service === name)
      ?.settings.map((setting) => [setting.name, setting.value]) ?? [],
  );

/** Settings of each engine that its limit, its CPUs or its disk decide. */
const growing = {
  postgres: [
    'shared_buffers',
    'work_mem',
    'maintenance_work_mem',
    'autovacuum_work_mem',
    'effective_cache_size',
    'max_wal_size',
    'max_slot_wal_keep_size',
    'min_wal_size',
  ],
  mysql: ['innodb_buffer_pool_size', 'temptable_max_ram', 'innodb_redo_log_capacity'],
  mariadb: ['innodb_buffer_pool_size', 'innodb_log_file_size', 'max_binlog_total_size'],
  mongodb: [],
  sqlserver: [],
} as const;
const counted = {
  postgres: ['max_parallel_workers', 'max_parallel_workers_per_gather'],
  mysql: [
    'innodb_buffer_pool_instances',
    'innodb_read_io_threads',
    'innodb_write_io_threads',
    'innodb_purge_threads',
    'innodb_parallel_read_threads',
  ],
  mariadb: ['innodb_read_io_threads', 'innodb_write_io_threads', 'innodb_purge_threads'],
  mongodb: ['storage.wiredTiger.engineConfig.cacheSizeGB', 'replication.oplogSizeMB'],
  sqlserver: ['MSSQL_MEMORY_LIMIT_MB', 'max server memory (MB)', 'max degree of parallelism', 'tempdb files'],
} as const;

/** Everything a host gives that must never shrink when the host grows, by name. */
export function given(made: Plan): ReadonlyMap<string, number> {
  const sizes = (name: string, { memory, cpu, cpuShare }: Size): [string, number][] => [
    [`${name}.memory`, memory],
    [`${name}.cpu`, cpu],
    [`${name}.share`, cpuShare],
  ];
  return new Map<string, number>([
    ...made.services.flatMap(({ name, size }) => sizes(name, size)),
    ...made.budget.rows.map((row): [string, number] => [`${row.name}.budget`, row.each]),
    ...made.disk.map((row): [string, number] => [`${row.name}.disk`, row.size]),
    ...databaseServers(made).flatMap(({ service: name, engine }) => {
      const settings = settingsOf(made, name);
      return [
        ...growing[engine].map((key): [string, number] => [`${name}.${key}`, inMib(settings[key])]),
        ...counted[engine].map((key): [string, number] => [`${name}.${key}`, Number(settings[key])]),
      ];
    }),
    ...made.caches.flatMap(({ service: name, engine }): [string, number][] => {
      const settings = settingsOf(made, name);
      if (engine !== 'memcached') return [[`${name}.maxmemory`, inMib(settings['maxmemory'])]];
      return ['memory-limit', 'conn-limit', 'threads'].map((key) => [`${name}.${key}`, Number(settings[key])]);
    }),
    ...made.stores.map(({ service: name, engine }): [string, number] => {
      const { command = [], env } = service(made, name);
      const uploads = command.find((word) => word.startsWith('-s3.concurrentFileUploadLimit='))?.split('=')[1];
      return [`${name}.requests`, Number(engine === 'minio' ? env['MINIO_API_REQUESTS_MAX'] : uploads)];
    }),
    ...made.services.flatMap(({ name, env, size }): [string, number][] => [
      ...(env['NODE_OPTIONS'] ? ([[`${name}.heap`, Number(env['NODE_OPTIONS'].split('=')[1])]] as [string, number][]) : []),
      ...(env['JAVA_TOOL_OPTIONS']
        ? ([
            [`${name}.heap`, Math.round((Number(/MaxRAMPercentage=([\d.]+)/.exec(env['JAVA_TOOL_OPTIONS'])?.[1]) * size.memory) / 100)],
          ] as [string, number][])
        : []),
      ...(env['GOMEMLIMIT'] ? ([[`${name}.GOMEMLIMIT`, inMib(env['GOMEMLIMIT'].replace('iB', 'B'))]] as [string, number][]) : []),
      ...(env['WEB_CONCURRENCY'] ? ([[`${name}.workers`, Number(env['WEB_CONCURRENCY'])]] as [string, number][]) : []),
    ]),
    ['edge.connections', made.edge.workers * made.edge.connections],
    ['edge.workers', made.edge.workers],
  ]);
}

/** The smallest host that a refusal names. */
export function namedHost({ hint, message }: BerthError): { readonly cpus: number; readonly memory: number } {
  const match = /use a host with at least (\S+) CPUs? and (\d+) GiB/.exec(hint);
  if (!match) throw new Error(`the hint names no host: ${message} | ${hint}`);
  return { cpus: (parseCpu(match[1] ?? '') ?? 0) / 1000, memory: (parseSize(`${match[2] ?? ''}Gi`) ?? 0) / 1024 };
}
export const namedDisk = ({ hint }: BerthError): number | undefined => {
  const match = /until (\d+) GiB are free/.exec(hint);
  return match ? Number(match[1]) : undefined;
};

const fixedCpu = fc.option(fc.integer({ min: 10, max: 16_000 }).map(milliCpu), { nil: undefined, freq: 4 });
const fixedMemory = (min: number, max: number) => fc.option(fc.integer({ min, max }).map(mib), { nil: undefined, freq: 4 });
const fixed = (min: number, max: number) =>
  fc
    .record({ cpu: fixedCpu, memory: fixedMemory(min, max) })
    .map(({ cpu, memory }) => ({ ...(cpu === undefined ? {} : { cpu }), ...(memory === undefined ? {} : { memory }) }));
const maybe = (min: number, max: number) => fc.option(fc.integer({ min, max }), { nil: undefined });

const apps = (kinds: readonly (readonly [Use['kind'], readonly string[]])[]) =>
  fc
    .array(
      fc.record({
        size: fixed(256, 8192),
        replicas: maybe(1, 6),
        pool: maybe(1, 30),
        runtime: fc.constantFrom(...runtimes),
        writable: fc.subarray(['/tmp', '/data/cache', '/var/spool', '/srv/uploads']),
        uses: fc.subarray(kinds.flatMap(([kind, names]) => names.map((name) => uses[kind](name)))),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((parts) =>
      parts.map(({ size, replicas, pool, ...rest }, index) =>
        app(['constructor', 'web'][index] ?? `app-${index}`, {
          ...size,
          ...rest,
          ...(replicas === undefined ? {} : { replicas }),
          ...(pool === undefined ? {} : { pool }),
        }),
      ),
    );

const databaseEngineNames = ['postgres', 'mysql', 'mariadb', 'mongodb', 'sqlserver'] as const;

/** 1–8 services and 0–3 databases, caches and stores, some sizes fixed. */
export const anySpec: fc.Arbitrary<StackSpec> = fc
  .record({
    profile: fc.constantFrom(...profileNames),
    databases: fc
      .array(
        fc.record({
          size: fixed(4096, 16_384),
          engine: fc.constantFrom(...databaseEngineNames),
          topology: fc.constantFrom(undefined, 'single' as const, 'primary-replica' as const, 'cluster' as const),
        }),
        { maxLength: 3 },
      )
      .map((parts) =>
        parts.map(({ size, engine, topology }, index) =>
          database(`db-${index}`, {
            database: `db_${index}`,
            engine,
            ...size,
            ...(topology === undefined ? {} : { topology: topologiesOf[engine].includes(topology) ? topology : 'single' }),
          }),
        ),
      ),
    caches: fc
      .array(
        fc.record({
          size: fixed(256, 4096),
          use: fc.constantFrom('cache' as const, 'sessions' as const, 'queue' as const),
          engine: fc.constantFrom('valkey' as const, 'redis' as const, 'memcached' as const),
          topology: fc.constantFrom(undefined, 'single' as const, 'sentinel' as const),
          client: fc.constantFrom('single' as const, 'sentinel' as const, 'cluster' as const),
        }),
        { maxLength: 3 },
      )
      .map((parts) =>
        parts.map(({ size, use, engine: drawn, topology, client }, index) => {
          const engine = use === 'cache' ? drawn : 'valkey';
          if (engine === 'memcached') return cache(`cache-${index}`, { use, engine, ...size });
          const chosen = client === 'single' ? topology : client;
          return cache(`cache-${index}`, { use, engine, client, ...(chosen === undefined ? {} : { topology: chosen }), ...size });
        }),
      ),
    volumes: fc
      .array(fc.option(fc.integer({ min: 1024, max: 65_536 }).map(mib), { nil: undefined }), { maxLength: 2 })
      .map((disks) => disks.map((disk, index) => ({ name: `vol-${index}`, ...(disk === undefined ? {} : { disk }) }))),
    stores: fc
      .array(fc.record({ size: fixed(1024, 8192), engine: fc.constantFrom('minio', 'seaweedfs') }), { maxLength: 3 })
      .map((parts) => parts.map(({ size, engine }, index) => store(`store-${index}`, { engine, ...size }))),
  })
  .chain((base) =>
    apps([
      ['database', base.databases.map(({ name }) => name)],
      ['cache', base.caches.map(({ name }) => name)],
      ['store', base.stores.map(({ name }) => name)],
    ]).map((services) =>
      stack({
        ...base,
        services: services.map((one, index) => ({
          ...one,
          volumes: index > 1 ? [] : base.volumes.map(({ name }) => ({ name, path: `/srv/${name}`, readOnly: index === 1 })),
        })),
      }),
    ),
  );

/** The smallest host of a spec, or nothing when a fixed size is below what its engine needs on any host. */
function smallest(spec: StackSpec): HostFacts | undefined {
  const refused = tryPlan({ ...spec, host: host(1, 1) });
  if (!(refused instanceof BerthError)) throw new Error('a host of 1 CPU and 1 GiB holds nothing');
  if (!refused.message.startsWith('the host has')) return undefined;
  const { cpus, memory } = namedHost(refused);
  const noDisk = tryPlan({ ...spec, host: { ...host(cpus, memory), disk: mib(1024) } });
  if (!(noDisk instanceof BerthError)) throw new Error('1 GiB of disk holds nothing');
  return host(cpus, memory, namedDisk(noDisk));
}

/** More of everything: nothing, a little where rounding shows, up to 128 CPUs, 2 TiB and 20 TiB. */
const more = fc.record({
  cpus: fc.oneof(fc.constant(0), fc.nat(8000), fc.nat(128_000)),
  memory: fc.oneof(fc.constant(0), fc.nat(4096), fc.nat(65_536), fc.nat(2 ** 21)),
  disk: fc.oneof(fc.constant(0), fc.nat(65_536), fc.nat(20 * 2 ** 20)),
});

/** A spec with a host that holds it, often just so. */
export const anySite: fc.Arbitrary<StackSpec & { readonly host: HostFacts }> = fc
  .tuple(anySpec, more)
  .map(([spec, { cpus, memory, disk }]) => {
    const least = smallest(spec);
    return {
      ...spec,
      host: least && { cpus: milliCpu(least.cpus + cpus), memory: mib(least.memory + memory), disk: mib(least.disk + disk), fit: true },
    };
  })
  .filter((spec): spec is StackSpec & { host: HostFacts } => spec.host !== undefined);
