import { enginesElsewhere, type CopiedEngine } from '../../../model/backup/copied-engines.ts';
import {
  agentPlaces,
  agentProgram,
  recipientsFolder,
  signerFile,
  signerSecret,
  signersFile,
  storeKeyFile,
  storeSecret,
} from '../../../model/backup/site-files.ts';
import { restoredBeside } from '../../../model/backup/restored-beside.ts';
import { dataFolderOf } from '../../../model/engines/data-folder.ts';
import { mongodb } from '../../../model/engines/mongodb.ts';
import { mysqlFamily } from '../../../model/engines/mysql-family.ts';
import { postgres } from '../../../model/engines/postgres.ts';
import { sqlserver } from '../../../model/engines/sqlserver.ts';
import type { Gate, PlannedService, Size } from '../../../model/planned-service.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../../../model/runtime-config.ts';
import type { BackupsSpec } from '../../../model/backups-spec.ts';
import type { DatabaseEngineName, DatabaseSpec } from '../../../model/database-spec.ts';
import type { ExternalBackupSpec, ExternalSpec } from '../../../model/external-spec.ts';
import type { StackSpec, Target } from '../../../model/stack-spec.ts';
import { mib, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import { authorityFile } from '../../../model/internal-tls.ts';
import { taskSize } from '../demand.ts';
import { hostsOf } from './database-engine.ts';
import { bundledFiles, trustedFiles } from './internal-tls.ts';
import { noData } from './database-parts.ts';
import { exchangeMount } from './exchange.ts';
import { trustMounts, trustOfNode } from './surroundings.ts';

/** The service that copies the databases of an engine. One more database of another engine renames none. */
const nameOfAgent = (engine: DatabaseEngineName): string => `agent-${engine}`;

/** How an engine is copied. */
interface Copying {
  /** The agent's own folder: open to every user in the official image, so a new volume there is as well. */
  readonly own: string;
  readonly port: number;
  readonly account: string;
  /** Folders that the image declares as volumes: where the agent needs one for nothing, it would get it on disk. */
  readonly unused: readonly { readonly volumeFolder: string }[];
  /** What its server asks for, wherever it runs. */
  readonly loosened?: NonNullable<PlannedService['loosened']>;
  readonly imageGroup?: number;
}

const family = { own: mysqlFamily.agentFolder, port: mysqlFamily.port, account: mysqlFamily.backup.account, unused: [mysqlFamily] };
const copying = {
  postgres: { own: postgres.volumeFolder, port: postgres.port, account: postgres.backup.account, unused: [] },
  mysql: family,
  mariadb: family,
  mongodb: {
    own: mongodb.agentFolder,
    port: mongodb.port,
    account: mongodb.backup.account,
    unused: [mongodb, { volumeFolder: mongodb.declaredFolder }],
  },
  // Its server keeps a folder of the system there, wherever its data lie; the image gives it to the user that it runs as.
  sqlserver: {
    own: sqlserver.volumeFolder,
    port: sqlserver.port,
    account: sqlserver.backup.account,
    unused: [],
    loosened: sqlserver.loosened,
    imageGroup: sqlserver.imageGroup,
  },
} as const satisfies Record<CopiedEngine, Copying>;
type CopiedDatabase = DatabaseSpec & { readonly engine: CopiedEngine };
/** One that is somebody else's. */
export type CopiedElsewhere = ExternalSpec & { readonly engine: (typeof enginesElsewhere)[number]; readonly backup: ExternalBackupSpec };

/** A container of Berth's own in the image of something else. */
export interface AgentPlace {
  readonly name: string;
  /** Where its own volume is mounted: a folder that the image leaves open to any user, so that a new volume there is as well. */
  readonly own: string;
}

/** One container, in the image of its databases. */
export interface Agent extends AgentPlace {
  readonly engine: CopiedEngine;
  /** A key of images.yaml, or an image of the operator's. */
  readonly image: string;
  readonly databases: readonly CopiedDatabase[];
  readonly elsewhere: readonly CopiedElsewhere[];
}

/** Below what the runtime itself and the programs that copy need, and what a server needs beside its shared memory. */
const besideScratch = 384;
const leastScratch = 64;

const canBeCopied = (database: DatabaseSpec): database is CopiedDatabase =>
  Object.hasOwn(copying, database.engine) && database.operator === undefined;

/** Whether a container of the site reaches the store of the backups: a folder of this machine is none of the nodes. */
export const reachesStore = ({ backups, target }: StackSpec): boolean =>
  backups !== undefined && (target === 'compose' || 'bucket' in backups.store);

/** Databases that are copied while they run. */
const copiedDatabases = (spec: StackSpec): readonly CopiedDatabase[] =>
  spec.backups?.databases === undefined || !reachesStore(spec) ? [] : spec.databases.filter(canBeCopied);

export const isCopied = (database: DatabaseSpec, spec: StackSpec): boolean =>
  copiedDatabases(spec).some(({ name }) => name === database.name);

const isCopiedElsewhere = (external: ExternalSpec): external is CopiedElsewhere =>
  external.kind === 'database' && typeof external.backup === 'object' && enginesElsewhere.some((name) => name === external.engine);
/** Databases that stand elsewhere, and are copied all the same. */
export const copiedElsewhere = (spec: StackSpec): readonly CopiedElsewhere[] =>
  spec.backups?.databases === undefined || !reachesStore(spec) ? [] : spec.externals.filter(isCopiedElsewhere);

/** One for each engine: client, server and the server in which restores are tried are of one image. What stands elsewhere in another version has one of its own. */
export function agentsOf(spec: StackSpec): readonly Agent[] {
  const agents = new Map<string, Agent>();
  const agentFor = (name: string, engine: CopiedEngine, image: string): Agent =>
    agents.get(name) ?? { name, own: copying[engine].own, engine, image, databases: [], elsewhere: [] };
  for (const database of copiedDatabases(spec)) {
    const agent = agentFor(nameOfAgent(database.engine), database.engine, database.engine);
    agents.set(agent.name, { ...agent, databases: [...agent.databases, database] });
  }
  for (const database of copiedElsewhere(spec)) {
    const { engine, name, backup } = database;
    const agent = agentFor(backup.image === undefined ? nameOfAgent(engine) : `agent-${name}`, engine, backup.image ?? engine);
    agents.set(agent.name, { ...agent, elsewhere: [...agent.elsewhere, database] });
  }
  return [...agents.values()];
}

/** The secret, and the file, that the agent logs in to a database with. */
export const backupSecret = (database: string): string => `${database}-backup`;

const nameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** As the agent reads it: the jobs that are its own, and everything under the path that it has in the container. */
export function agentConfig(site: RuntimeConfig & { readonly backups: BackupsConfig }, { name, own }: AgentPlace): RuntimeConfig {
  // The second copy is the business of the runtime on the host.
  const { offsite: _offsite, drill: _drill, ...backups } = site.backups;
  const { bucket } = backups.store;
  return {
    ...site,
    services: [],
    backups: {
      ...backups,
      store: {
        ...backups.store,
        ...(bucket === undefined
          ? {}
          : {
              bucket: {
                ...bucket,
                secretKey: `${agentPlaces.keys}/${nameOf(storeKeyFile)}`,
                ...(bucket.ca === undefined ? {} : { ca: agentPlaces.authority }),
              },
            }),
      },
      recipients: `${agentPlaces.backup}/${nameOf(recipientsFolder)}`,
      signer: `${agentPlaces.keys}/${nameOf(signerFile)}`,
      signers: `${agentPlaces.backup}/${nameOf(signersFile)}`,
      state: `${own}/state`,
      identity: `${own}/identity.key`,
      jobs: backups.jobs.filter(({ agent }) => agent === name).map(ownJob),
    },
  };
}

/** As its agent reads it: who may write is the business of a restore. */
const ownJob = ({ agent: _agent, bucket, ...job }: BackupJob): BackupJob => {
  if (bucket === undefined) return job;
  const { writer: _writer, ...read } = bucket;
  return { ...job, bucket: read };
};

/** MiB of the container that the server of a restore may take. */
const scratchMemory = (memory: MiB): number => Math.max(leastScratch, Math.floor((memory - besideScratch) * 0.9));

/** Its server has folders of its own in the same place, some of which a database may be called like. */
const placesOf = (engine: CopiedEngine): string => (engine === 'sqlserver' ? `${sqlserver.volumeFolder}/berth` : copying[engine].own);

export type CopyTimes = Pick<NonNullable<BackupsSpec['databases']>, 'prove' | 'rpo' | 'increments'>;

/** Where an agent keeps what it needs for one database, and what the server of a restore may take there. */
export const scratchOf = (engine: CopiedEngine, name: string, memory: MiB) => ({
  folder: `${placesOf(engine)}/${name}`,
  memory: scratchMemory(memory),
});

/** How a database is reached from the container of the agent. */
export const databaseOf = (database: CopiedDatabase, { prove, rpo, increments }: CopyTimes, memory: MiB, internalTls: boolean) => ({
  host: hostsOf(database).writer,
  port: copying[database.engine].port,
  user: copying[database.engine].account,
  password: `/run/secrets/${backupSecret(database.name)}`,
  ...(internalTls ? { ca: authorityFile } : {}),
  ...scratchOf(database.engine, database.name, memory),
  ...(increments === undefined ? {} : { increments }),
  prove,
  rpo,
  ...(database.engine === 'sqlserver' && database.edition !== undefined
    ? { sqlserver: { name: database.database, exchange: `${sqlserver.exchangeFolder}/${database.name}`, edition: database.edition } }
    : {}),
});

/** Where the bucket answers. */
function addressOf(store: BackupsSpec['store']): readonly { readonly host: string; readonly port: number }[] {
  if ('folder' in store) return [];
  const { hostname, port, protocol } = new URL(store.bucket.endpoint);
  return [{ host: hostname, port: port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port) }];
}

