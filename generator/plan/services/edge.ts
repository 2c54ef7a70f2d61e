import { nginx as facts } from '../../../model/engines/nginx.ts';
import type { Decision } from '../../../model/decision.ts';
import type { Dependency, PlannedService, Size } from '../../../model/planned-service.ts';
import type { EdgePlan } from '../../../model/edge-plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import { servedOf } from '../../../model/stack-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import { replicasOf } from '../connections.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { trustedFiles } from './internal-tls.ts';
import { storeEngines } from './stores.ts';

interface EdgeMemory {
  readonly workers: number;
  readonly connections: number;
  /** Temporary files: uploads that the application has not taken yet. */ readonly temporary: number;
  readonly worstCase: number;
}

/**
 * Workers and connections that `memory` MiB and `cpu` thousandths of a CPU can carry for `clients` at once, and what they take at worst.
 * Memory is set aside for the workers of `mostCpu`, the wish: what is left for requests then depends on memory alone, and a CPU more never costs connections.
 */
function divideMemory(memory: number, cpu: number, clients: number, mostCpu: number): EdgeMemory {
  const temporary = Math.floor(memory / 4);
  const free = memory * 0.9 - temporary;
  const forWorkers = Math.min(free / 2, Math.ceil(mostCpu / 1000) * facts.workerMiB);
  const most = Math.min(Math.ceil(cpu / 1000), Math.floor(forWorkers / facts.workerMiB));
  const workers = Math.max(...facts.workerCounts.filter((count) => count === 1 || count <= most));
  const step = (value: number, round: (value: number) => number) => round(value / facts.connectionStep) * facts.connectionStep;
  const wanted = Math.max(step(facts.connectionsPerRequest * clients * 1.25, Math.ceil), facts.fewestConnections * workers);
  const affordable = step(((free - forWorkers) / facts.requestMiB) * facts.connectionsPerRequest, Math.floor);
  const connections = Math.min(wanted, affordable, facts.mostConnections * workers) / workers;
  return {
    workers,
    connections,
    temporary,
    worstCase: temporary + workers * facts.workerMiB + ((workers * connections) / facts.connectionsPerRequest) * facts.requestMiB,
  };
}

/** On one host a second edge could not have the same ports; in a cluster two stand on two nodes. */
const replicas = ({ target }: StackSpec): number => (target === 'kubernetes' ? 2 : 1);

/** Whether requests come in by Berth's edge; a cluster may have a gateway or an ingress controller of its own. */
export const hasEdge = ({ target, kubernetes: { expose } }: StackSpec): boolean =>
  target === 'compose' || (expose !== 'gateway' && expose !== 'ingress');

const nginxCommand = ['nginx', '-c', '/etc/berth/edge/nginx.conf', '-g', 'daemon off;'];
const curl = ['curl', '--fail', '--silent', '--output', '/dev/null', '--max-time', '2'] as const;
const resolverFile = '/tmp/resolver.conf';
/** Each cluster has another address for its DNS, and every container of it knows it. */
const commandInCluster = [
  '/bin/sh',
  '-c',
  `awk '$1 == "nameserver" { at = at ($2 ~ /:/ ? " [" $2 "]" : " " $2) } END { print "resolver" at " valid=5s;" }' /etc/resolv.conf > ${resolverFile} && exec ${nginxCommand.slice(0, -1).join(' ')} 'daemon off;'`,
];

export function demandEdge(spec: StackSpec, profile: HardwareProfile): Demand {
  return {
    name: 'edge',
    role: 'edge',
    count: replicas(spec),
    pids: 64,
    memory: memoryWish('edge', {}, profile.edge.memory, {
      value: mib(128),
      because: '128 MiB: one worker, 32 MiB of uploads and some 140 open requests',
    }),
    cpu: cpuWish('edge', {}, profile.edge.cpu, milliCpu(50)),
  };
}

interface PlannedEdge {
  readonly service: PlannedService;
  readonly plan: EdgePlan;
  readonly decisions: readonly Decision[];
}

