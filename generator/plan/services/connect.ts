import { memcached } from '../../../model/engines/memcached.ts';
import { authorityFile } from '../../../model/internal-tls.ts';
import { pgbouncer } from '../../../model/engines/pgbouncer.ts';
import type { Runtime } from '../../../model/engines/runtimes.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type { Dependency, Gate, PlannedService, Size } from '../../../model/planned-service.ts';
import type { SecretText } from '../../../model/planned-secret.ts';
import {
  cacheTlsVariablesOf,
  clusterVariablesOf,
  databaseTlsVariablesOf,
  readVariableOf,
  sentinelVariablesOf,
} from '../../../model/use.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { DatabaseEngineName } from '../../../model/database-spec.ts';
import type { ExternalSpec } from '../../../model/external-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { Use } from '../../../model/use.ts';
import { hasProxy, isCluster, isWatched, nodesOf, sentinelsOf, shardsOf, waysTo, waysToAll } from './cache-members.ts';
import { analyticsName, hasReplica, isSet, hostsOf, poolerName, readerName, readersOf } from './database-engine.ts';
import type { DatabaseAddress, DatabaseEngine } from './database-engine.ts';
import { databaseEngines } from './databases.ts';
import { membersOf } from './mongodb-members.ts';
import { accountOf, originOf } from './store-engine.ts';
import { endpointOf, storeEngines, storeNamed } from './stores.ts';

/**
 * Runs `attempt` until it succeeds, three minutes at most. What it says is kept in a variable: gates of one pod share its /tmp and
 * run as different users, and a file of one cannot be written by the next.
 */
const waiting = (service: string, attempt: string, strict = false): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  strict
    ? waitingLong(service, attempt)
    : `tries=0; until why=$({ ${attempt}; } 2>&1 >/dev/null); do tries=$((tries+1)); if [ $tries -ge 90 ]; then echo "${service} is not ready after three minutes; the application starts without: $why" >&2; exit 0; fi; sleep 2; done`,
];

/** Runs `attempt` until it succeeds, and says why it has not yet: for what cannot do without. Its deadline ends it. */
export const waitingLong = (what: string, attempt: string): string =>
  `until why=$({ ${attempt}; } 2>&1 >/dev/null); do echo "waits for ${what}: $why" >&2; sleep 5; done`;

/** What a gate is made of: the size of a task, and the accounts that the images of the engines are made for. */
export interface ForGates {
  readonly task: Size;
  /** The database that what stands behind them cannot start without. */
  readonly strict?: string;
  readonly userOf: (image: string) => string;
}

export interface Connection {
  readonly connects: PlannedService['connects'];
  readonly outside: NonNullable<PlannedService['outside']>;
  readonly gates: readonly Gate[];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, SecretText>>;
  readonly after: readonly Dependency[];
  /** The variables of secretEnv past a pool of connections, where there is one. */
  readonly direct?: Readonly<Record<string, SecretText>>;
}

/** Where a database answers, as whom, and the engine that it is. */
function databaseAt(
  service: string,
  spec: StackSpec,
  { analytics = false, runtime }: { readonly analytics?: boolean; readonly runtime?: Runtime } = {},
): { readonly at: DatabaseAddress; readonly engine: DatabaseEngine } {
  const elsewhere = spec.externals.find(({ name, kind }) => kind === 'database' && name === service);
  if (elsewhere) return { at: elsewhere, engine: databaseEngines[elsewhere.engine as DatabaseEngineName] };
  const database = spec.databases.find(({ name }) => name === service);
  if (!database) throw new Error(`there is no database ${service}; the spec should have refused it`);
  const engine = databaseEngines[database.engine];
  const host = analytics ? analyticsName(service) : hostsOf(database).writer;
  const at = {
    name: service,
    host,
    port: engine.port,
    user: database.database,
    database: database.database,
    ...(isSet(database) ? { members: membersOf(database, spec) } : {}),
    ...(spec.internalTls ? { authority: authorityFile } : {}),
    ...(runtime === undefined ? {} : { runtime }),
  };
  return { engine, at };
}

/** A client of a database that logs in as the application does: its query command, and what else a container of it needs. */
export function clientOf(
  service: string,
  spec: StackSpec,
  { task, userOf }: ForGates,
  analytics = false,
): { readonly engine: DatabaseEngine; readonly query: string; readonly gate: Omit<Gate, 'name' | 'argv'> } {
  const { at, engine } = databaseAt(service, spec, { analytics });
  const { query, env, secretEnv } = engine.client(at);
  return {
    engine,
    query,
    gate: {
      image: engine.image,
      user: userOf(engine.image),
      env,
      secretEnv,
      size: { ...task, memory: engine.taskMemory ?? task.memory },
      ...(at.authority === undefined ? {} : { trustsSite: true }),
    },
  };
}

