import { cacheMark } from '../../../model/backup/exchange-mark.ts';
import { redis } from '../../../model/engines/redis.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type { CachePlan } from '../../../model/cache-plan.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { cacheClients } from './cache-clients.ts';
import { asNode, clusterSettings, planShards } from './cache-cluster.ts';
import {
  demandEach,
  firstOf,
  groupsOf,
  hasProxy,
  isCluster,
  isReplicated,
  isWatched,
  nodesOf,
  sentinelsOf,
  shardFolder,
  spread,
  waysTo,
} from './cache-members.ts';
import { demandSentinels, planSentinels } from './cache-sentinel.ts';
import { clientOptions, nodeTls } from './cache-tls.ts';
import { servedFiles } from './internal-tls.ts';
import { planMemcached } from './memcached.ts';

/** Numbers are the same for Valkey and Redis. */
const facts = valkey;
const engines = { valkey, redis } as const;

/** Whether it must remember across a restart: sessions and queues do, a cache does not. */
const keeps = (cache: CacheSpec): boolean => cache.use !== 'cache';
/** Below this limit fixed costs weigh more. */
const small = 640;

/** The default account may do nothing but PING, so that the check needs no secret. */
const pingOf = (client: string, spec: StackSpec): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `test "$(${client} -h 127.0.0.1 -p ${facts.port}${clientOptions(spec)} ping)" = PONG`,
];

/** One of several: answers, and is the primary or follows it. */
const roleOf = (client: string, spec: StackSpec): readonly [string, ...string[]] => {
  const ask = `${client} -h 127.0.0.1 -p ${facts.port}${clientOptions(spec)}`;
  return ['/bin/sh', '-c', `test "$(${ask} ping)" = PONG && case "$(${ask} role)" in master*|slave*connected*) ;; *) exit 1 ;; esac`];
};

const folder = '/etc/berth/cache';

const titleOf = (cache: CacheSpec, title: string): string => {
  const { shards, nodesPerShard } = facts.cluster;
  if (isCluster(cache))
    return `${title}; one of ${shards * nodesPerShard} nodes of ${cache.name} in ${shards} shards: of each, one serves its keys and the other copies it${keeps(cache) ? ', both on disk' : ''}`;
  return isWatched(cache)
    ? `${title}; one of ${facts.sentinel.nodes} nodes of ${cache.name}: one is written to, the others copy it${keeps(cache) ? ', each on disk' : ''}`
    : `${title}; ${keeps(cache) ? 'keeps its data on disk' : 'may forget, so it keeps nothing on disk'}`;
};

/** A server that finds no data begins with none, and nobody could tell that from what it had. */
const refuseHalf = (name: string): string =>
  `if [ -e ${facts.dataFolder}/${cacheMark} ]; then echo "a restore of the cache ${name} is half done: run it again" >&2; exit 1; fi`;

/** One of several learns at every start whom it follows. The entrypoint of Redis has the server load every module that the image brings, so it is not used. */
function startOf(
  cache: CacheSpec,
  engine: { readonly image: string; readonly server: string },
): Pick<PlannedService, 'entrypoint' | 'command'> {
  if (isReplicated(cache)) return { entrypoint: ['/bin/sh', `${folder}/node.sh`] };
  const settings = `${folder}/${engine.image}.conf`;
  if (keeps(cache)) return { entrypoint: ['/bin/sh', '-c', `${refuseHalf(cache.name)}; umask 077; exec ${engine.server} ${settings}`] };
  return cache.engine === 'redis' ? { entrypoint: [engine.server], command: [settings] } : { command: [engine.server, settings] };
}

/** Whether it writes to its data folder: a copy of another node comes as a file. */
const hasVolume = (cache: CacheSpec): boolean => keeps(cache) || isReplicated(cache);
/** Folders in memory. The image declares its data folder as a volume: without a mount Docker would make one on disk for every container. */
const foldersOf = (cache: CacheSpec): readonly string[] => ['/tmp', ...(hasVolume(cache) ? [] : [facts.dataFolder])];

/** What is written while a node is away or slow is kept for it, up to so many MiB: a sixteenth of the limit. */
const streamOf = (memory: number): number => Math.min(256, Math.max(8, Math.floor(memory / 16)));