export function planEdge(
  spec: StackSpec,
  profile: HardwareProfile,
  size: Size,
  image: { readonly user: string },
  after: readonly Dependency[],
  operators: string,
): PlannedEdge {
  const clients = profile.edge.clients;
  const { workers, connections, temporary, worstCase } = divideMemory(size.memory, size.cpu, clients.value, profile.edge.cpu.value);
  const nofile = 2 * connections + 1024;
  const inputs = { L: formatSize(size.memory), clients: `${clients.value} (${clients.because})`, workers: String(workers) };
  const decisions: Decision[] = [
    {
      key: 'edge.worker_processes',
      value: String(workers),
      formula: `min(⌈CPU limit⌉, (0.9 L − temporary files) / 2 / 32 MiB), as one of ${facts.workerCounts.join(', ')}`,
      inputs: { 'CPU limit': String(size.cpu / 1000), 'L': formatSize(size.memory) },
      source: 'measured: `auto` counts the CPUs of the host, not the limit',
      change: 'the profile',
    },
    {
      key: 'edge.worker_connections',
      value: String(connections),
      formula: `2 × clients × 1.25 / workers, from 1024 to 16384, and no more than memory carries; the sum of all workers in steps of ${facts.connectionStep}`,
      inputs,
      source: 'nginx: a proxied request holds two connections',
      change: 'the profile',
    },
    {
      key: 'edge.worker_rlimit_nofile',
      value: String(nofile),
      formula: '2 × worker_connections + 1024',
      inputs: { worker_connections: String(connections) },
      source: 'nginx-proxy issue 2387',
      change: 'the profile',
    },
    {
      key: 'edge.worst_case',
      value: `${Math.ceil(worstCase)} MiB of ${size.memory} MiB`,
      formula: `temporary files + workers × 32 MiB + open requests × ${facts.requestMiB * 1024} KiB`,
      inputs: {
        ...inputs,
        'temporary files': `${temporary} MiB`,
        'open requests': String((workers * connections) / facts.connectionsPerRequest),
      },
      source: 'design: at most 0.9 of the limit',
      change: 'the profile',
    },
    {
      key: 'edge.tmp',
      value: formatSize(mib(temporary)),
      formula: 'L / 4',
      inputs: { L: formatSize(size.memory) },
      source: 'design: uploads wait in memory, as nothing else may be written to; they count towards the limit',
      change: 'the profile',
    },
  ];
  const inCluster = spec.target === 'kubernetes';
  const { proxyProtocol } = spec.edge;
  const open = spec.stores.flatMap(({ name, engine, publicHost, buckets }) =>
    publicHost === undefined
      ? []
      : [
          {
            service: name,
            port: storeEngines[engine].port,
            host: publicHost,
            buckets: buckets.map((bucket) => bucket.name),
            ...(spec.internalTls ? { tls: true as const } : {}),
          },
        ],
  );
  const asks = [...curl, `http://127.0.0.1:${proxyProtocol ? facts.healthPort : facts.httpPort}/-/berth/edge`] as const;
  const service: PlannedService = {
    name: 'edge',
    role: 'edge',
    title: `nginx: the only service ${inCluster ? 'that is reached from outside' : 'with ports on the host'}; chooses the slot of each request`,
    kind: 'server',
    image: 'nginx',
    slotted: false,
    replicas: replicas(spec),
    size,
    user: image.user,
    command: inCluster ? commandInCluster : nginxCommand,
    // Its log is lines of JSON; the image's entrypoint would put plain text before them.
    env: { NGINX_ENTRYPOINT_QUIET_LOGS: '1' },
    secretEnv: {},
    secretFiles: open.length > 0 ? trustedFiles(spec) : [],
    volumes: [],
    tmpfs: [{ path: '/tmp', size: mib(temporary), mode: '1777' }],
    nofile,
    mounts: [
      { source: 'config/edge', target: '/etc/berth/edge', restarts: true },
      { source: 'config/weights', target: '/etc/berth/weights', restarts: false },
      { source: 'secrets/tls', target: '/etc/berth/tls', restarts: false },
    ],
    port: facts.httpsPort,
    ports: [
      { published: spec.edge.http, target: facts.httpPort },
      { published: spec.edge.https, target: facts.httpsPort },
    ],
    healthcheck: { argv: asks, interval: seconds(5), timeout: seconds(3), retries: 3, startPeriod: seconds(15) },
    probes: {
      ready: proxyProtocol ? { argv: asks } : { http: { path: '/-/berth/edge', port: facts.httpPort } },
      live: { tcp: facts.httpPort },
    },
    connects: [
      ...servedOf(spec).map(({ name, http }) => ({ service: name, port: http.port })),
      ...open.map(({ service: name, port }) => ({ service: name, port })),
    ],
    gates: [],
    stopSignal: 'SIGQUIT',
    stopGrace: seconds(40),
    networks: ['edge', 'app'],
    after,
  };
  const plan: EdgePlan = {
    domain: spec.domain,
    workers,
    connections,
    nofile,
    perAddress: spec.edge.connections,
    hsts: spec.edge.hsts,
    trustedProxies: spec.edge.trustedProxies,
    deny: spec.edge.deny,
    ...(proxyProtocol ? { proxyProtocol: { healthPort: facts.healthPort } } : {}),
    httpsPort: inCluster ? 443 : spec.edge.https,
    // In a cluster other pods and nodes share the gateway's address with visitors.
    operators: inCluster ? [] : [operators],
    hostSuffix: inCluster ? `.${spec.kubernetes.namespace}.svc.${spec.kubernetes.clusterDomain}` : '',
    resolver: inCluster ? { file: resolverFile } : { address: '127.0.0.11' },
    // As many as may vanish at once while a release is scaled down, and one that is left.
    tries: Math.max(2, ...servedOf(spec).map((app) => replicasOf(app, profile) + 1)),
    apps: servedOf(spec).map(({ name, http: { port, routes } }) => ({ service: name, port, routes })),
    stores: open,
  };
  return { service, plan, decisions };
}
