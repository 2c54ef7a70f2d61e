import { minio as facts } from '../../../model/engines/minio.ts';
import { authorityFile, certificateFile, keyFile } from '../../../model/internal-tls.ts';
import type { Decision, PlannedService, Size, StorePlan } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StackSpec, StoreSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { backupSecret } from './agent.ts';
import { servedFiles, trustedFiles } from './internal-tls.ts';

/** `https://files.example.com:8443`, as browsers write it. */
export const originOf = ({ target, edge }: StackSpec, host: string): string =>
  `https://${host}${target === 'kubernetes' || edge.https === 443 ? '' : `:${edge.https}`}`;

/** The application's account. MinIO wants three characters at least, and another name than its administrator's, which the name of a site alone does not promise. */
export const accountOf = (spec: StackSpec): string => `${spec.name}-app`;

/** The account that copies its buckets: it may list and read them, and nothing else. */
export const backupAccountOf = (spec: StackSpec): string => `${spec.name}-backup`;

type Spoken = Pick<StackSpec, 'internalTls'>;
export const schemeOf = ({ internalTls }: Spoken): 'http' | 'https' => (internalTls ? 'https' : 'http');
export const endpointOf = (store: string, spec: Spoken): string => `${schemeOf(spec)}://${store}:${facts.port}`;
/** Whom the server and `mc` trust: programs in Go read this file beside the folder of the system. */
export const trustOfGo = ({ internalTls }: Spoken): Readonly<Record<string, string>> =>
  internalTls ? { SSL_CERT_FILE: authorityFile } : {};

/** It wants its certificate and its key in a folder, under names of its own. */
const certificates = '/tmp/certs';
const startByTls = (name: string): Pick<PlannedService, 'entrypoint'> => ({
  entrypoint: [
    '/bin/sh',
    '-ec',
    `umask 077; mkdir -p ${certificates}; cp ${certificateFile(name)} ${certificates}/public.crt; cp ${keyFile(name)} ${certificates}/private.key; exec /usr/bin/docker-entrypoint.sh "$@"`,
    'sh',
  ],
});

/** Requests at once that a limit of `memory` MiB can serve from so many drives, and what they take at worst. */
function divideMemory(memory: number, drives: number): { readonly requests: number; readonly worstCase: number } {
  const requests = Math.floor((memory * 0.9 - facts.baseMiB) / facts.requestMiB(drives));
  return { requests, worstCase: facts.baseMiB + requests * facts.requestMiB(drives) };
}

export function demandMinio(store: StoreSpec, profile: HardwareProfile): Demand {
  const path = `stores.${store.name}`;
  return {
    name: store.name,
    role: 'storage',
    count: store.nodes,
    pids: 1024,
    memory: memoryWish(path, store, profile.storage.memory, { value: mib(1024), because: '1 GiB: some 240 requests at once' }),
    cpu: cpuWish(path, store, profile.storage.cpu, milliCpu(100)),
  };
}

/** Go programs start as many working threads as the host has CPUs, whatever their limit. */
const threads = (size: Size): string => String(Math.ceil(size.cpu / 1000));

export interface MinioPlan {
  readonly service: PlannedService;
  readonly buckets: PlannedService;
  readonly plan: StorePlan;
  readonly decisions: readonly Decision[];
}