const waitFor = (service: string, spec: StackSpec, forGates: ForGates, analytics = false): Gate => {
  const { engine, query, gate } = clientOf(service, spec, forGates, analytics);
  const host = analytics ? analyticsName(service) : service;
  return { name: `wait-for-${host}`, ...gate, argv: [...waiting(host, query, service === forGates.strict), 'sh', engine.ping] };
};

interface S3Access {
  readonly endpoint: string;
  readonly region: string;
  readonly account: string;
  readonly buckets: readonly { readonly name: string }[];
}

/** The parts of an S3 connection that are no secret. */
const s3Variables = (prefix: string, { endpoint, region, account, buckets }: S3Access): Readonly<Record<string, string>> => ({
  [`${prefix}_ENDPOINT`]: endpoint,
  [`${prefix}_REGION`]: region,
  [`${prefix}_ACCESS_KEY`]: account,
  ...Object.fromEntries(
    buckets.length === 1
      ? buckets.map(({ name }) => [`${prefix}_BUCKET`, name])
      : buckets.map(({ name }) => [`${prefix}_BUCKET_${name.toUpperCase().replaceAll('-', '_')}`, name]),
  ),
});

/** What stands elsewhere: the same variables, and a way out to exactly that port. */
function connectElsewhere(
  use: Use,
  { kind, engine: elsewhereEngine, host, port, tls, user, database, buckets, region }: ExternalSpec,
  spec: StackSpec,
  forGates: ForGates,
): Connection {
  const password = { secret: `${use.service}-app`, encoded: 'url' } as const;
  const base = { after: [], connects: [], outside: [{ host, port }], gates: [] };
  const account = encodeURIComponent(user);
  if (kind === 'database') {
    const { at, engine } = databaseAt(use.service, spec);
    return {
      ...base,
      // Drivers of MySQL have no common word for it in a URL.
      env: { [databaseTlsVariablesOf(use.variable).tls]: tls },
      secretEnv: { [use.variable]: engine.url(at), [readVariableOf(use.variable)]: engine.url(at) },
      gates: [waitFor(use.service, spec, forGates)],
    };
  }
  if (kind === 'cache' && elsewhereEngine === 'memcached')
    return { ...base, env: { [use.variable]: `memcached://${host}:${port}` }, secretEnv: {} };
  if (kind === 'cache')
    return {
      ...base,
      env: {},
      secretEnv: { [use.variable]: [`redis${tls === 'off' ? '' : 's'}://${account}:`, password, `@${host}:${port}/${database}`] },
    };
  const endpoint = new URL(`${tls === 'off' ? 'http' : 'https'}://${host}:${port}`).origin;
  return {
    ...base,
    env: s3Variables(use.variable, { endpoint, region, account: user, buckets }),
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] },
  };
}

const verifiedBy = ({ tls, ca }: Readonly<Record<'tls' | 'ca', string>>): Connection['env'] => ({ [tls]: 'verify', [ca]: authorityFile });
/** Where there is no URL that could say it. */
const cacheTls = ({ variable }: Use, { internalTls }: StackSpec): Connection['env'] =>
  internalTls ? verifiedBy(cacheTlsVariablesOf(variable)) : {};

/** Its clients ask the Sentinels who is the primary, and go there. */
function connectToSentinels(use: Use, cache: CacheSpec, spec: StackSpec): Connection {
  const [nodes, sentinels] = [nodesOf(cache, spec), sentinelsOf(cache, spec)];
  const names = sentinelVariablesOf(use.variable);
  return {
    after: [],
    outside: [],
    gates: [],
    connects: [...waysTo(sentinels, valkey.sentinel.port), ...waysTo(nodes, valkey.port)],
    env: {
      [names.sentinels]: sentinels.hosts.map((host) => `${host}:${valkey.sentinel.port}`).join(','),
      [names.master]: cache.name,
      [names.username]: 'app',
      ...cacheTls(use, spec),
    },
    secretEnv: { [names.password]: [{ secret: `${cache.name}-app` }] },
  };
}

/** Its clients ask any node, and go to the one that has a key. */
function connectToCluster(use: Use, cache: CacheSpec, spec: StackSpec): Connection {
  const shards = shardsOf(cache, spec);
  const names = clusterVariablesOf(use.variable);
  return {
    after: [],
    outside: [],
    gates: [],
    connects: waysToAll(shards, valkey.port),
    env: {
      [names.nodes]: shards.flatMap(({ hosts }) => hosts.map((host) => `${host}:${valkey.port}`)).join(','),
      [names.username]: 'app',
      ...cacheTls(use, spec),
    },
    secretEnv: { [names.password]: [{ secret: `${cache.name}-app` }] },
  };
}

