import { minio } from '../../../model/engines/minio.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import type { Decision, PlannedService, Size } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { BackupJob } from '../../../model/runtime-config.ts';
import type { BackupsSpec, StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { agentContainer, backupSecret, type AgentPlace } from './agent.ts';
import { backupAccountOf, accountOf } from './minio.ts';
import { trustMounts, trustOfNode } from './surroundings.ts';

/** A bucket, and how it is reached from the container of the agent. */
interface CopiedBucket {
  readonly store: string;
  readonly bucket: string;
  readonly endpoint: string;
  readonly region: string;
  /** May read it, by the secret of this name, which is a file as well. */
  readonly account: string;
  readonly secret: string;
  /** May write to it, by its own secret: for restores. */
  readonly writer: string;
  readonly elsewhere: boolean;
  readonly host: string;
  readonly port: number;
}

/** One container for all that is neither a database nor a file of the site. */
interface FilesAgent extends AgentPlace {
  readonly image: string;
  readonly buckets: readonly CopiedBucket[];
}

/** Engines in whose images Berth runs, and the folder that each declares as a volume. */
const hosts: Readonly<Record<string, { readonly volumeFolder: string }>> = { postgres, mysql: mysqlFamily, mariadb: mysqlFamily };

/** The image of a database that the site runs anyway, or the operator's own. */
const imageOf = ({ backups, databases }: StackSpec): string | undefined =>
  backups?.image ?? databases.find(({ engine, operator }) => Object.hasOwn(hosts, engine) && operator === undefined)?.engine;

const secretOf = (store: string): string => `${store}-app`;

/** Buckets that are to be copied, whether or not there is an image for it. */
function wanted(spec: StackSpec): readonly CopiedBucket[] {
  const { backups, target, stores, externals } = spec;
  if (backups?.buckets === undefined || target === 'kubernetes') return [];
  const { names } = backups.buckets;
  const own = stores.flatMap(({ name, buckets }) =>
    buckets.map((bucket) => ({
      store: name,
      bucket: bucket.name,
      endpoint: `http://${name}:${minio.port}`,
      region: minio.region,
      account: backupAccountOf(spec),
      secret: backupSecret(name),
      writer: accountOf(spec),
      elsewhere: false,
      host: name,
      port: minio.port,
    })),
  );
  const others = externals
    .filter(({ kind }) => kind === 'store')
    .flatMap(({ name, host, port, tls, user, region, buckets }) =>
      buckets.map((bucket) => ({
        store: name,
        bucket: bucket.name,
        endpoint: new URL(`${tls === 'off' ? 'http' : 'https'}://${host}:${port}`).origin,
        region,
        account: user,
        secret: secretOf(name),
        writer: user,
        elsewhere: true,
        host,
        port,
      })),
    );
  return [...own, ...others].filter(({ store, bucket }) => names === undefined || names.includes(`${store}.${bucket}`));
}

/** Nothing where there is nothing to copy, or no image for it. */
export function filesAgentOf(spec: StackSpec): FilesAgent | undefined {
  const [image, buckets] = [imageOf(spec), wanted(spec)];
  // Every image has this folder, open to all.
  return image === undefined || buckets.length === 0 ? undefined : { name: 'agent-files', own: '/var/tmp', image, buckets };
}

/** Buckets for which an image is missing, as `STORE.BUCKET`. */
export const bucketsWithoutImage = (spec: StackSpec): readonly string[] =>
  imageOf(spec) === undefined ? wanted(spec).map(({ store, bucket }) => `${store}.${bucket}`) : [];

/** Of a million objects the hashes are held in memory, and beside them what the program takes, whatever it copies. Measured, as ADR 22 tells. */
const base = 300;
const perMillion = 150;
const most = 0.9;
const objectsIn = (memory: MiB): number => Math.floor(((memory * most - base) / perMillion) * 10) * 100_000;

const floor = { value: mib(384), because: '384 MiB: Berth itself, and the hashes of some 300,000 objects' };

/**
 * What passes through lives for a moment: with the usual sizes the collector and the allocator keep 150 MB of it for themselves.
 */
const thrifty = { NODE_OPTIONS: '--max-semi-space-size=4', MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' };

export const demandFilesAgent = ({ name }: AgentPlace, profile: HardwareProfile): Demand => ({
  name,
  role: 'agent',
  count: 1,
  pids: 128,
  memory: { ...memoryWish(name, {}, { value: mib(768), because: 'the hashes of more than two million objects' }, floor), change: 'fixed' },
  cpu: cpuWish(name, {}, profile.agent.cpu, milliCpu(50)),
});

export const filesAgentDecision = ({ name }: AgentPlace, { memory }: Size): Decision => ({
  key: `${name}.objects_max`,
  value: String(objectsIn(memory)),
  formula: '(0.9 L − base) / 150 MiB, in millions of objects of one bucket',
  inputs: { L: formatSize(memory), base: `${base} MiB: Berth, and parts on their way` },
  source: 'measured: 240 MB for 50,000 objects, 385 MB for a million; 60 more for parts that a distant store has not taken yet',
  change: 'a larger host, as it has what the others leave',
});

/** What copies buckets: over the network, as an account that may only read. */
export function planFilesAgent(
  { name, own, image, buckets }: FilesAgent,
  spec: StackSpec & { readonly backups: BackupsSpec },
  size: Size,
  disk: MiB,
  user: string,
): PlannedService {
  const stores = [...new Map(buckets.map((bucket) => [bucket.store, bucket])).values()];
  const ownStores = stores.filter(({ elsewhere }) => !elsewhere).map(({ store }) => store);
  const outside = stores.filter(({ elsewhere }) => elsewhere);
  const goesOut = outside.length > 0;
  const declared = hosts[image];
  const container = agentContainer(
    {
      name,
      own,
      image,
      title: `copies what is new in ${buckets.map(({ store, bucket }) => `${store}.${bucket}`).join(', ')}, and restores it to prove it`,
      holds: 'its key, and what it remembers',
      covered: declared ? [declared] : [],
      elsewhere: outside.map(({ host, port }) => ({ host, port })),
      secretFiles: stores.map(({ secret }) => secret),
      connects: ownStores.map((service) => ({ service, port: minio.port })),
      after: ownStores.map((store) => ({ service: `${store}-buckets`, condition: 'service_completed_successfully', required: true })),
    },
    spec.backups,
    size,
    disk,
    user,
    spec.target,
  );
  return {
    ...container,
    env: { ...container.env, ...thrifty, ...(goesOut ? trustOfNode(spec) : {}) },
    mounts: [...container.mounts, ...(goesOut ? trustMounts(spec) : [])],
  };
}

/** A first copy of a terabyte takes hours. */
const timeout = 24 * 3600;

/** @param kept - When it is copied and how long it is kept, in the form of runtime.yaml. */
export const bucketJobs = (
  { name, buckets }: FilesAgent,
  { prove }: NonNullable<BackupsSpec['buckets']>,
  kept: Pick<BackupJob, 'schedule' | 'keep' | 'recipients' | 'timeZone'>,
): readonly BackupJob[] =>
  buckets.map(({ store, bucket, endpoint, region, account, secret, writer }) => ({
    name: `${store}.${bucket}`,
    kind: 'bucket',
    agent: name,
    timeout,
    ...kept,
    bucket: {
      endpoint,
      name: bucket,
      accessKey: account,
      secretKey: `/run/secrets/${secret}`,
      region,
      addressing: 'path',
      prove,
      writer: { accessKey: writer, secretKey: `secrets/${secretOf(store)}` },
    },
  }));