/** Data in MiB that a limit of `memory` MiB can hold, and what that takes at worst. */
function divideMemory(memory: number, cache: CacheSpec): { readonly maxmemory: number; readonly worstCase: number } {
  // Both save from a copy of the process.
  const copies = hasVolume(cache);
  const share = memory < small ? 0.5 : copies ? 0.7 : 0.8;
  const factor = 1 + facts.fragmentation + (copies ? facts.copyOnWrite : 0);
  const fixed = facts.overheadMiB + foldersOf(cache).length * facts.folderMiB + (isReplicated(cache) ? streamOf(memory) : 0);
  const maxmemory = Math.floor(Math.min(memory * share, (memory * 0.9 - fixed) / factor));
  return { maxmemory, worstCase: maxmemory * factor + fixed };
}

export function demandCache(cache: CacheSpec, spec: StackSpec, profile: HardwareProfile): readonly Demand[] {
  const path = `caches.${cache.name}`;
  const node: Omit<Demand, 'name' | 'count'> = {
    role: 'cache',
    pids: 64,
    memory: memoryWish(path, cache, profile.cache.memory, { value: mib(256), because: '256 MiB: half of it for data' }),
    cpu: cpuWish(path, cache, profile.cache.cpu, milliCpu(50)),
  };
  if (!isReplicated(cache)) return [{ ...node, name: cache.name, count: 1 }];
  const nodes = groupsOf(cache, spec).flatMap((group) => demandEach(group, node));
  return isWatched(cache) ? [...nodes, ...demandSentinels(cache, spec, profile)] : nodes;
}

/** What nodes that copy each other have beside the rest. */
function replicationOf(cache: CacheSpec, name: string, size: Size): { readonly settings: EngineSetting[]; readonly decisions: Decision[] } {
  const [stream, persistent] = [`${streamOf(size.memory)}mb`, keeps(cache)];
  const least = persistent && isWatched(cache) ? '1' : '0';
  const bytes = streamOf(size.memory) * 2 ** 20;
  const limits = `normal 0 0 0 slave ${bytes} ${bytes} 60 pubsub 33554432 8388608 60`;
  return {
    settings: [
      {
        name: 'repl-backlog-size',
        value: stream,
        because: 'kept for a node that was away for a moment: it takes what it missed, and not everything',
      },
      {
        name: 'client-output-buffer-limit',
        value: limits,
        because: 'a node that falls further behind begins anew, before this one runs out of memory',
      },
      { name: 'repl-diskless-sync-delay', value: '1', because: 'two nodes that begin together share one copy' },
      {
        name: 'rdb-del-sync-files',
        value: persistent ? 'no' : 'yes',
        because: 'what came as a file is removed once it is read, where nothing is kept',
      },
      {
        name: 'min-replicas-to-write',
        value: least,
        because: isCluster(cache)
          ? 'a primary that most others do not reach takes no writes as it is; one whose only copy is gone goes on'
          : persistent
            ? `use is ${cache.use}: a node that nobody copies may have been replaced, and takes no write that would be lost`
            : 'use is cache: one node alone is better than none',
      },
      { name: 'min-replicas-max-lag', value: '10', because: 'seconds without a word after which a copy does not count' },
    ],
    decisions: [
      {
        key: `${name}.repl-backlog-size`,
        value: stream,
        formula: 'L / 16, at least 8 and at most 256 MiB; the limit for a slow node is the same, as both are one memory',
        inputs: { L: formatSize(size.memory) },
        source: 'Valkey configuration file: 256 MB is its own limit for a slow node',
        change: `caches.${cache.name}.memory in berth.yaml, or the profile`,
      },
      {
        key: `${name}.client-output-buffer-limit`,
        value: limits,
        formula: 'for nodes as much as repl-backlog-size, for a minute; the rest as it is by default',
        inputs: { 'repl-backlog-size': stream },
        source: 'Valkey configuration file',
        change: `caches.${cache.name}.memory in berth.yaml, or the profile`,
      },
      {
        key: `${name}.min-replicas-to-write`,
        value: least,
        formula: isCluster(cache) ? 'fixed' : 'cache → 0; sessions, queue → 1',
        inputs: isCluster(cache) ? {} : { use: cache.use },
        source: isCluster(cache)
          ? 'Valkey documentation, cluster specification: a primary in the minority stops after cluster-node-timeout, so that 1 would bound little more, and refuse writes while the one copy starts anew'
          : 'Valkey documentation, Sentinel: bounds what an old primary takes that was cut off, at the price of refusing writes when both copies are gone',
        change: isCluster(cache) ? 'fixed' : `caches.${cache.name}.use in berth.yaml`,
      },
    ],
  };
}