const tlsOf = ({ variable }: Use, { internalTls }: StackSpec, { saysTls = true }: DatabaseEngine): Connection['env'] =>
  internalTls && !saysTls ? verifiedBy(databaseTlsVariablesOf(variable)) : {};

/** What an application needs to know of one thing it uses: whole URLs, and for S3 its parts. */
export function connect(use: Use, spec: StackSpec, forGates: ForGates, runtime: Runtime): Connection {
  const { task, userOf } = forGates;
  const done = (service: string): Dependency => ({ service, condition: 'service_completed_successfully', required: true });
  const elsewhere = spec.externals.find(({ name }) => name === use.service);
  if (elsewhere) return connectElsewhere(use, elsewhere, spec, forGates);
  if (use.kind === 'analytics') {
    // Past a pool of connections: few sessions, and long ones.
    const { at, engine } = databaseAt(use.service, spec, { analytics: true, runtime });
    return {
      env: tlsOf(use, spec, engine),
      secretEnv: { [use.variable]: engine.url(at) },
      after: [done(`${use.service}-accounts`)],
      connects: [{ service: at.host, port: at.port }],
      outside: [],
      gates: [waitFor(use.service, spec, forGates, true)],
    };
  }
  if (use.kind === 'database') {
    const { at, engine } = databaseAt(use.service, spec, { runtime });
    const database = spec.databases.find(({ name }) => name === use.service);
    const reader = database ? hostsOf(database).reader : at.host;
    // Through a pool of connections the replica has a name of its own in place of a host.
    const pool = database?.pgbouncer === undefined ? undefined : { ...at, host: poolerName(use.service), port: pgbouncer.port };
    const read =
      pool && database && hasReplica(database)
        ? { ...pool, database: readerName(database) }
        : { ...(pool ?? at), host: pool?.host ?? reader, reading: true as const };
    // An operator runs all of them as one service.
    const copies = database && database.operator === undefined ? readersOf(database).map(({ name }) => name) : [];
    return {
      env: tlsOf(use, spec, engine),
      // Always there, so that an application need not know whether there is a replica.
      secretEnv: { [use.variable]: engine.url(pool ?? at), [readVariableOf(use.variable)]: engine.url(read) },
      after: [done(`${use.service}-accounts`)],
      connects: [
        // Gates and migrations go past the pool.
        ...(pool ? [use.service] : [use.service, ...copies]).map((service) => ({ service, port: at.port })),
        ...(pool ? [{ service: pool.host, port: pool.port }] : []),
      ],
      direct: pool ? { [use.variable]: engine.url(at), [readVariableOf(use.variable)]: engine.url(at) } : {},
      outside: [],
      gates: [waitFor(use.service, spec, forGates)],
    };
  }
  // It comes up, degraded, while its cache is down.
  if (use.kind === 'cache') {
    const cache = spec.caches.find(({ name }) => name === use.service);
    if (cache && isCluster(cache)) return connectToCluster(use, cache, spec);
    if (cache && isWatched(cache) && !hasProxy(cache)) return connectToSentinels(use, cache, spec);
    const port = cache?.engine === 'memcached' ? memcached.port : valkey.port;
    const base = { after: [], connects: [{ service: use.service, port }], outside: [], gates: [] };
    return port === memcached.port
      ? { ...base, env: { [use.variable]: `memcached://${use.service}:${port}` }, secretEnv: {} }
      : {
          ...base,
          env: {},
          secretEnv: {
            [use.variable]: [`redis${spec.internalTls ? 's' : ''}://app:`, { secret: `${use.service}-app` }, `@${use.service}:${port}/0`],
          },
        };
  }
  const store = storeNamed(use.service, spec);
  const { buckets, publicHost } = store;
  const { asks, image, port, region } = storeEngines[store.engine];
  const { attempt, ...asked } = asks(store, spec);
  return {
    env: {
      ...(publicHost === undefined ? {} : { [`${use.variable}_PUBLIC_ENDPOINT`]: originOf(spec, publicHost) }),
      ...s3Variables(use.variable, { endpoint: endpointOf(store, spec), region, account: accountOf(spec), buckets }),
    },
    secretEnv: { [`${use.variable}_SECRET_KEY`]: [{ secret: `${use.service}-app` }] },
    after: [done(`${use.service}-buckets`)],
    connects: [{ service: use.service, port }],
    outside: [],
    gates: [
      {
        name: `wait-for-${use.service}`,
        image,
        user: userOf(image),
        argv: waiting(use.service, attempt),
        ...asked,
        size: task,
        ...(spec.internalTls ? { trustsSite: true } : {}),
      },
    ],
  };
}
