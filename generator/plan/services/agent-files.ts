import { appendOnlyFolder, beginAppendOnly } from '../../../model/backup/append-only.ts';
import { agentPlaces } from '../../../model/backup/site-files.ts';
import { valkey } from '../../../model/engines/valkey.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import { restoredFile } from '../../../model/backup/restored-beside.ts';
import { authorityFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { Gate, PlannedService, Size } from '../../../model/planned-service.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { BackupJob } from '../../../model/runtime-config.ts';
import type { BackupsSpec } from '../../../model/backups-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { taskSize, type Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';
import { agentContainer, type AgentPlace } from './agent-container.ts';
import { backupSecret, copiedElsewhere, reachesStore } from './copied-databases.ts';
import { groupsOf, isReplicated } from './cache-members.ts';
import { accountOf, backupAccountOf } from './store-engine.ts';
import { endpointOf, storeEngines, storeNamed } from './stores.ts';
import { volumeName } from './volumes.ts';
import { bundledFiles, trustedFiles } from './internal-tls.ts';
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

/** A cache whose data are on disk, by who holds the same keys. */
interface CopiedCache {
  readonly name: string;
  readonly engine: 'valkey' | 'redis';
  readonly shards: readonly (readonly string[])[];
  /** The services of its nodes. */
  readonly services: readonly string[];
}

/** What services share, and where the agent has it, to be read alone. */
interface CopiedVolume {
  readonly name: string;
  readonly folder: string;
}

/** One container for all that is neither a database nor a file of the site. */
interface FilesAgent extends AgentPlace {
  readonly image: string;
  readonly buckets: readonly CopiedBucket[];
  readonly caches: readonly CopiedCache[];
  readonly volumes: readonly CopiedVolume[];
}

/** Engines in whose images Berth runs, and the folder that each declares as a volume. */
const hosts: Readonly<Record<string, { readonly volumeFolder: string }>> = { postgres, mysql: mysqlFamily, mariadb: mysqlFamily };

/** The image of a database that the site runs or copies anyway, or the operator's own. */
const imageOf = (spec: StackSpec): string | undefined =>
  spec.backups?.image ??
  spec.databases.find(({ engine, operator }) => Object.hasOwn(hosts, engine) && operator === undefined)?.engine ??
  copiedElsewhere(spec).find(({ backup }) => backup.image === undefined)?.engine;

const secretOf = (store: string): string => `${store}-app`;

/** Buckets that are to be copied, whether or not there is an image for it. */
function wanted(spec: StackSpec): readonly CopiedBucket[] {
  const { backups, stores, externals } = spec;
  if (backups?.buckets === undefined || !reachesStore(spec)) return [];
  const { names } = backups.buckets;
  const own = stores.flatMap((store) =>
    store.buckets.map((bucket) => ({
      store: store.name,
      bucket: bucket.name,
      endpoint: endpointOf(store, spec),
      region: storeEngines[store.engine].region,
      account: backupAccountOf(spec),
      secret: backupSecret(store.name),
      writer: accountOf(spec),
      elsewhere: false,
      host: store.name,
      port: storeEngines[store.engine].port,
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

/** Caches that must remember: one that may forget has nothing that would be missed. */
const wantedCaches = (spec: StackSpec): readonly CopiedCache[] =>
  spec.backups?.caches === undefined || !reachesStore(spec)
    ? []
    : spec.caches.flatMap((cache) => {
        const { name, engine, use } = cache;
        if (engine === 'memcached' || use === 'cache') return [];
        if (!isReplicated(cache)) return [{ name, engine, shards: [[name]], services: [name] }];
        const groups = groupsOf(cache, spec);
        return [{ name, engine, shards: groups.map(({ hosts: all }) => all), services: groups.flatMap(({ services }) => services) }];
      });

/** In a cluster a claim may be on another node than the agent, which then would keep it, or the services, from starting. */
const wantedVolumes = ({ backups, target, volumes }: StackSpec): readonly CopiedVolume[] =>
  backups?.volumes === undefined || target === 'kubernetes'
    ? []
    : volumes.map(({ name }) => ({ name, folder: `${agentPlaces.volumes}/${name}` }));

/** Nothing where there is nothing to copy, or no image for it. */
export function filesAgentOf(spec: StackSpec): FilesAgent | undefined {
  const [image, buckets, caches, volumes] = [imageOf(spec), wanted(spec), wantedCaches(spec), wantedVolumes(spec)];
  // Every image has this folder, open to all.
  return image === undefined || buckets.length + caches.length + volumes.length === 0
    ? undefined
    : { name: 'agent-files', own: '/var/tmp', image, buckets, caches, volumes };
}

/** What would be copied if there were an image for it: buckets as `STORE.BUCKET`, and caches. */
export const leftWithoutImage = (spec: StackSpec): readonly string[] =>
  imageOf(spec) === undefined
    ? [
        ...wanted(spec).map(({ store, bucket }) => `${store}.${bucket}`),
        ...[...wantedCaches(spec), ...wantedVolumes(spec)].map(({ name }) => name),
      ]
    : [];

/** Of a million objects the hashes are held in memory, and beside them what the program takes, whatever it copies. Measured, as ADR 22 tells. */
const base = 300;
const perMillion = 150;
const most = 0.9;
const objectsIn = (memory: MiB): number => Math.floor(((memory * most - base) / perMillion) * 10) * 100_000;

const floor = { value: mib(384), because: '384 MiB: Berth itself, and the hashes of some 300,000 objects' };

export const demandFilesAgent = ({ name }: AgentPlace, profile: HardwareProfile): Demand => ({
  name,
  role: 'agent',
  count: 1,
  pids: 128,
  memory: { ...memoryWish(name, {}, { value: mib(768), because: 'the hashes of more than two million objects' }, floor), change: 'fixed' },
  cpu: cpuWish(name, {}, profile.agent.cpu, milliCpu(50)),
});

export const filesAgentDecisions = ({ name, buckets }: FilesAgent, { memory }: Size): readonly Decision[] =>
  buckets.length === 0
    ? []
    : [
        {
          key: `${name}.objects_max`,
          value: String(objectsIn(memory)),
          formula: '(0.9 L − base) / 150 MiB, in millions of objects of one bucket',
          inputs: { L: formatSize(memory), base: `${base} MiB: Berth, and parts on their way` },
          source: 'measured: 240 MB for 50,000 objects, 385 MB for a million; 60 more for parts that a distant store has not taken yet',
          change: 'a larger host, as it has what the others leave',
        },
      ];

const titleOf = (buckets: readonly CopiedBucket[], caches: readonly CopiedCache[], volumes: readonly CopiedVolume[]): string =>
  [
    ...(buckets.length === 0
      ? []
      : [`copies what is new in ${buckets.map(({ store, bucket }) => `${store}.${bucket}`).join(', ')}, and restores it to prove it`]),
    ...(caches.length === 0 ? [] : [`copies ${caches.map((cache) => cache.name).join(', ')} as a replica would`]),
    ...(volumes.length === 0 ? [] : [`copies the files in ${volumes.map((volume) => volume.name).join(', ')}`]),
  ].join('; ');

/** What copies buckets and caches, over the network and by accounts that may only read, and the files of services where they lie. */
export function planFilesAgent(
  { name, own, image, buckets, caches, volumes }: FilesAgent,
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
      title: titleOf(buckets, caches, volumes),
      holds: 'its key, and what it remembers',
      covered: declared ? [declared] : [],
      elsewhere: outside.map(({ host, port }) => ({ host, port })),
      secretFiles: [
        ...stores.map(({ secret }) => secret),
        ...caches.map((cache) => backupSecret(cache.name)),
        ...trustedFiles(spec),
        ...bundledFiles(spec),
      ],
      connects: [
        ...ownStores.map((service) => ({ service, port: storeEngines[storeNamed(service, spec).engine].port })),
        ...caches.flatMap(({ services }) => services.map((service) => ({ service, port: valkey.port }))),
      ],
      after: [...ownStores.map((store) => `${store}-buckets`), ...volumes.map((volume) => volumeName(volume.name))].map((service) => ({
        service,
        condition: 'service_completed_successfully',
        required: true,
      })),
    },
    spec.backups,
    size,
    disk,
    user,
    spec.target,
  );
  return {
    ...container,
    ...(volumes.length === 0
      ? {}
      : { shared: volumes.map((volume) => ({ name: volumeName(volume.name), target: volume.folder, readOnly: true })) }),
    env: { ...container.env, ...(goesOut || spec.internalTls ? trustOfNode(spec) : {}) },
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

/** What is in memory is copied in minutes; a store may be slow. */
const cacheTimeout = 3600;

export const cacheJobs = (
  { name: agent, caches }: FilesAgent,
  kept: Pick<BackupJob, 'schedule' | 'keep' | 'recipients' | 'timeZone'>,
  internalTls: boolean,
): readonly BackupJob[] =>
  caches.map(({ name, engine, shards }) => ({
    name,
    kind: engine,
    agent,
    timeout: cacheTimeout,
    ...kept,
    cache: {
      shards: shards.map((hostsOfOne) => [...hostsOfOne]),
      port: valkey.port,
      user: valkey.backup.account,
      password: `/run/secrets/${backupSecret(name)}`,
      ...(internalTls ? { ca: authorityFile } : {}),
    },
  }));

const { dataFolder } = valkey;
const [restored, appendOnly] = [restoredFile(dataFolder), `${dataFolder}/${appendOnlyFolder}`];
/**
 * What was restored becomes all that the server has. Until it has its place `restored` stays, and whatever is cut off in between the next start begins anew.
 */
const takeScript = `[ -e ${restored} ] || exit 0
umask 077
rm -rf ${appendOnly}.restored
${beginAppendOnly(restored, `${appendOnly}.restored`).join('\n')}
sync
if [ -e ${appendOnly} ]; then mv -T ${appendOnly} ${appendOnly}.before-$(date -u +%Y-%m-%dT%H-%M-%SZ); fi
mv -T ${appendOnly}.restored ${appendOnly}
sync
rm ${restored}`;

/** Before a node of a cache of a cluster starts: a copy that was laid beside its data, by hand and whole, takes their place. No server of this volume runs then. */
export const takesRestoredCopy = ({ caches }: FilesAgent, { name, image, user }: PlannedService, { target }: StackSpec): readonly Gate[] =>
  target === 'kubernetes' && caches.some(({ services }) => services.includes(name))
    ? [
        {
          name: `${name}-restored`,
          image,
          user,
          argv: ['/bin/sh', '-ec', takeScript],
          env: {},
          secretEnv: {},
          size: taskSize,
          sharesVolumes: true,
        },
      ]
    : [];

/** Millions of files take hours. */
export const volumeJobs = (
  { name: agent, volumes }: FilesAgent,
  kept: Pick<BackupJob, 'schedule' | 'keep' | 'recipients' | 'timeZone'>,
): readonly BackupJob[] => volumes.map(({ name, folder }) => ({ name, kind: 'volume', agent, timeout, ...kept, volume: { folder } }));