/** What a cache is planned from. */
interface CacheInput {
  readonly cache: CacheSpec;
  readonly spec: StackSpec;
  readonly profile: HardwareProfile;
  readonly sizeOf: (name: string) => Size;
  readonly diskOf: (name: string) => MiB;
  readonly userOf: (image: string) => string;
}

export interface PlannedCache {
  readonly services: readonly PlannedService[];
  readonly plan: CachePlan;
  readonly decisions: readonly Decision[];
}

export function planCache({ cache, spec, profile, sizeOf, diskOf, userOf }: CacheInput): PlannedCache {
  const user = userOf(cache.engine);
  if (cache.engine === 'memcached') return planMemcached(cache, spec, profile, sizeOf(cache.name), { user });
  const replicated = isReplicated(cache);
  const divided = isCluster(cache);
  const sentinels = sentinelsOf(cache, spec);
  const [nodes = nodesOf(cache, spec)] = groupsOf(cache, spec);
  // Several have their settings and the reasons in common.
  const name = divided ? shardFolder(cache.name) : replicated ? nodes.name : cache.name;
  const size = sizeOf(replicated ? firstOf(nodes) : name);
  const persistent = keeps(cache);
  const engine = engines[cache.engine];
  const ping = isWatched(cache) ? roleOf(engine.client, spec) : pingOf(engine.client, spec);
  const tls = nodeTls(cache, spec, name, facts.port);
  const memory = divideMemory(size.memory, cache);
  const replication = replicated ? replicationOf(cache, name, size) : { settings: [], decisions: [] };
  const cluster = divided ? clusterSettings(cache, persistent) : { settings: [], decisions: [] };
  const { clients, decision: clientsDecision } = cacheClients(cache, spec, profile, {
    service: name,
    name: 'maxclients',
    because: 'the default of 10,000 would let one faulty client take all file descriptors',
    // Each Sentinel has two to each node, as the nodes of a cluster have to each other; nodes, health checks and proxies ask for a moment.
    ...(replicated ? { peers: 32 } : {}),
  });
  const policy = persistent ? 'noeviction' : 'allkeys-lru';
  const limit = formatSize(size.memory);
  const change = `caches.${cache.name}.memory or .use in berth.yaml, or the profile`;
  const threads = size.cpu >= 4000 ? '4' : '1';
  const settings: EngineSetting[] = [
    {
      name: 'maxmemory',
      value: `${memory.maxmemory}mb`,
      because: hasVolume(cache)
        ? 'the rest is for fragmentation and for the pages copied while it saves'
        : 'the rest is for fragmentation and connections',
    },
    {
      name: 'maxmemory-policy',
      value: policy,
      because: persistent
        ? `use is ${cache.use}: nothing may vanish, a full one refuses writes`
        : 'use is cache: the least used goes first',
    },
    { name: 'maxclients', value: String(clients), because: '50 for each replica and one surge replica, and some for operators' },
    {
      name: 'appendonly',
      value: persistent ? 'yes' : 'no',
      because: persistent ? 'every write is on disk within a second' : 'a cache is filled anew',
    },
    ...(persistent ? [{ name: 'appendfsync', value: 'everysec', because: 'a crash loses at most a second' }] : []),
    { name: 'save', value: '', because: persistent ? 'the append-only file is enough' : 'a cache is filled anew' },
    { name: 'io-threads', value: threads, because: 'more threads pay from four CPUs on' },
    { name: 'tcp-keepalive', value: '60', because: 'notices dead clients within minutes' },
    { name: 'timeout', value: '0', because: 'pools keep their connections' },
    ...replication.settings,
    ...cluster.settings,
    ...tls.settings,
  ];
  const decisions: Decision[] = [
    {
      key: `${name}.maxmemory`,
      value: `${memory.maxmemory}mb`,
      formula: `L < ${small} MiB: 0.5 L; without persistence or copies 0.8 L; with one of them 0.7 L; never more than keeps the worst case within 0.9 L`,
      inputs: { L: limit, use: cache.use },
      source: 'AWS reserves 25 % of a node, 30 to 50 % of a small one, and says not to lower it',
      change,
    },
    {
      key: `${name}.maxmemory-policy`,
      value: policy,
      formula: 'cache → allkeys-lru; sessions, queue → noeviction',
      inputs: { use: cache.use },
      source: 'Valkey documentation, key eviction',
      change,
    },
    clientsDecision,
    {
      key: `${name}.io-threads`,
      value: threads,
      formula: 'CPU limit ≥ 4: 4, else 1',
      inputs: { 'CPU limit': String(size.cpu / 1000) },
      source: 'Valkey configuration file: threads pay on machines of four CPUs and more',
      change: `caches.${cache.name}.cpu in berth.yaml, or the profile`,
    },
    {
      key: `${name}.worst_case`,
      value: `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
      formula: `maxmemory × (1 + ${facts.fragmentation} fragmentation${hasVolume(cache) ? ` + ${facts.copyOnWrite} copied while saving` : ''}) + ${facts.overheadMiB} MiB + folders in memory${replicated ? ' + what is kept for nodes that are away' : ''}`,
      inputs: {
        'maxmemory': `${memory.maxmemory} MiB`,
        'folders in memory': `${facts.folderMiB} MiB each for ${foldersOf(cache).join(', ')}`,
        ...(replicated ? { 'kept for nodes': `${streamOf(size.memory)} MiB` } : {}),
      },
      source: 'design: at most 0.9 of the limit',
      change,
    },
    ...replication.decisions,
    ...cluster.decisions,
    ...tls.decisions,
  ];
  const service: PlannedService = {
    name,
    role: 'cache',
    title: titleOf(cache, engine.title),
    kind: 'server',
    image: engine.image,
    slotted: false,
    replicas: 1,
    size,
    user,
    ...startOf(cache, engine),
    env: {},
    secretEnv: {},
    secretFiles: [`${cache.name}-acl`, ...(replicated ? [`${cache.name}-replication`] : []), ...servedFiles(name, spec)],
    mounts: [{ source: `config/${name}`, target: folder, restarts: true }],
    tmpfs: foldersOf(cache).map((path) => ({ path, size: mib(facts.folderMiB), mode: '1777' })),
    volumes: hasVolume(cache)
      ? [
          {
            name: `${name}-data`,
            target: facts.dataFolder,
            size: diskOf(replicated ? (nodes.each[0] ?? name) : name),
            holds: persistent ? cache.use : 'nothing but a copy on its way from another node',
          },
        ]
      : [],
    nofile: Math.max(4096, clients * 2),
    port: facts.port,
    ports: [],
    healthcheck: { argv: ping, interval: seconds(5), timeout: seconds(3), retries: 3, startPeriod: seconds(replicated ? 90 : 30) },
    // While it loads its data it accepts connections and answers commands with an error.
    probes: { ready: { argv: ping }, live: { tcp: facts.port } },
    connects: isWatched(cache) ? [...waysTo(nodes, facts.port), ...waysTo(sentinels, facts.sentinel.port)] : [],
    gates: [],
    stopSignal: 'SIGTERM',
    stopGrace: seconds(30),
    networks: ['data'],
    after: [],
    ...(divided ? asNode(cache, spec) : {}),
  };
  const plan = { cache: cache.name, service: name, engine: cache.engine, settings, ...(spec.internalTls ? { tls: true as const } : {}) };
  if (!replicated) return { services: [service], decisions, plan: { ...plan, members: [name] } };
  if (divided) {
    const shards = planShards(cache, spec, service, !persistent);
    return {
      services: shards.services,
      decisions,
      plan: { ...plan, members: shards.services.map((one) => one.name), cluster: shards.plan },
    };
  }
  const around = planSentinels(cache, spec, profile, {
    engine,
    forgets: !persistent,
    disk: diskOf(`${sentinels.name}-0`),
    sentinelSize: sizeOf(firstOf(sentinels)),
    proxySize: hasProxy(cache) ? sizeOf(cache.name) : undefined,
    user,
    proxyUser: userOf('haproxy'),
  });
  const members = spread(service, nodes);
  return {
    services: [...members, ...around.services],
    decisions: [...decisions, ...around.decisions],
    plan: { ...plan, members: members.map((member) => member.name), sentinel: around.plan },
  };
}
