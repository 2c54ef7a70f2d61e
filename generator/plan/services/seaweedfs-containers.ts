import { seaweedfs as facts } from '../../../model/engines/seaweedfs.ts';
import { certificateFile, keyFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { formatSize, mib, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { backupSecret } from './copied-databases.ts';
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
import type { PlannedStore, StoreInput } from './store-engine.ts';

/** Uploads at once that a limit of `memory` MiB can take, and what the process takes then at worst. */
function divideMemory(memory: number, beside: number): { readonly uploads: number; readonly worstCase: number } {
  const base = facts.baseMiB + beside + 2 * facts.transferMiB;
  const uploads = Math.max(1, Math.floor((memory * 0.9 - base) / facts.uploadMiB));
  return { uploads, worstCase: base + uploads * facts.uploadMiB };
}

/** The files that objects lie in: how large each may grow, in MiB, and how many there may be. */
function divideDisk(disk: MiB, buckets: number): { readonly size: number; readonly count: number } {
  const { least, most } = facts.volumeMiB;
  const [room, fewest] = [disk * facts.volumesShare, (buckets + 1) * facts.volumesPerBucket];
  const size = Math.min(most, Math.max(least, Math.floor(room / fewest)));
  return { size, count: Math.max(fewest, Math.floor(room / size)) };
}

/** One container for all of SeaweedFS: what it says to itself stays in it. */
export function planSeaweedfs({ store, spec, size, disk, task, image, copied }: StoreInput): PlannedStore {
  const name = store.name;
  const expires = store.buckets.some(({ lifecycle }) => lifecycle.length > 0);
  const beside = expires ? facts.shellMiB : 0;
  const { uploads, worstCase } = divideMemory(size.memory, beside);
  const volumes = divideDisk(disk, store.buckets.length);
  const byTls = spec.internalTls ? ({ tls: true } as const) : {};
  const soft = Math.floor(size.memory * 0.9) - beside;
  const ofMemory = `stores.${name}.memory in berth.yaml, or the profile`;
  const ofDisk = `stores.${name}.disk in berth.yaml, or the profile`;
  const base = `${facts.baseMiB} MiB: the process without requests, and ${facts.tmpMiB} MiB of /tmp, which lie in memory${expires ? `; ${facts.shellMiB} MiB for what takes away what expires` : ''}`;
  const decisions: Decision[] = [
    {
      key: `${name}.s3.concurrentFileUploadLimit`,
      value: String(uploads),
      formula: '(0.9 L − base − 2 × transfer) / (4 pieces of 4 MiB)',
      inputs: { L: formatSize(size.memory), base, transfer: `${facts.transferMiB} MiB` },
      source: 'SeaweedFS source, weed/server/filer_server_handlers_write_upload.go; what comes beyond is told to try again',
      change: ofMemory,
    },
    {
      key: `${name}.volume.concurrentLimitMB`,
      value: String(facts.transferMiB),
      formula: 'fixed, for what is read and for what is written',
      inputs: {},
      source: 'SeaweedFS, weed volume -h; whoever comes beyond it waits',
      change: 'never',
    },
    {
      key: `${name}.worst_case`,
      value: `${Math.ceil(worstCase)} MiB of ${size.memory} MiB`,
      formula: `base + 2 × ${facts.transferMiB} MiB + uploads × ${facts.uploadMiB} MiB`,
      inputs: { base, uploads: String(uploads) },
      source: 'design: at most 0.9 of the limit',
      change: ofMemory,
    },
    {
      key: `${name}.GOMEMLIMIT`,
      value: `${soft}MiB`,
      formula: expires ? '0.9 L − what takes away what expires' : '0.9 L',
      inputs: { L: formatSize(size.memory), ...(expires ? { 'what takes away what expires': `${facts.shellMiB} MiB` } : {}) },
      source: 'Go runtime: garbage is collected before the limit of the container is reached',
      change: ofMemory,
    },
    threadsDecision(name, size),
    {
      key: `${name}.master.volumeSizeLimitMB`,
      value: String(volumes.size),
      formula: `${facts.volumesShare} disk / ((buckets + 1) × ${facts.volumesPerBucket}), from ${facts.volumeMiB.least} to ${facts.volumeMiB.most} MiB`,
      inputs: { disk: formatSize(disk), buckets: String(store.buckets.length) },
      source: 'SeaweedFS: each bucket has files of its own, and a full disk is one on which no bucket gets another',
      change: ofDisk,
    },
    {
      key: `${name}.volume.max`,
      value: String(volumes.count),
      formula: `${facts.volumesShare} disk / size of one, and enough for each bucket`,
      inputs: { disk: formatSize(disk), size: `${volumes.size} MiB` },
      source: 'SeaweedFS: it keeps to the room that it was given, as no volume of Docker does',
      change: ofDisk,
    },
  ];
  const tmpfs = [{ path: '/tmp', size: mib(facts.tmpMiB), mode: '1777' }];
  const settings = `config/${name}`;
  const service: PlannedService = {
    ...serverOf(store, size, image),
    title: 'SeaweedFS on one drive',
    image: 'seaweedfs',
    // Not the entrypoint of the image, which reserves all the room of a file at once, and starts as root where it may.
    entrypoint: ['/bin/sh', '/etc/berth/store/start.sh'],
    command: [
      `-master.volumeSizeLimitMB=${volumes.size}`,
      `-volume.max=${volumes.count}`,
      `-volume.concurrentUploadLimitMB=${facts.transferMiB}`,
      `-volume.concurrentDownloadLimitMB=${facts.transferMiB}`,
      `-s3.concurrentFileUploadLimit=${uploads}`,
      // Scripts of no other page may use an address that was signed.
      ...(store.publicHost === undefined ? [] : [`-s3.allowedOrigins=${originOf(spec, spec.domain)}`]),
      ...(spec.internalTls ? [`-s3.cert.file=${certificateFile(name)}`, `-s3.key.file=${keyFile(name)}`] : []),
    ],
    env: {
      // One file at a time for each bucket that is full, not seven.
      WEED_MASTER_VOLUME_GROWTH_COPY_1: '1',
      GOMAXPROCS: threadsOf(size),
      GOMEMLIMIT: `${soft}MiB`,
      ...trustOfGo(spec),
      HOME: '/tmp',
    },
    secretFiles: [`${name}-identities`, ...servedFiles(name, spec)],
    mounts: [{ source: settings, target: '/etc/berth/store', restarts: true }],
    tmpfs,
    volumes: [
      {
        // As for MinIO: what one wrote there, the other leaves alone.
        name: `${name}-data`,
        target: facts.dataFolder,
        size: disk,
        holds: `buckets ${store.buckets.map((bucket) => bucket.name).join(', ')}`,
      },
    ],
    port: facts.port,
    healthcheck: {
      argv: ['curl', '--silent', '--show-error', '--fail', '--output', '/dev/null', `${schemeOf(spec)}://localhost:${facts.port}/healthz`],
      interval: seconds(10),
      timeout: seconds(5),
      retries: 3,
      startPeriod: seconds(60),
    },
    probes: {
      ready: { http: { path: '/healthz', port: facts.port, ...byTls } },
      // It has no other page for that.
      live: { tcp: facts.port },
    },
    connects: [],
  };
  const buckets: PlannedService = {
    ...bucketsOf(store, task, image),
    image: 'seaweedfs',
    env: { HOME: '/tmp', ...trustOfGo(spec) },
    secretFiles: [`${name}-root`, `${name}-app`, ...(copied.length > 0 ? [backupSecret(name)] : []), ...trustedFiles(spec)],
    tmpfs: [...tmpfs, { path: facts.dataFolder, size: mib(facts.declaredMiB), mode: '1777' }],
    connects: [{ service: name, port: facts.port }],
  };
  return {
    service,
    buckets,
    decisions,
    plan: {
      service: name,
      engine: 'seaweedfs',
      administrator,
      ...byTls,
      account: accountOf(spec),
      buckets: store.buckets,
      backup: { account: backupAccountOf(spec), buckets: copied },
    },
  };
}