const filledFolder = '/mnt/berth';
/** Node and the program take some 130 MB. */
const programSize = mib(256);
/** In a cluster nothing of this host is mounted: the program comes in an image of its own. */
const bringsProgram = (user: string): Gate => ({
  name: 'berth',
  image: 'berth',
  user,
  argv: ['/bin/cp', '-R', `${agentPlaces.program}/.`, filledFolder],
  env: {},
  secretEnv: {},
  size: taskSize,
  fills: { here: filledFolder, size: programSize },
});
/**
 * Before a database of a cluster starts: data that were laid beside its own, by hand and whole, take their place. No server runs then that could write to
 * either, and whatever is cut off in between the next start goes on with.
 */
export function takesRestored({ name }: DatabaseSpec, spec: StackSpec, user: string): readonly Gate[] {
  const copied = copiedDatabases(spec).find((database) => database.name === name);
  if (spec.target !== 'kubernetes' || copied === undefined) return [];
  const { engine } = copied;
  const data = dataFolderOf(engine);
  const fresh = restoredBeside(data);
  return [
    {
      name: `${name}-restored`,
      image: engine,
      user,
      argv: [
        '/bin/sh',
        '-ec',
        `[ -e ${fresh} ] || exit 0; if [ -e ${data} ]; then mv -T ${data} ${data}.before-$(date -u +%Y-%m-%dT%H-%M-%SZ); fi; mv -T ${fresh} ${data}; sync`,
      ],
      env: {},
      secretEnv: {},
      size: taskSize,
      sharesVolumes: true,
    },
  ];
}

