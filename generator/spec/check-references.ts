import { pgbouncer } from '../../model/engines/pgbouncer.ts';
import { runtimeVariables } from '../../model/engines/runtimes.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { writtenSpec } from '../../model/written-spec.ts';
import { service as writtenService } from '../../model/written-service.ts';
import type { WrittenSpec } from '../../model/written-spec.ts';
import { suggest } from './describe-issue.ts';
import { checkBackups } from './check-backups.ts';
import { checkCluster } from './check-cluster.ts';
import { checkOperations } from './check-operations.ts';
import { hasOperations } from '../../model/operations.ts';
import type { Finding } from './finding.ts';
import { reservedDatabaseNames } from '../../model/names.ts';
import {
  cacheTlsVariablesOf,
  clusterVariablesOf,
  databaseTlsVariablesOf,
  readVariableOf,
  topologiesOf,
  sentinelVariablesOf,
} from '../../model/stack-spec.ts';
import { checkExternals } from './check-externals.ts';
import { checkServices } from './check-services.ts';
import { checkInternalTls } from './check-internal-tls.ts';
import { checkStores } from './check-stores.ts';
import { checkSurroundings } from './check-surroundings.ts';
import { checkVolumes } from './check-volumes.ts';
import { databaseName, isServed, kindOf, usesOf, writtenRoutes } from './resolve.ts';

/** Variables that Berth sets on an application; the spec may not set them a second time. */
const ownVariables = ['PORT', 'APP_VERSION', 'BERTH_SLOT', 'BERTH_SITE', 'BERTH_DOMAIN', 'DATABASE_POOL_SIZE'];
/** Ways of the edge itself. */
const ownRoutes = '/-/berth/';

/** By an address, or not at all: drivers of these two alone are told beside it. */
const saysTls = (engine: string | undefined): boolean => engine !== 'mysql' && engine !== 'mariadb';

/** Every variable by which an application is told of one thing it uses: a store has several behind its prefix, and a name for its one bucket or for each of them. */
function variablesOf(spec: WrittenSpec, used: string, variable: string): readonly string[] {
  const kind = kindOf(spec, used);
  const byTls = (names: Readonly<Record<string, string>>): readonly string[] => (spec.internalTls === true ? Object.values(names) : []);
  const client = kind === 'cache' ? spec.caches?.[used]?.client : undefined;
  if (client === 'sentinel') return [...Object.values(sentinelVariablesOf(variable)), ...byTls(cacheTlsVariablesOf(variable))];
  if (client === 'cluster') return [...Object.values(clusterVariablesOf(variable)), ...byTls(cacheTlsVariablesOf(variable))];
  if (kind === 'database')
    return [
      variable,
      readVariableOf(variable),
      ...(saysTls(spec.databases?.[used]?.engine) ? [] : byTls(databaseTlsVariablesOf(variable))),
    ];
  if (kind !== 'store') return [variable];
  const buckets = Object.keys(spec.stores?.[used]?.buckets ?? {});
  const named = buckets.length === 1 ? ['BUCKET'] : buckets.map((bucket) => `BUCKET_${bucket.toUpperCase().replaceAll('-', '_')}`);
  const open = spec.stores?.[used]?.publicHost === undefined ? [] : ['PUBLIC_ENDPOINT'];
  return [...open, 'ENDPOINT', 'REGION', 'ACCESS_KEY', 'SECRET_KEY', ...named].map((part) => `${variable}_${part}`);
}

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

