import type { MiB, MilliCpu, Seconds } from './units.ts';

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
  readonly burst: number;
}

export interface Route {
  readonly path: string;
  readonly rateLimit?: RateLimit;
  readonly body: MiB;
  readonly timeout: Seconds;
  readonly stream: boolean;
}

interface DrawnSecret {
  readonly name: string;
  readonly length: number;
  readonly deliver: 'env' | 'file';
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
}

/** One connection of an application to a database, cache or store of the stack. */
export interface Use {
  readonly service: string;
  readonly kind: 'database' | 'cache' | 'store';
  /** The variable that carries the address; for a store the prefix. */
  readonly variable: string;
}

export interface AppSpec extends FixedSize {
  readonly name: string;
  readonly image: string;
  readonly build?: string;
  readonly port: number;
  readonly runtime: 'node' | 'other';
  readonly user: string;
  readonly replicas?: number;
  readonly pool?: number;
  readonly scaling?: Scaling;
  readonly routes: readonly Route[];
  readonly live: string;
  readonly ready: string;
  readonly stopGrace: Seconds;
  readonly uses: readonly Use[];
  readonly env: Readonly<Record<string, string>>;
  readonly secrets: readonly DrawnSecret[];
  readonly writable: readonly string[];
  readonly egress: boolean;
}

export type DatabaseEngineName = 'postgres' | 'mysql' | 'mariadb';

export interface DatabaseSpec extends FixedState {
  readonly name: string;
  readonly engine: DatabaseEngineName;
  /** Name of the database and of the account that owns it. */
  readonly database: string;
}

export interface CacheSpec extends FixedState {
  readonly name: string;
  readonly engine: 'valkey';
  readonly use: 'cache' | 'sessions' | 'queue';
}

export interface StoreSpec extends FixedState {
  readonly name: string;
  readonly engine: 'minio';
  /** One, or four that hold each object in parts: two of them may be lost. */
  readonly nodes: 1 | 4;
  readonly buckets: readonly { readonly name: string; readonly versioning: boolean }[];
}

interface EdgeSpec {
  readonly http: number;
  readonly https: number;
  /** Connections that one client address may hold. */
  readonly connections: number;
  readonly hsts: boolean;
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
  readonly certificate: 'own' | 'cert-manager';
  /** Secrets that somebody else manages, by service (or `tls`). */
  readonly existingSecrets: Readonly<Record<string, string>>;
  /** A Secret of type dockerconfigjson in the namespace, for a registry that wants credentials. */
  readonly pullSecret?: string;
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
  readonly edge: EdgeSpec;
  readonly kubernetes: KubernetesSpec;
}