/** @param copied - Buckets that an agent reads. */
export function planMinio(
  store: StoreSpec,
  spec: StackSpec,
  size: Size,
  disk: MiB,
  task: Size,
  image: { readonly user: string },
  copied: readonly string[],
): MinioPlan {
  const { requests, worstCase } = divideMemory(size.memory, store.nodes);
  const name = store.name;
  const several = store.nodes > 1;
  const byTls = spec.internalTls ? ({ tls: true } as const) : {};
  const { namespace, clusterDomain } = spec.kubernetes;
  // The parts of an object lie on all nodes, those that make good a loss among them.
  const each = several ? mib(Math.ceil(disk / (store.nodes - facts.parity) / 1024) * 1024) : disk;
  const drives = several
    ? `${schemeOf(spec)}://${name}-{0...${store.nodes - 1}}.${name}-nodes.${namespace}.svc.${clusterDomain}:${facts.port}${facts.dataFolder}`
    : facts.dataFolder;
  const root = { MINIO_ROOT_USER: 'berth-root' };
  const base = `${facts.baseMiB} MiB: the process without requests, ${facts.tmpMiB} MiB of /tmp and ${facts.declaredMiB} MiB of ${facts.declaredFolder}, which lie in memory`;
  const change = `stores.${name}.memory in berth.yaml, or the profile`;
  const decisions: Decision[] = [
    {
      key: `${name}.requests_max`,
      value: String(requests),
      formula: '(0.9 L − base) / (1 MiB + 32 KiB for each drive + 2 MiB)',
      inputs: { L: formatSize(size.memory), base, drives: String(store.nodes) },
      source: 'MinIO source, cmd/handler-api.go',
      change,
    },
    {
      key: `${name}.worst_case`,
      value: `${Math.ceil(worstCase)} MiB of ${size.memory} MiB`,
      formula: `base + requests × ${facts.requestMiB(store.nodes).toFixed(2)} MiB`,
      inputs: { base, requests: String(requests) },
      source: 'design: at most 0.9 of the limit',
      change,
    },
    {
      key: `${name}.GOMAXPROCS`,
      value: threads(size),
      formula: '⌈CPU limit⌉',
      inputs: { 'CPU limit': String(size.cpu / 1000) },
      source: 'Go runtime: without it as many threads work as the host has CPUs, and the limit stops them all',
      change: `stores.${name}.cpu in berth.yaml, or the profile`,
    },
  ];
  if (several)
    decisions.push({
      key: `${name}.disk_each`,
      value: formatSize(each),
      formula: 'disk / (nodes − parity), in whole GiB',
      inputs: { disk: formatSize(disk), nodes: String(store.nodes), parity: String(facts.parity) },
      source: 'MinIO, erasure coding: of four drives two hold data and two what replaces it',
      change: `stores.${name}.disk in berth.yaml`,
    });
  const tmpfs = [
    { path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' },
    { path: facts.declaredFolder, size: mib(facts.declaredMiB), mode: '1777' },
  ];
  const service: PlannedService = {
    name,
    role: 'storage',
    title: several ? `MinIO on ${store.nodes} nodes, of which ${facts.parity} may be lost` : 'MinIO on one drive',
    kind: 'server',
    image: 'minio',
    slotted: false,
    replicas: store.nodes,
    ...(several ? { peers: 'apart' } : {}),
    size,
    user: image.user,
    ...(spec.internalTls ? startByTls(name) : {}),
    command: [
      'server',
      drives,
      '--address',
      `:${facts.port}`,
      '--console-address',
      ':9001',
      ...(spec.internalTls ? ['--certs-dir', certificates] : []),
    ],
    env: {
      ...root,
      MINIO_ROOT_PASSWORD_FILE: `/run/secrets/${name}-root`,
      MINIO_API_REQUESTS_MAX: String(requests),
      MINIO_BROWSER: 'off',
      MINIO_UPDATE: 'off',
      // Scripts of no other page may use an address that was signed.
      ...(store.publicHost === undefined ? {} : { MINIO_API_CORS_ALLOW_ORIGIN: originOf(spec, spec.domain) }),
      ...(several ? { MINIO_STORAGE_CLASS_STANDARD: `EC:${facts.parity}` } : {}),
      // For the health check, which knows the server by this name; it shows nobody who it is.
      ...(spec.internalTls ? { MC_HOST_local: `https://local:local@localhost:${facts.port}` } : {}),
      ...trustOfGo(spec),
      GOMAXPROCS: threads(size),
      MC_CONFIG_DIR: '/tmp/.mc',
      HOME: '/tmp',
    },
    secretEnv: {},
    secretFiles: [`${name}-root`, ...servedFiles(name, spec)],
    mounts: [],
    tmpfs,
    nofile: 16_384,
    volumes: [
      {
        name: `${name}-data`,
        target: facts.volumeFolder,
        size: each,
        holds: `buckets ${store.buckets.map((bucket) => bucket.name).join(', ')}`,
      },
    ],
    port: facts.port,
    ports: [],
    healthcheck: {
      argv: ['mc', '--quiet', 'ready', 'local'],
      interval: seconds(10),
      timeout: seconds(5),
      retries: 3,
      startPeriod: seconds(60),
    },
    probes: {
      ready: { http: { path: '/minio/health/ready', port: facts.port, ...byTls } },
      live: { http: { path: '/minio/health/live', port: facts.port, ...byTls } },
    },
    connects: several ? [{ service: name, port: facts.port }] : [],
    gates: [],
    stopSignal: 'SIGTERM',
    stopGrace: seconds(60),
    // The edge is not let into the network of the databases.
    networks: store.publicHost === undefined ? ['data'] : ['data', 'app'],
    after: [],
  };
  const buckets: PlannedService = {
    name: `${name}-buckets`,
    role: 'task',
    title: `creates and reconciles the buckets and the accounts of ${name}; changes nothing when nothing is to do`,
    kind: 'task',
    image: 'minio',
    slotted: false,
    replicas: 1,
    size: task,
    user: image.user,
    entrypoint: ['/bin/sh', '/etc/berth/buckets/buckets.sh'],
    env: { ...root, ...trustOfGo(spec), GOMAXPROCS: threads(task), MC_CONFIG_DIR: '/tmp/.mc', HOME: '/tmp' },
    secretEnv: {},
    secretFiles: [`${name}-root`, `${name}-app`, ...(copied.length > 0 ? [backupSecret(name)] : []), ...trustedFiles(spec)],
    mounts: [{ source: `config/${name}-buckets`, target: '/etc/berth/buckets', restarts: true }],
    volumes: [],
    tmpfs,
    ports: [],
    connects: [{ service: name, port: facts.port }],
    gates: [],
    stopGrace: seconds(10),
    networks: ['data'],
    after: [],
  };
  return {
    service,
    buckets,
    decisions,
    plan: {
      service: name,
      ...byTls,
      account: accountOf(spec),
      buckets: store.buckets,
      backup: { account: backupAccountOf(spec), buckets: copied },
    },
  };
}