function* checkNames(spec: WrittenSpec): Iterable<Finding> {
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

function* checkUses(spec: WrittenSpec): Iterable<Finding> {
  const known = [
    ...(['databases', 'caches', 'stores'] as const).flatMap((kind) => Object.keys(spec[kind] ?? {})),
    ...Object.entries(spec.databases ?? {}).flatMap(([name, { analytics }]) => (analytics === undefined ? [] : [`${name}-analytics`])),
  ];
  for (const [name, service] of Object.entries(spec.services)) {
    const variables = new Map<string, string>();
    const uses = usesOf(spec, service);
    for (const [index, [used, variable]] of uses.entries()) {
      const path = ['services', name, 'uses', Array.isArray(service.uses) ? index : used];
      const names = variable === undefined ? [] : variablesOf(spec, used, variable);
      const [twice, own] = [names.find((one) => variables.has(one)), names.find((one) => ownVariables.includes(one))];
      if (uses.findIndex(([other]) => other === used) < index)
        yield { path, message: `"${used}" stands twice`, hint: 'keep one of the two' };
      else if (kindOf(spec, used) === undefined) {
        const near = suggest(used, known);
        yield {
          path,
          message: `there is no database, cache or store "${used}"`,
          hint: near
            ? `did you mean "${near}"?`
            : known.length > 0
              ? `known: ${known.join(', ')}`
              : 'add it under databases, caches or stores',
        };
      } else if (twice !== undefined)
        yield {
          path,
          message: `"${used}" and "${variables.get(twice) ?? ''}" would both be handed over as ${twice}`,
          hint: `write uses as a map and give each a variable of its own: { ${used}: ${variable ?? ''}_2 }`,
        };
      else if (own !== undefined) yield { path, message: `Berth sets the variable ${own} itself`, hint: 'name another one' };
      for (const one of names) variables.set(one, used);
    }
    const files = Object.entries(service.secrets ?? {}).flatMap(([variable, secret]) =>
      secret.deliver === 'file' ? [`${variable}_FILE`] : [],
    );
    const taken = new Set([...ownVariables, ...variables.keys(), ...files]);
    for (const variable of Object.keys(service.env ?? {}))
      if (taken.has(variable))
        yield {
          path: ['services', name, 'env'],
          key: variable,
          message: 'Berth sets this variable itself',
          hint: 'remove it here, or name another one under uses',
        };
    for (const variable of Object.keys(service.secrets ?? {}))
      if (
        taken.has(variable) ||
        Object.hasOwn(service.env ?? {}, variable) ||
        runtimeVariables[service.runtime ?? 'other'].includes(variable)
      )
        yield {
          path: ['services', name, 'secrets'],
          key: variable,
          message: 'this variable is set twice',
          hint: 'give the secret another name',
        };
  }
}

function* checkRoutes(spec: WrittenSpec): Iterable<Finding> {
  const seen = new Map<string, string>();
  for (const [name, service] of Object.entries(spec.services))
    for (const [index, { path }] of (isServed(service.kind ?? 'web') ? writtenRoutes(service) : []).entries()) {
      const first = seen.get(path);
      if (`${path}/`.startsWith(ownRoutes))
        yield {
          path: ['services', name, 'routes', index, 'path'],
          message: `paths below ${ownRoutes} belong to Berth`,
          hint: 'give the route another path',
        };
      else if (path !== '' && first !== undefined)
        yield {
          path: ['services', name, ...(service.routes ? ['routes', index, 'path'] : [])],
          message: `the path ${path} already leads to ${first}`,
          hint: first === name ? 'keep one of the two' : `give ${name} routes of its own`,
        };
      seen.set(path, name);
    }
}

function* checkPorts(spec: WrittenSpec): Iterable<Finding> {
  if (spec.edge?.proxyProtocol === true && (spec.edge.trustedProxies ?? []).length === 0)
    yield {
      path: ['edge'],
      key: 'proxyProtocol',
      message: 'nobody is trusted to say the address of a visitor by it',
      hint: 'add edge.trustedProxies with the addresses of your load balancers',
    };
  if ((spec.edge?.http ?? 80) === (spec.edge?.https ?? 443))
    yield { path: ['edge', 'https'], message: `port ${spec.edge?.https ?? 443} stands twice`, hint: 'give http and https different ports' };
}

function* checkDatabases(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, database] of Object.entries(spec.databases ?? {})) {
    // Of a value that broke the schema, the engine may be anything.
    const reserved = Object.hasOwn(reservedDatabaseNames, database.engine) ? reservedDatabaseNames[database.engine] : undefined;
    const taken = databaseName(spec.name, database);
    if (reserved?.names.test(taken))
      yield database.name === undefined
        ? {
            path: ['databases', name],
            message: `${reserved.keeper} keeps the name "${taken}" for itself, which the name of the site would give this database`,
            hint: `add databases.${name}.name`,
          }
        : { path: ['databases', name, 'name'], message: `expected a name of your own: ${reserved.keeper} keeps this one for itself` };
    const topologies = Object.hasOwn(topologiesOf, database.engine) ? topologiesOf[database.engine] : undefined;
    if (database.topology !== undefined && topologies && !topologies.includes(database.topology))
      yield {
        path: ['databases', name, 'topology'],
        message: `this version of Berth sets up no ${database.topology === 'cluster' ? 'cluster' : 'replica'} of ${database.engine}`,
        hint: `write ${topologies.join(' or ')}, or take postgres, mysql or mariadb`,
      };
  }
}

