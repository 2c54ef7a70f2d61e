import { eachDrive, minio as facts } from '../../../model/engines/minio.ts';
import { certificateFile, keyFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StoreSpec } from '../../../model/store-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { plainFile } from '../secret-file.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { backupSecret } from './agent.ts';
import { servedFiles, trustedFiles } from './internal-tls.ts';
import {
  accountOf,
  administrator,
  backupAccountOf,
  bucketsOf,
  originOf,
  schemeOf,
  serverOf,
  threadsDecision,
  threadsOf,
  trustOfGo,
} from './store-engine.ts';
import type { PlannedStore, StoreEngine, StoreInput } from './store-engine.ts';

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

function demandMinio(store: StoreSpec, profile: HardwareProfile): Demand {
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

function planMinio({ store, spec, size, disk, task, image, copied }: StoreInput): PlannedStore {
  const { requests, worstCase } = divideMemory(size.memory, store.nodes);
  const name = store.name;
  const several = store.nodes > 1;
  const byTls = spec.internalTls ? ({ tls: true } as const) : {};
  const { namespace, clusterDomain } = spec.kubernetes;
  // The parts of an object lie on all nodes, those that make good a loss among them.
  const each = several ? eachDrive(disk, store.nodes) : disk;
  const drives = several
    ? `${schemeOf(spec)}://${name}-{0...${store.nodes - 1}}.${name}-nodes.${namespace}.svc.${clusterDomain}:${facts.port}${facts.dataFolder}`
    : facts.dataFolder;
  const root = { MINIO_ROOT_USER: administrator };
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
    threadsDecision(name, size),
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
    ...serverOf(store, size, image),
    title: several ? `MinIO on ${store.nodes} nodes, of which ${facts.parity} may be lost` : 'MinIO on one drive',
    image: 'minio',
    ...(several ? { peers: 'apart' } : {}),
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
      GOMAXPROCS: threadsOf(size),
      MC_CONFIG_DIR: '/tmp/.mc',
      HOME: '/tmp',
    },
    secretFiles: [`${name}-root`, ...servedFiles(name, spec)],
    mounts: [],
    tmpfs,
    volumes: [
      {
        name: `${name}-data`,
        target: facts.volumeFolder,
        size: each,
        holds: `buckets ${store.buckets.map((bucket) => bucket.name).join(', ')}`,
      },
    ],
    port: facts.port,
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
  };
  const buckets: PlannedService = {
    ...bucketsOf(store, task, image),
    image: 'minio',
    env: { ...root, ...trustOfGo(spec), GOMAXPROCS: threadsOf(task), MC_CONFIG_DIR: '/tmp/.mc', HOME: '/tmp' },
    secretFiles: [`${name}-root`, `${name}-app`, ...(copied.length > 0 ? [backupSecret(name)] : []), ...trustedFiles(spec)],
    tmpfs,
    connects: [{ service: name, port: facts.port }],
  };
  return {
    service,
    buckets,
    decisions,
    plan: {
      service: name,
      engine: 'minio',
      administrator,
      ...byTls,
      account: accountOf(spec),
      buckets: store.buckets,
      backup: { account: backupAccountOf(spec), buckets: copied },
    },
  };
}

export const minioEngine: StoreEngine = {
  image: 'minio',
  port: facts.port,
  region: facts.region,
  demand: demandMinio,
  plan: planMinio,
  secretFiles: ({ name }, _spec, copied) => [
    plainFile(`${name}-root`),
    plainFile(`${name}-app`),
    ...(copied.length > 0 ? [plainFile(backupSecret(name))] : []),
  ],
  asks: ({ name, buckets }, spec) => ({
    attempt: buckets.map((bucket) => `mc --quiet ls app/${bucket.name}`).join(' && '),
    env: { MC_CONFIG_DIR: '/tmp/.mc', HOME: '/tmp', GOMAXPROCS: '1', ...trustOfGo(spec) },
    secretEnv: { MC_HOST_app: [`${schemeOf(spec)}://${accountOf(spec)}:`, { secret: `${name}-app` }, `@${name}:${facts.port}`] },
  }),
};
