import { redis } from '../../../model/engines/redis.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import type { CachePlan, Decision, EngineSetting, PlannedService, Size } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { CacheSpec, StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { cacheClients } from './cache-clients.ts';
import { planMemcached } from './memcached.ts';

/** Numbers are the same for Valkey and Redis. */
const facts = valkey;
const engines = { valkey, redis } as const;

/** Whether it must remember across a restart: sessions and queues do, a cache does not. */
const keeps = (cache: CacheSpec): boolean => cache.use !== 'cache';
/** Below this limit fixed costs weigh more. */
const small = 640;

/** The default account may do nothing but PING, so that the check needs no secret. */
const pingOf = (client: string): readonly [string, ...string[]] => [
  '/bin/sh',
  '-c',
  `test "$(${client} -h 127.0.0.1 -p ${facts.port} ping)" = PONG`,
];

/** Folders in memory. The image declares its data folder as a volume: without a mount Docker would make one on disk for every container. */
const foldersOf = (persistent: boolean): readonly string[] => ['/tmp', ...(persistent ? [] : [facts.dataFolder])];

/** Data in MiB that a limit of `memory` MiB can hold, and what that takes at worst. */
function divideMemory(memory: number, persistent: boolean): { readonly maxmemory: number; readonly worstCase: number } {
  const share = memory < small ? 0.5 : persistent ? 0.7 : 0.8;
  const factor = 1 + facts.fragmentation + (persistent ? facts.copyOnWrite : 0);
  const fixed = facts.overheadMiB + foldersOf(persistent).length * facts.folderMiB;
  const maxmemory = Math.floor(Math.min(memory * share, (memory * 0.9 - fixed) / factor));
  return { maxmemory, worstCase: maxmemory * factor + fixed };
}

export function demandCache(cache: CacheSpec, profile: HardwareProfile): Demand {
  const path = `caches.${cache.name}`;
  return {
    name: cache.name,
    role: 'cache',
    count: 1,
    pids: 64,
    memory: memoryWish(path, cache, profile.cache.memory, { value: mib(256), because: '256 MiB: half of it for data' }),
    cpu: cpuWish(path, cache, profile.cache.cpu, milliCpu(50)),
  };
}

export function planCache(
  cache: CacheSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  size: Size,
  disk: MiB,
  image: { readonly user: string },
): { service: PlannedService; plan: CachePlan; decisions: readonly Decision[] } {
  if (cache.engine === 'memcached') return planMemcached(cache, spec, profile, size, image);
  const persistent = keeps(cache);
  const engine = engines[cache.engine];
  const ping = pingOf(engine.client);
  const memory = divideMemory(size.memory, persistent);
  const { clients, decision: clientsDecision } = cacheClients(
    cache,
    spec,
    profile,
    'maxclients',
    'the default of 10,000 would let one faulty client take all file descriptors',
  );
  const policy = persistent ? 'noeviction' : 'allkeys-lru';
  const limit = formatSize(size.memory);
  const change = `caches.${cache.name}.memory or .use in berth.yaml, or the profile`;
  const threads = size.cpu >= 4000 ? '4' : '1';
  const settings: EngineSetting[] = [
    {
      name: 'maxmemory',
      value: `${memory.maxmemory}mb`,
      because: persistent
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
  ];
  const decisions: Decision[] = [
    {
      key: `${cache.name}.maxmemory`,
      value: `${memory.maxmemory}mb`,
      formula: `L < ${small} MiB: 0.5 L; without persistence 0.8 L; with it 0.7 L; never more than keeps the worst case within 0.9 L`,
      inputs: { L: limit, use: cache.use },
      source: 'AWS reserves 25 % of a node, 30 to 50 % of a small one, and says not to lower it',
      change,
    },
    {
      key: `${cache.name}.maxmemory-policy`,
      value: policy,
      formula: 'cache → allkeys-lru; sessions, queue → noeviction',
      inputs: { use: cache.use },
      source: 'Valkey documentation, key eviction',
      change,
    },
    clientsDecision,
    {
      key: `${cache.name}.io-threads`,
      value: threads,
      formula: 'CPU limit ≥ 4: 4, else 1',
      inputs: { 'CPU limit': String(size.cpu / 1000) },
      source: 'Valkey configuration file: threads pay on machines of four CPUs and more',
      change: `caches.${cache.name}.cpu in berth.yaml, or the profile`,
    },
    {
      key: `${cache.name}.worst_case`,
      value: `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
      formula: `maxmemory × (1 + ${facts.fragmentation} fragmentation${persistent ? ` + ${facts.copyOnWrite} copied while saving` : ''}) + ${facts.overheadMiB} MiB + folders in memory`,
      inputs: {
        'maxmemory': `${memory.maxmemory} MiB`,
        'folders in memory': `${facts.folderMiB} MiB each for ${foldersOf(persistent).join(', ')}`,
      },
      source: 'design: at most 0.9 of the limit',
      change,
    },
  ];
  const service: PlannedService = {
    name: cache.name,
    role: 'cache',
    title: `${engine.title}; ${persistent ? 'keeps its data on disk' : 'may forget, so it keeps nothing on disk'}`,
    kind: 'server',
    image: engine.image,
    slotted: false,
    replicas: 1,
    size,
    user: image.user,
    // Not by the entrypoint of Redis, which has the server load every module that the image brings.
    ...(cache.engine === 'redis' ? { entrypoint: [engine.server] } : {}),
    command: [...(cache.engine === 'redis' ? [] : [engine.server]), `/etc/berth/cache/${engine.image}.conf`],
    env: {},
    secretEnv: {},
    secretFiles: [`${cache.name}-acl`],
    mounts: [{ source: `config/${cache.name}`, target: '/etc/berth/cache', restarts: true }],
    tmpfs: foldersOf(persistent).map((path) => ({ path, size: mib(facts.folderMiB), mode: '1777' })),
    volumes: persistent ? [{ name: `${cache.name}-data`, target: facts.dataFolder, size: disk, holds: cache.use }] : [],
    nofile: Math.max(4096, clients * 2),
    port: facts.port,
    ports: [],
    healthcheck: { argv: ping, interval: seconds(5), timeout: seconds(3), retries: 3, startPeriod: seconds(30) },
    // While it loads its data it accepts connections and answers commands with an error.
    probes: { ready: { argv: ping }, live: { tcp: facts.port } },
    connects: [],
    gates: [],
    stopSignal: 'SIGTERM',
    stopGrace: seconds(30),
    networks: ['data'],
    after: [],
  };
  return { service, decisions, plan: { service: cache.name, engine: cache.engine, settings } };
}