/** A replica for analytics follows as the others do. */
function* checkAnalytics(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, external, analytics, operator }] of Object.entries(spec.databases ?? {})) {
    if (analytics === undefined || external !== undefined) continue;
    const about = { path: ['databases', name], key: 'analytics' };
    if (Object.hasOwn(topologiesOf, engine) && !topologiesOf[engine].includes('primary-replica'))
      yield {
        ...about,
        message: `this version of Berth sets up no replica of ${engine}`,
        hint: 'remove it, or take postgres, mysql or mariadb',
      };
    if (operator !== undefined)
      yield {
        ...about,
        message: 'CloudNativePG runs all servers of a database alike, and this one has a size and settings of its own',
        hint: 'remove it, or remove the operator',
      };
  }
}

/** What only PostgreSQL has. */
function* checkPostgres(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, external, extensions, maintenance, pgbouncer: pooler, operator }] of Object.entries(spec.databases ?? {})) {
    const path = ['databases', name];
    for (const [key, value] of Object.entries({ extensions, maintenance, pgbouncer: pooler }))
      if (value !== undefined && (engine !== 'postgres' || external !== undefined))
        yield {
          path,
          key,
          message:
            external === undefined
              ? 'means nothing for this engine; it is for postgres'
              : 'means nothing for a database that stands elsewhere',
          hint: 'remove it',
        };
    if (pooler !== undefined && operator !== undefined && engine === 'postgres' && external === undefined)
      yield {
        path,
        key: 'pgbouncer',
        message: 'CloudNativePG has a pooler of its own, and keeps verifiers that this one could not know',
        hint: 'remove it, or remove the operator',
      };
    if (pooler !== undefined && [pgbouncer.console, 'all'].includes(databaseName(spec.name, spec.databases?.[name] ?? {})))
      yield { path: [...path, 'name'], message: 'expected a name of your own: PgBouncer keeps this one for itself' };
    for (const [index, extension] of (Array.isArray(extensions) ? extensions : []).entries())
      if (extensions?.indexOf(extension) !== index)
        yield { path: [...path, 'extensions', index], message: `"${extension}" stands twice`, hint: 'keep one of the two' };
  }
}

/** SQL Server is the one engine that costs money: nobody but the operator can say what was paid for, and agree to its terms. */
function* checkLicences(spec: WrittenSpec): Iterable<Finding> {
  for (const [name, { engine, edition, acceptLicence, external }] of Object.entries(spec.databases ?? {})) {
    const path = ['databases', name];
    if (external !== undefined) continue;
    if (engine === 'sqlserver') {
      if (edition === undefined)
        yield {
          path: [...path, 'edition'],
          message: 'missing: SQL Server runs as the edition that you have a licence for, and Berth assumes none',
          hint: 'add edition: standard, or developer, which is free of charge and not for production',
        };
      if (acceptLicence === undefined)
        yield {
          path: [...path, 'acceptLicence'],
          message: 'missing: SQL Server runs for those who accept its licence',
          hint: 'read https://go.microsoft.com/fwlink/?linkid=857698, then add acceptLicence: true',
        };
    } else
      for (const [key, value] of Object.entries({ edition, acceptLicence }))
        if (value !== undefined) yield { path, key, message: 'means nothing for this engine; it is for sqlserver', hint: 'remove it' };
  }
}

