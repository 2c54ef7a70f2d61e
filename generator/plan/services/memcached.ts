import { memcached as facts } from '../../../model/engines/memcached.ts';
import type { CachePlan } from '../../../model/cache-plan.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, seconds } from '../../../model/units.ts';
import { cacheClients } from './cache-clients.ts';

/** Share of the limit that it may fill at worst. */
const usable = 0.9;
/** Below this limit fixed costs weigh more. */
const small = 640;

const mostThreads = 4;

/** MiB for items that a limit of `memory` MiB can hold, and what that takes at worst. */
function divideMemory(memory: number, clients: number, threads: number): { readonly items: number; readonly worstCase: number } {
  const beside = (working: number): number =>
    facts.baseMiB + (working + facts.otherThreads) * facts.threadMiB + facts.slabClasses * facts.pageMiB + clients * facts.connectionMiB;
  // With as many threads as there may ever be: more CPUs must not leave less for items.
  const most = (usable * memory - beside(mostThreads)) / (1 + facts.tableShare);
  const items = Math.floor(Math.min(memory * (memory < small ? 0.5 : 0.8), most));
  return { items, worstCase: items * (1 + facts.tableShare) + beside(threads) };
}

/** The image has no client: a shell asks for the version, which needs no account and touches no item. */
const ask: readonly [string, ...string[]] = [
  '/bin/bash',
  '-c',
  `exec 3<>/dev/tcp/127.0.0.1/${facts.port} && printf 'version\\r\\n' >&3 && read -r -t 2 answer <&3 && [[ $answer == VERSION* ]]`,
];

/** A cache that forgets everything when it stops, and knows no accounts: who reaches its port reads and writes all of it. */
export function planMemcached(
  cache: CacheSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  size: Size,
  image: { readonly user: string },
): { services: readonly PlannedService[]; plan: CachePlan; decisions: readonly Decision[] } {
  const { clients, decision: clientsDecision } = cacheClients(cache, spec, profile, {
    service: cache.name,
    name: 'conn-limit',
    because: 'beyond it a client waits until another one leaves',
  });
  const threads = Math.min(mostThreads, Math.max(1, Math.ceil(size.cpu / 1000)));
  const memory = divideMemory(size.memory, clients, threads);
  const change = `caches.${cache.name}.memory in berth.yaml, or the profile`;
  const settings: readonly EngineSetting[] = [
    {
      name: 'memory-limit',
      value: String(memory.items),
      because: 'MiB for items; the rest is for the table of items, connections and threads',
    },
    { name: 'conn-limit', value: String(clients), because: '50 for each replica and one surge replica, and some for operators' },
    { name: 'threads', value: String(threads), because: 'no more than CPUs' },
    { name: 'max-item-size', value: facts.largestItem, because: 'a larger value belongs into a store' },
  ];
  const decisions: readonly Decision[] = [
    {
      key: `${cache.name}.memory-limit`,
      value: String(memory.items),
      formula: `MiB; L < ${small} MiB: 0.5 L, else 0.8 L; never more than keeps the worst case within ${usable} L, with ${mostThreads} threads`,
      inputs: { L: formatSize(size.memory) },
      source: 'manual page of Memcached, -m: memory for items alone',
      change,
    },
    clientsDecision,
    {
      key: `${cache.name}.threads`,
      value: String(threads),
      formula: 'min(4, ⌈CPU limit⌉)',
      inputs: { 'CPU limit': String(size.cpu / 1000) },
      source: 'manual page of Memcached, -t: its default is 4, and more than CPUs only wait for each other',
      change: `caches.${cache.name}.cpu in berth.yaml, or the profile`,
    },
    {
      key: `${cache.name}.max-item-size`,
      value: facts.largestItem,
      formula: 'fixed',
      inputs: {},
      source: 'manual page of Memcached, -I: its default',
      change: 'nothing: keep larger values in a store',
    },
    {
      key: `${cache.name}.worst_case`,
      value: `${Math.ceil(memory.worstCase)} MiB of ${size.memory} MiB`,
      formula: 'memory-limit × 7/6 + base + threads + one page of each size of items + connections',
      inputs: {
        'table of items': 'a sixth, when all items are of the smallest size',
        'base': `${facts.baseMiB} MiB`,
        'threads': `(${threads} + ${facts.otherThreads}) × ${facts.threadMiB} MiB`,
        'pages': `${facts.slabClasses} × ${facts.pageMiB} MiB`,
        'connections': `${clients} × ${facts.connectionMiB} MiB`,
      },
      source: `design: at most ${usable} of the limit`,
      change,
    },
  ];
  const service: PlannedService = {
    name: cache.name,
    role: 'cache',
    title: `${facts.title}; forgets everything when it stops`,
    kind: 'server',
    image: facts.image,
    slotted: false,
    replicas: 1,
    size,
    user: image.user,
    // It has no file of settings: all of them stand here.
    command: [facts.server, `--port=${facts.port}`, ...settings.map(({ name, value }) => `--${name}=${value}`)],
    env: {},
    secretEnv: {},
    secretFiles: [],
    mounts: [],
    tmpfs: [],
    volumes: [],
    nofile: Math.max(4096, clients * 2),
    port: facts.port,
    ports: [],
    healthcheck: { argv: ask, interval: seconds(5), timeout: seconds(3), retries: 3, startPeriod: seconds(30) },
    probes: { ready: { argv: ask }, live: { tcp: facts.port } },
    connects: [],
    gates: [],
    stopSignal: 'SIGTERM',
    stopGrace: seconds(10),
    networks: ['data'],
    after: [],
  };
  return {
    services: [service],
    decisions,
    plan: { cache: cache.name, service: cache.name, engine: 'memcached', settings, members: [cache.name] },
  };
}