const minutes = 2;
/** It says so itself twice a minute, as the runtime has no port. */
const alive = (own: string) => ['/bin/sh', '-c', `test -n "$(find ${own}/state/alive -mmin -${minutes})"`] as const;

/** What one agent has that another has not. */
interface Copier
  extends
    AgentPlace,
    Pick<PlannedService, 'title' | 'image' | 'secretFiles' | 'connects' | 'after' | 'loosened' | 'imageGroup' | 'shared'> {
  /** What lies in its own volume. */
  readonly holds: string;
  /** Folders that its image declares as volumes and it needs for nothing. */
  readonly covered: readonly { readonly volumeFolder: string }[];
  /** Where it goes beyond the site for what it copies. */
  readonly elsewhere?: NonNullable<PlannedService['outside']>;
}

/**
 * What passes through lives for a moment: with the usual sizes the collector and the allocator keep 50 to 150 MB of it for themselves. Programs of an engine, and the
 * server in which a restore is tried, are not given this.
 */
export const thrifty = { NODE_OPTIONS: '--max-semi-space-size=4', MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '262144' };

/** Berth itself in the image of something else. It speaks to what it copies over the network alone, and has nothing of its volume. */
export function agentContainer(
  { name, own, holds, covered, elsewhere = [], ...copier }: Copier,
  { store }: BackupsSpec,
  size: Size,
  disk: MiB,
  user: string,
  target: Target,
): PlannedService {
  const bucket = 'bucket' in store ? store.bucket : undefined;
  const ca = bucket?.ca;
  const keys = { [nameOf(signerFile)]: signerSecret, ...(bucket === undefined ? {} : { [nameOf(storeKeyFile)]: storeSecret }) };
  const outside = [...addressOf(store), ...elsewhere];
  return {
    ...copier,
    name,
    role: 'agent',
    kind: 'server',
    slotted: false,
    replicas: 1,
    size,
    user,
    entrypoint: [...agentProgram, 'runtime', '--config', `${agentPlaces.config}/runtime.yaml`],
    env: { HOME: '/tmp', ...thrifty },
    secretEnv: {},
    mounts: [
      { source: '.berth/bin', target: agentPlaces.program, restarts: false, from: 'berth' },
      // It sees by itself when its configuration changes.
      { source: `config/${name}`, target: agentPlaces.config, restarts: false },
      { source: 'backup', target: agentPlaces.backup, restarts: false },
      { source: 'secrets/backup', target: agentPlaces.keys, restarts: false, keys },
      ...(ca === undefined
        ? []
        : [{ source: ca.replace(/^\.\//, ''), target: agentPlaces.authority, restarts: false, from: 'operator' } as const]),
      ...('folder' in store ? [{ source: store.folder, target: store.folder, restarts: false, from: 'host' } as const] : []),
    ],
    volumes: [{ name: `${name}-data`, target: own, size: disk, holds }],
    tmpfs: [{ path: '/tmp', size: mib(32), mode: '1777' }, ...covered.map(noData)],
    ports: [],
    healthcheck: { argv: alive(own), interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(60) },
    probes: { ready: { argv: alive(own) }, live: { argv: alive(own) } },
    gates: target === 'kubernetes' ? [bringsProgram(user)] : [],
    // What is at work may end; a copy that is cut off is made again.
    stopGrace: seconds(150),
    networks: outside.length === 0 ? ['data'] : ['data', 'egress'],
    ...(outside.length === 0 ? {} : { outside }),
  };
}

/** Its certificates are checked as an application on Node checks them. */
const trusting = (container: PlannedService, spec: StackSpec): PlannedService => ({
  ...container,
  secretFiles: [...container.secretFiles, ...bundledFiles(spec)],
  env: { ...container.env, ...trustOfNode(spec) },
  mounts: [...container.mounts, ...trustMounts(spec)],
});

/** What copies the databases: in their image, so that client, server and the server in which restores are tried are of one version. */
export function planAgent(
  { name, own, engine, image, databases, elsewhere }: Agent,
  backups: BackupsSpec,
  size: Size,
  disk: MiB,
  user: string,
  spec: StackSpec,
): PlannedService {
  const { port, unused, loosened, imageGroup }: Copying = copying[engine];
  const shared = exchangeMount(engine);
  const names = databases.map((database) => database.name);
  const copied = [...names, ...elsewhere.map((database) => database.name)];
  const copier: Copier = {
    name,
    own,
    image,
    title: `copies ${copied.join(', ')} while it runs, ships its log, and restores what it copied into a server of its own to prove it`,
    holds: 'log on its way, and restores that are tried',
    covered: unused,
    ...(loosened === undefined ? {} : { loosened }),
    ...(imageGroup === undefined ? {} : { imageGroup }),
    ...(shared === undefined ? {} : { shared: [shared] }),
    secretFiles: [...copied.map(backupSecret), ...trustedFiles(spec)],
    connects: names.map((service) => ({ service, port })),
    after: names.map((database) => ({ service: `${database}-accounts`, condition: 'service_completed_successfully', required: true })),
  };
  const container = agentContainer(
    { ...copier, ...(elsewhere.length === 0 ? {} : { elsewhere: elsewhere.map(({ host, port: at }) => ({ host, port: at })) }) },
    backups,
    size,
    disk,
    user,
    spec.target,
  );
  return elsewhere.some(({ tls }) => tls === 'verify') ? trusting(container, spec) : container;
}