function* checkCaches(spec: WrittenSpec): Iterable<Finding> {
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

function* checkAddresses(spec: WrittenSpec): Iterable<Finding> {
  if (spec.network === undefined || !spec.network.endsWith('/22')) return;
  const texts = spec.network.replace(/\/22$/, '').split('.');
  const parts = texts.map(Number);
  const [first = 0] = parts;
  if (first < 1 || first === 127 || first > 223)
    yield {
      path: ['network'],
      message: 'expected addresses that a network can have: not 0, 127 or above 223 at the beginning',
      hint: 'for example 10.201.4.0/22',
    };
  else if (
    texts.some((text, index) => text !== String(parts[index])) ||
    parts.some((part) => part > 255) ||
    parts[3] !== 0 ||
    (parts[2] ?? 0) % 4 !== 0
  )
    yield {
      path: ['network'],
      message: 'expected the first address of a /22: the third number divisible by 4, the fourth 0',
      hint: 'for example 10.201.4.0/22',
    };
}

/** Everything that no single value can show: names twice, unknown references, routes and ports that collide. */
export function checkReferences(spec: WrittenSpec): readonly Finding[] {
  return [
    ...checkNames(spec),
    ...checkServices(spec),
    ...checkExternals(spec),
    ...checkUses(spec),
    ...checkRoutes(spec),
    ...checkVolumes(spec),
    ...checkStores(spec),
    ...checkInternalTls(spec),
    ...checkSurroundings(spec),
    ...checkDatabases(spec),
    ...checkCaches(spec),
    ...checkLicences(spec),
    ...checkAnalytics(spec),
    ...checkPostgres(spec),
    ...checkPorts(spec),
    ...checkCluster(spec),
    ...checkBackups(spec),
    ...(hasOperations(spec) ? checkOperations(spec, suggest) : []),
    ...checkAddresses(spec),
  ];
}

type Loose = Readonly<Record<string, unknown>>;
const mapOf = (value: unknown): Loose => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : {});
const listOf = (value: unknown): readonly unknown[] | undefined => (Array.isArray(value) ? value : undefined);
const maps = (value: unknown): Readonly<Record<string, Loose>> =>
  Object.fromEntries(Object.entries(mapOf(value)).map(([name, inner]) => [name, mapOf(inner)]));
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
/** Buckets without what the schema may have refused. */
const bucketsOf = (value: unknown): Loose => Object.fromEntries(Object.keys(mapOf(value)).map((name) => [name, {}]));
/** Where a volume is mounted; what is no path is a place that nothing else has. */
const pathOf = (name: string, mount: unknown): string => textOf(typeof mount === 'string' ? mount : mapOf(mount)['path']) || `/${name}`;
const topKeys = Object.keys(writtenSpec.shape);
const serviceKeys = Object.keys(writtenService.shape);

/** A mistyped key is likely the one that is missed: only the mistake is worth telling. */
const givenAll = ({ kind, image, follows, port, schedule }: Loose): Loose => ({
  ...(kind === 'worker' || kind === 'cron' ? {} : { port: port ?? 1 }),
  ...(kind === 'cron' ? { schedule: schedule ?? '' } : {}),
  ...(follows === undefined ? { image: image ?? '' } : {}),
});

/** Of a value that broke the schema, what {@link checkReferences} can read all the same. What is not there or of the wrong kind is left out, and lists keep their positions. */
export function readable(value: unknown): WrittenSpec {
  const spec = mapOf(value);
  // A mistyped `databases` would make every use of one look wrong.
  const guessing = Object.keys(spec).some((key) => !topKeys.includes(key));
  const service = (written: Loose) => {
    const { uses, env, secrets, routes, writable, volumes, egress } = written;
    return {
      ...written,
      ...(guessing || uses === undefined ? { uses: undefined } : { uses: listOf(uses)?.map(textOf) ?? mapOf(uses) }),
      ...(Object.keys(written).some((key) => !serviceKeys.includes(key)) ? givenAll(written) : {}),
      scaling: written['scaling'] === undefined ? undefined : {},
      env: mapOf(env),
      secrets: maps(secrets),
      routes: routes === undefined ? undefined : (listOf(routes)?.map((route) => ({ path: textOf(mapOf(route)['path']) })) ?? []),
      egress: listOf(egress)?.filter((place) => typeof place === 'string' && /:\d+$/.test(place)) ?? egress === true,
      writable: listOf(writable)?.filter((path) => typeof path === 'string') ?? [],
      // A mistyped `volumes` would make every mount of one look wrong.
      volumes: guessing ? {} : Object.fromEntries(Object.entries(mapOf(volumes)).map(([name, mount]) => [name, pathOf(name, mount)])),
    };
  };
  const services = Object.fromEntries(Object.entries(maps(spec['services'])).map(([name, written]) => [name, service(written)]));
  const stores = Object.fromEntries(
    Object.entries(maps(spec['stores'])).map(([name, store]) => [
      name,
      {
        buckets: bucketsOf(store['buckets']),
        nodes: store['nodes'],
        ...(typeof store['publicHost'] === 'string' ? { publicHost: store['publicHost'] } : {}),
      },
    ]),
  );
  return {
    name: textOf(spec['name']),
    services,
    databases: maps(spec['databases']),
    caches: maps(spec['caches']),
    stores,
    volumes: guessing ? {} : maps(spec['volumes']),
    edge: mapOf(spec['edge']),
    target: spec['target'],
    ...(spec['backups'] === undefined ? {} : { backups: mapOf(spec['backups']) }),
    ...(typeof spec['network'] === 'string' ? { network: spec['network'] } : {}),
  } as unknown as WrittenSpec;
}
