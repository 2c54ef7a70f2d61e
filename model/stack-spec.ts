import type { SuiteName } from './backup/suites.ts';
import type { Runtime } from './engines/runtimes.ts';
import type { MiB, MilliCpu, Seconds } from './units.ts';
import type { Operations } from './written-operations.ts';

export type Target = 'compose' | 'kubernetes';
export type ProfileName = 'minimum' | 'recommended' | 'high-performance';

/** The machine a site is sized for. */
export interface HostFacts {
  readonly cpus: MilliCpu;
  readonly memory: MiB;
  /** Free space where the containers keep their data. */
  readonly disk: MiB;
  /** Whether sizes are scaled down until they fit. */
  readonly fit: boolean;
}

/** Sizes that the operator fixed; they are neither scaled nor overruled. */
export interface FixedSize {
  readonly cpu?: MilliCpu;
  readonly memory?: MiB;
}

/** The same for what keeps data. */
interface FixedState extends FixedSize {
  readonly disk?: MiB;
}

export interface RateLimit {
  /** As nginx writes it: `20r/s`. */
  readonly rate: string;
  /** `address`, `token`, `header:NAME` or `cookie:NAME`. */
  readonly by: string;
  readonly burst: number;
}

/** Which other origins may call a route from a browser. */
export interface Cors {
  readonly origins: readonly string[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly credentials: boolean;
  readonly maxAge: Seconds;
}

export interface Route {
  readonly path: string;
  readonly rateLimits: readonly RateLimit[];
  readonly cors?: Cors;
  readonly body: MiB;
  readonly timeout: Seconds;
  readonly stream: boolean;
}

interface AppSecret {
  readonly name: string;
  readonly length: number;
  readonly deliver: 'env' | 'file';
  /** Not drawn: it belongs to somebody else. */
  readonly supplied: boolean;
}

/** Between how many replicas an autoscaler may choose, and by what. Percentages are of the limit of a replica. */
export interface Scaling {
  readonly min: number;
  readonly max: number;
  readonly cpu?: number;
  readonly memory?: number;
  /** A metric of the external metrics API, such as the length of a queue, and how much of it one replica carries. */
  readonly queue?: { readonly metric: string; readonly target: number };
  /** How long a load must be gone before replicas are taken away. */
  readonly coolDown: Seconds;
  /** Times from which on there are at least so many. */
  readonly schedule?: { readonly timeZone: string; readonly times: readonly { readonly cron: string; readonly min: number }[] };
}

/** One connection of an application to a database, cache or store of the stack. */
export interface Use {
  readonly service: string;
  /** Of `analytics` the service is the database that the replica for analytics copies. */
  readonly kind: 'database' | 'cache' | 'store' | 'analytics';
  /** The variable that carries the address; for a store the prefix. */
  readonly variable: string;
}

/** The variable beside it that carries the address for reading: `DATABASE_URL` → `DATABASE_READ_URL`. */
export const readVariableOf = (variable: string): string =>
  `${variable.replace(/_URL$/, '')}_READ${variable.endsWith('_URL') ? '_URL' : ''}`;

/** Beside or instead of the one variable of a cache, for clients that ask its Sentinels: `REDIS_URL` → `REDIS_SENTINELS` and the rest. */
export const sentinelVariablesOf = (variable: string): Readonly<Record<'sentinels' | 'master' | 'username' | 'password', string>> => {
  const prefix = variable.replace(/_URL$/, '');
  return {
    sentinels: `${prefix}_SENTINELS`,
    master: `${prefix}_SENTINEL_MASTER`,
    username: `${prefix}_USERNAME`,
    password: `${prefix}_PASSWORD`,
  };
};

/** Instead of the one variable of a cache, for clients that speak to a cluster of nodes: `REDIS_URL` → `REDIS_CLUSTER_NODES` and the rest. */
export const clusterVariablesOf = (variable: string): Readonly<Record<'nodes' | 'username' | 'password', string>> => {
  const { username, password } = sentinelVariablesOf(variable);
  return { nodes: `${variable.replace(/_URL$/, '')}_CLUSTER_NODES`, username, password };
};

/** Beside those, where they are reached by TLS alone: no URL could say it. */
export const cacheTlsVariablesOf = (variable: string): Readonly<Record<'tls' | 'ca', string>> => {
  const prefix = variable.replace(/_URL$/, '');
  return { tls: `${prefix}_TLS`, ca: `${prefix}_CA` };
};

/** Of a database whose drivers have no common word for it in a URL. */
export const databaseTlsVariablesOf = (variable: string): Readonly<Record<'tls' | 'ca', string>> => ({
  tls: `${variable}_TLS`,
  ca: `${variable}_CA`,
});

/** How a service is reached over HTTP. */
export interface HttpSpec {
  readonly port: number;
  readonly routes: readonly Route[];
  readonly live: string;
  readonly ready: string;
}

/** When a service runs that does not run for ever. */
export interface Schedule {
  /** Five fields in the notation of cron. */
  readonly cron: string;
  readonly timeZone: string;
  readonly deadline: Seconds;
}

/** A host, an address or a subnet outside, and the port there. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** A volume of the site in one service. */
interface MountedVolume {
  readonly name: string;
  readonly path: string;
  readonly readOnly: boolean;
}

/** Files that services share and keep. */
export interface VolumeSpec {
  readonly name: string;
  readonly disk?: MiB;
  readonly storageClass?: string;
}

export type AppKind = 'web' | 'api' | 'static' | 'worker' | 'cron';

export interface AppSpec extends FixedSize {
  readonly name: string;
  readonly kind: AppKind;
  /** Of a follower, the first image of the service that it follows. */
  readonly image: string;
  /** The service with slots whose live image it runs. */
  readonly follows?: string;
  readonly build?: string;
  /** For what answers HTTP behind the edge and therefore stands in two slots. */
  readonly http?: HttpSpec;
  /** For kind cron. */
  readonly schedule?: Schedule;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  /** For a worker: a command that tells whether it does its work. */
  readonly healthcheck?: readonly string[];
  /** A command that brings the schema of a database to what the image needs. */
  readonly migrate?: { readonly entrypoint?: readonly string[]; readonly command: readonly string[]; readonly database: string };
  readonly runtime: Runtime;
  readonly user: string;
  readonly replicas?: number;
  readonly pool?: number;
  readonly scaling?: Scaling;
  readonly stopGrace: Seconds;
  readonly uses: readonly Use[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly AppSecret[];
  readonly writable: readonly string[];
  readonly volumes: readonly MountedVolume[];
  /** Anywhere, or to {@link reaches} alone. */
  readonly egress: boolean;
  readonly reaches: readonly Place[];
}

/** What stands behind the edge, in two slots. */
export interface ServedSpec extends AppSpec {
  readonly http: HttpSpec;
}
export const servedOf = ({ services }: Pick<StackSpec, 'services'>): readonly ServedSpec[] =>
  services.filter((app): app is ServedSpec => app.http !== undefined);

export type DatabaseEngineName = 'postgres' | 'mysql' | 'mariadb' | 'mongodb' | 'sqlserver';

export type DatabaseTopology = 'single' | 'primary-replica' | 'cluster';
const followed = ['single', 'primary-replica', 'cluster'] as const;
/** What this version sets up for an engine, the least first. */
export const topologiesOf: Readonly<Record<DatabaseEngineName, readonly DatabaseTopology[]>> = {
  postgres: followed,
  mysql: followed,
  mariadb: followed,
  mongodb: ['single', 'cluster'],
  sqlserver: ['single'],
};

export interface DatabaseSpec extends FixedState {
  readonly name: string;
  readonly engine: DatabaseEngineName;
  /** Name of the database and of the account that owns it. */
  readonly database: string;
  /** As the operator wrote it; without it the profile's, where engine and host can. Once a plan begins it is decided. */
  readonly topology?: DatabaseTopology;
  /** One more replica, for long queries alone: its size where it is not that of the primary, and how long a query may take. */
  readonly analytics?: FixedSize & { readonly queryTimeout: Seconds };
  /** Of SQL Server. */
  readonly edition?: SqlserverEdition;
  /** In a cluster: who runs it in place of Berth's own StatefulSet. */
  readonly operator?: DatabaseOperator;
  /** Of PostgreSQL: a pool of connections before it, and how many of them it opens at most. */
  readonly pgbouncer?: { readonly connections?: number };
  /** Of PostgreSQL: extensions that its database has. */
  readonly extensions: readonly string[];
  /** Of PostgreSQL: when its tables are swept and measured, whatever autovacuum does. */
  readonly vacuum?: Schedule;
}

export type DatabaseOperator = 'cloudnative-pg';

export type SqlserverEdition = 'developer' | 'evaluation' | 'express' | 'web' | 'standard' | 'enterprise' | 'enterprise-core';

export type CacheEngineName = 'valkey' | 'redis' | 'memcached';

export type CacheTopology = 'single' | 'sentinel' | 'cluster';

export interface CacheSpec extends FixedState {
  readonly name: string;
  readonly engine: CacheEngineName;
  readonly use: 'cache' | 'sessions' | 'queue';
  /** As the operator wrote it; without it the profile's, where the host can. Once a plan begins it is decided. */
  readonly topology?: CacheTopology;
  /** What its clients speak. */
  readonly client: 'single' | 'sentinel' | 'cluster';
}

export interface BucketSpec {
  readonly name: string;
  readonly versioning: boolean;
  readonly lifecycle: readonly {
    /** Empty for all objects. */
    readonly prefix: string;
    /** In days. */
    readonly expire?: number;
    readonly expireVersions?: number;
  }[];
}

export type StoreEngineName = 'minio' | 'seaweedfs';

export interface StoreSpec extends FixedState {
  readonly name: string;
  readonly engine: StoreEngineName;
  /** One, or four that hold each object in parts: two of them may be lost. */
  readonly nodes: 1 | 4;
  readonly buckets: readonly BucketSpec[];
  /** The name under which visitors reach it with addresses that were signed. */
  readonly publicHost?: string;
}

/** A database, cache or store that stands elsewhere and is somebody else's. */
export interface ExternalSpec {
  readonly name: string;
  readonly kind: Exclude<Use['kind'], 'analytics'>;
  readonly engine: string;
  readonly host: string;
  readonly port: number;
  readonly tls: 'off' | 'require' | 'verify';
  /** Account there. */
  readonly user: string;
  /** For a database. */
  readonly database: string;
  /** For a store. */
  readonly buckets: readonly { readonly name: string }[];
  readonly region: string;
}

interface EdgeSpec {
  readonly http: number;
  readonly https: number;
  /** Connections that one client address may hold. */
  readonly connections: number;
  readonly hsts: boolean;
  /** Addresses and subnets whose word on the address of a visitor is taken. */
  readonly trustedProxies: readonly string[];
  readonly proxyProtocol: boolean;
}

/** How a request reaches a site in a cluster: by Berth's edge (the first three), or by what the cluster has for it. */
type Exposure = 'loadBalancer' | 'nodePort' | 'hostPort' | 'gateway' | 'ingress';

export interface KubernetesSpec {
  readonly namespace: string;
  /** Minor number of the oldest version that must do: 30 for 1.30. */
  readonly minor: number;
  readonly clusterDomain: string;
  readonly expose: Exposure;
  /** GatewayClass or IngressClass; given for those two. */
  readonly className?: string;
  /** Where that controller runs; without it any namespace may reach the applications. */
  readonly controllerNamespace?: string;
  readonly nodePorts?: { readonly http: number; readonly https: number };
  readonly storageClass?: string;
  /** Where the operators of databases run. */
  readonly operatorNamespace: string;
  readonly certificate: 'own' | 'cert-manager';
  /** Secrets that somebody else manages, by service (or `tls`). */
  readonly existingSecrets: Readonly<Record<string, string>>;
  /** A Secret of type dockerconfigjson in the namespace, for a registry that wants credentials. */
  readonly pullSecret?: string;
}

/** How much of one kind is kept. */
export type KeepSpec = 'forever' | { readonly [rule in 'last' | 'days' | 'daily' | 'weekly' | 'monthly']?: number | undefined };

interface FilesBackupSpec {
  /** When to look whether something changed. */
  readonly schedule: string;
  readonly keep: KeepSpec;
  /** Names; without them all that are there. */
  readonly recipients?: readonly string[];
}

interface BackupBucketSpec {
  readonly endpoint: string;
  readonly name: string;
  readonly accessKey: string;
  readonly region: string;
  readonly addressing: 'path' | 'host';
  readonly ca?: string;
  /** For how many days nobody can remove what is written. */
  readonly lock?: { readonly days: number; readonly mode: 'governance' | 'compliance' };
}

export interface BackupPlaceSpec {
  readonly store: { readonly folder: string } | { readonly bucket: BackupBucketSpec };
  readonly lease: 'store' | 'file';
}

export interface BackupsSpec extends BackupPlaceSpec {
  /** A second place, to which all that is made is copied. */
  readonly offsite?: BackupPlaceSpec & { readonly schedule: string };
  /** How the data are encrypted. */
  readonly suite: SuiteName;
  readonly timeZone: string;
  readonly configuration: FilesBackupSpec;
  readonly secrets: FilesBackupSpec;
  /** Of each database that Berth can copy; none of them without it. */
  readonly databases?: FilesBackupSpec & {
    readonly prove: string;
    readonly rpo: Seconds;
    /** When what changed since the newest backup is copied; without it each is a full one. */
    readonly increments?: string;
    /** Of the volume by which a SQL Server hands its backups on. */
    readonly storageClass?: string;
  };
  /** Of each bucket, or of those that are named as `STORE.BUCKET`; of none without it. */
  readonly buckets?: FilesBackupSpec & { readonly prove: string; readonly names?: readonly string[] };
  /** Of each cache whose data are on disk; of none without it. */
  readonly caches?: FilesBackupSpec;
  /** Of each volume that services share; of none without it. */
  readonly volumes?: FilesBackupSpec;
  /** Drills at set times: with which key of this host, and after how many days without one that passed it is said. */
  readonly drill?: { readonly key: string; readonly schedule: string; readonly every: number; readonly tight: boolean };
  /** For the agent of buckets, caches and volumes, in place of that of a database. */
  readonly image?: string;
  /** As whom agents run, who then own the folder of backups, where it is not whom the image of the database runs as: `1000:1000`. */
  readonly user?: string;
  readonly verify: string;
  readonly prune: string;
}

/** What the operator asked for, with every default filled in; the written form is `WrittenSpec`. */
export interface StackSpec {
  readonly name: string;
  readonly profile: ProfileName;
  readonly target: Target;
  readonly domain: string;
  /** `undefined` when the spec was written without a machine in mind: the profile is then taken as it is. */
  readonly host: HostFacts | undefined;
  /** First address of the site's 1024, `10.201.4.0`. */
  readonly network: string;
  readonly services: readonly AppSpec[];
  readonly databases: readonly DatabaseSpec[];
  readonly caches: readonly CacheSpec[];
  readonly stores: readonly StoreSpec[];
  readonly externals: readonly ExternalSpec[];
  readonly volumes: readonly VolumeSpec[];
  /** Certificates of authorities that every service trusts. */
  readonly trust: readonly { readonly name: string; readonly certificates: readonly string[] }[];
  /** Whether databases, caches and stores of the site are spoken to by TLS alone. */
  readonly internalTls: boolean;
  readonly proxy?: Place & { readonly except: readonly string[] };
  readonly registry?: string;
  readonly edge: EdgeSpec;
  /** Without it nothing is copied anywhere. */
  readonly backups?: BackupsSpec;
  /** What nothing acts on yet, as it was written. */
  readonly operations?: Operations;
  readonly kubernetes: KubernetesSpec;
}
