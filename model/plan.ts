import type { CatalogueImage } from './image-catalogue.ts';
import type { Release, Slot } from './release.ts';
import type { RuntimeConfig } from './runtime-config.ts';
import type { SecretRef } from './secret.ts';
import type {
  BucketSpec,
  CacheEngineName,
  DatabaseEngineName,
  DatabaseOperator,
  HostFacts,
  KubernetesSpec,
  ProfileName,
  Route,
  Scaling,
  Schedule,
  StoreEngineName,
  Target,
} from './stack-spec.ts';
import type { MiB, MilliCpu, Seconds } from './units.ts';

/** A number or name that was decided, with everything needed to doubt it. */
export interface Decision {
  /** `database.shared_buffers`: the service, then the field's own name for the setting. */
  readonly key: string;
  /** As it is written where it ends up: `1408MB`. */
  readonly value: string;
  readonly formula: string;
  readonly inputs: Readonly<Record<string, string>>;
  /** Where the formula or the number comes from. */
  readonly source: string;
  /** What the operator would change to change it. */
  readonly change: string;
}

export type Role = 'edge' | 'app' | 'database' | 'cache' | 'storage' | 'agent' | 'task';

/** What one container of a service may use. */
export interface Size {
  readonly memory: MiB;
  /** Most it may use when the others are idle. Never above the host's. */
  readonly cpu: MilliCpu;
  /** What it gets when all want some; the sum stays within the host. */
  readonly cpuShare: MilliCpu;
  readonly pids: number;
}

/** A text made of plain pieces and secrets: `['postgres://app:', {secret: 'database-app'}, '@database:5432/app']`. */
export type SecretText = readonly (string | SecretRef)[];

/** How a file of the ledger is made from a secret. */
export type SecretForm = 'plain' | 'scram-sha-256' | 'pgbouncer-user' | 'sha256' | 'caching-sha2' | 'mysql-native' | 'mssql';

/**
 * Of a secret whose version before may count beside it: that version, or the one that opens this login. What does not count gives no text.
 */
export type SecretVersion = 'before' | 'first' | 'second';

/** A secret that Berth draws, or that the operator supplies. `name` is its key in the ledger. */
export interface PlannedSecret {
  readonly name: string;
  readonly length: number;
  /** It comes from a file of the operator; by variable it may hold what an env file can. */
  readonly supplied?: 'env' | 'file';
  /** What it opens, for the runbook. */
  readonly purpose: string;
  /** It is no text but a private key of this kind, in PEM. */
  readonly key?: 'ed25519';
  /** After a rotation the version before counts as well, until it is retired. */
  readonly overlaps?: true;
  /** Berth's own runtime reads it, and no service does. */
  readonly runtime?: boolean;
}

interface SecretPiece {
  readonly secret: string;
  readonly form: SecretForm;
  readonly account?: string;
  /** The one in force, when absent. */
  readonly version?: SecretVersion;
}

/** Of the certificate that a service serves with, the chain up to the authority or the key; or the certificate of the authority. */
export type CertificatePiece = { readonly server: string; readonly part: 'chain' | 'key' } | { readonly part: 'authority' };

/** A file in secrets/, made of secrets and mounted at `/run/secrets/<name>`. */
export interface SecretFile {
  readonly name: string;
  readonly text: readonly (string | SecretPiece | CertificatePiece)[];
  /** Ledger names it is made of: their versions enter the config hash. {@link beforeOf} of a name where it changes when that one is retired. */
  readonly of: readonly string[];
}

/** Stands for the version before the one in force. */
export const beforeOf = (secret: string): string => `${secret}:before`;

interface Healthcheck {
  readonly argv: readonly [string, ...string[]];
  readonly interval: Seconds;
  readonly timeout: Seconds;
  readonly retries: number;
  readonly startPeriod: Seconds;
}

/** One question to a container whether it does its work. */
export type ProbeAction =
  | { readonly http: { readonly path: string; readonly port: number; readonly tls?: true } }
  | { readonly tcp: number }
  | { readonly argv: readonly [string, ...string[]] };

/**
 * How an orchestrator asks that can tell "send me no traffic" from "start me anew"; Compose knows the one health check.
 * `live` looks at the process alone: restarting it because something else is down would only make things worse.
 */
interface Probes {
  readonly ready: ProbeAction;
  readonly live: ProbeAction;
}

/**
 * A short step beside an application in a cluster. Most wait until what a task prepares is there, give up after three minutes and let it start,
 * as it says itself what it misses. Compose waits for the task instead.
 */
export interface Gate {
  readonly name: string;
  /** A catalogue key. */
  readonly image: string;
  readonly user: string;
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string>>;
  readonly secretEnv: Readonly<Record<string, SecretText>>;
  readonly size: Size;
  /** A folder that it fills and its container reads, which has this place in both. */
  readonly fills?: { readonly here: string; readonly size: MiB };
  /** Whether it has the volumes of its container, where that has them. */
  readonly sharesVolumes?: true;
  /** Whether it speaks TLS to a server of the site: its container has the authorities to trust, and it gets them as well. */
  readonly trustsSite?: true;
}

/** A task that stands in both slots as its application does. The image of one slot at most brings the schema, and that slot does not start before it has ended well. */
interface Migration {
  readonly task: string;
  /** In a cluster: the slot, and what waits there until the database says that it has ended well. */
  readonly waits?: { readonly slot: Slot; readonly gate: Gate };
}

export type NetworkName = 'edge' | 'app' | 'data' | 'egress';

interface Mount {
  /** Folder of the site, `config/database`. */
  readonly source: string;
  readonly target: string;
  /** Where it is not what Berth has rendered: a copy of Berth itself, a file of the operator in the site, or a folder of the host, which is written to. */
  readonly from?: 'berth' | 'operator' | 'host';
  /** Whether a change of its content must recreate the container; false for what is read anew while running. */
  readonly restarts: boolean;
  /** Of a folder with keys of the runtime: its files, and the secret of the ledger that each holds. */
  readonly keys?: Readonly<Record<string, string>>;
}

export interface Volume {
  readonly name: string;
  readonly target: string;
  /** What the plan counts on for it. */
  readonly size: MiB;
  readonly holds: string;
}

/** Files that applications share and keep. */
export interface SharedVolume {
  /** `uploads-volume`: the volume of Docker, or the claim. */
  readonly name: string;
  readonly size: MiB;
  readonly holds: string;
  /** Whether a single pod at a time mounts it, and so any volume will do. */
  readonly alone: boolean;
  readonly storageClass?: string;
}

export interface Dependency {
  readonly service: string;
  readonly condition: 'service_healthy' | 'service_completed_successfully';
  /** false: only the order counts, not the success. */
  readonly required: boolean;
}

/** One service, neutral to its target. */
export interface PlannedService {
  readonly name: string;
  readonly role: Role;
  /** One sentence for the reader of a generated file. */
  readonly title: string;
  /** `server` runs for ever; `task` runs to its end on every start and changes nothing when nothing is to do; `job` runs at set times. */
  readonly kind: 'server' | 'task' | 'job';
  /** A catalogue key or, for an app, its reference. */
  readonly image: string;
  readonly build?: string;
  /** What is served over HTTP stands twice, once a slot, and so do its migrations. */
  readonly slotted: boolean;
  /** Of a job. */
  readonly schedule?: Schedule;
  /** What brings the schema to the image of a slot, before that slot starts. */
  readonly migration?: Migration;
  /** Runs once the container has ended well; a cluster alone asks for it. */
  readonly finish?: Gate;
  /** Of a task or a job: it is stopped when it runs for longer. */
  readonly deadline?: Seconds;
  readonly replicas: number;
  readonly size: Size;
  readonly user: string;
  /** What its image cannot do without, beyond what every container has, and why. */
  readonly loosened?: { readonly capability: 'NET_BIND_SERVICE'; readonly imageGroup: number; readonly because: string };
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Variables that carry secrets, delivered by an env file. */
  readonly secretEnv: Readonly<Record<string, SecretText>>;
  readonly secretFiles: readonly string[];
  readonly mounts: readonly Mount[];
  readonly volumes: readonly Volume[];
  /** Of {@link Plan.volumes}, those that it mounts. */
  readonly shared?: readonly { readonly name: string; readonly target: string; readonly readOnly: boolean }[];
  readonly tmpfs: readonly { readonly path: string; readonly size: MiB; readonly mode: string }[];
  readonly shm?: MiB;
  readonly nofile?: number;
  readonly port?: number;
  readonly ports: readonly { readonly published: number; readonly target: number }[];
  readonly healthcheck?: Healthcheck;
  readonly probes?: Probes;
  /** Services of the site that it opens connections to, and the port there. */
  readonly connects: readonly { readonly service: string; readonly port: number }[];
  /** Whether it may open connections to any address. */
  readonly egress?: boolean;
  /** What it may do in a cluster, with a token of its own; nothing when absent. */
  readonly rights?: readonly {
    readonly group: string;
    readonly resource: string;
    readonly names: readonly string[];
    readonly verbs: readonly string[];
  }[];
  /** Servers of somebody else that it opens connections to. */
  readonly outside?: readonly { readonly host: string; readonly port: number }[];
  readonly gates: readonly Gate[];
  /** Its replicas are members of one whole, start at once and speak to each other. `apart`: each needs a node of its own; `rather-apart`: where the cluster has that many. */
  readonly peers?: 'apart' | 'rather-apart';
  /** It and others with the same word here are one whole: while a node is drained, one pod of all of them at a time may be missing. */
  readonly whole?: string;
  /** Where its members speak to each other, and only whoever connects to it by this port. */
  readonly peerPort?: number;
  /** The name of the whole leads to any of them. */
  readonly anyOfWhole?: true;
  /** It is known to others by the name of its container, on Compose too. */
  readonly hostname?: true;
  /** The service whose data it copies and only reads: the two had rather not share a node. */
  readonly replicaOf?: string;
  /** The database whose connections it hands on. */
  readonly poolOf?: string;
  /** In a cluster an operator runs it, by a custom resource in place of a StatefulSet. */
  readonly operator?: {
    readonly name: DatabaseOperator;
    readonly database: string;
    readonly owner: string;
    /** Accounts that it makes: each by a Secret of this name, with a password of the ledger. */
    readonly logins: Readonly<Record<'superuser' | 'owner', { readonly secret: string; readonly user: string; readonly password: string }>>;
  };
  readonly scaling?: Scaling;
  readonly stopSignal?: string;
  readonly stopGrace: Seconds;
  readonly networks: readonly NetworkName[];
  readonly after: readonly Dependency[];
}

/** Every step that stands beside the container of a service in a cluster: each has keys of its own in the Secret. */
export const stepsOf = ({ gates, migration, finish }: Pick<PlannedService, 'gates' | 'migration' | 'finish'>): readonly Gate[] => [
  ...gates,
  ...(migration?.waits ? [migration.waits.gate] : []),
  ...(finish ? [finish] : []),
];

/** A setting inside an engine, in the order it is written. */
export interface EngineSetting {
  readonly name: string;
  readonly value: string;
  /** One line above it in the file. */
  readonly because: string;
}

export interface DatabasePlan {
  readonly service: string;
  /** It takes no connection from elsewhere without TLS. */
  readonly tls?: true;
  readonly engine: DatabaseEngineName;
  readonly database: string;
  readonly account: string;
  /** Of PostgreSQL: a member of the account, which the application uses in turn with it. */
  readonly secondLogin?: string;
  readonly settings: readonly EngineSetting[];
  /** Addresses that may log in, as the engine writes them: a subnet, or all of them where only the network knows them. */
  readonly clients: string;
  readonly replicas: readonly ReplicaPlan[];
  /** Whether an agent logs in to copy it. */
  readonly backedUp?: true;
  /** Who runs it in place of Berth's own workload. */
  readonly operator?: DatabaseOperator;
  /** Of PostgreSQL: the pool of connections before it. */
  readonly pooler?: PoolerPlan;
  /** Of PostgreSQL: what the accounts one-shot creates in the database. */
  readonly extensions?: readonly string[];
  /** Most that its binary logs may take of its disk, where no setting of the server says so. */
  readonly logBound?: MiB;
  /** Of MongoDB: host and port of each member, under which its replica set tells clients of it; the first begins the set. */
  readonly members?: readonly string[];
}

/** A server that follows the primary and answers what only reads. */
export interface ReplicaPlan {
  readonly service: string;
  /** Of PostgreSQL: what its way to the primary has beside address and account, as it follows them. */
  readonly reached?: string;
  /** For long queries of a few services alone. */
  readonly analytics?: true;
  /** Of PostgreSQL: by it the primary knows which log is still needed. */
  readonly slot?: string;
  /** Of MySQL and MariaDB, by which they tell each other apart. */
  readonly serverId?: number;
  readonly settings: readonly EngineSetting[];
}

/** What hands on the connections of applications. */
export interface PoolerPlan {
  readonly service: string;
  /** It speaks TLS to both sides. */
  readonly tls?: true;
  readonly settings: readonly EngineSetting[];
  readonly usersFile: string;
  /** Whose address it must not miss: without it nothing is written. */
  readonly primary: string;
  /** Under which name clients ask for which server. */
  readonly targets: readonly { readonly name: string; readonly host: string; readonly port: number; readonly database: string }[];
}

export interface CachePlan {
  /** It takes no connection without TLS. */
  readonly tls?: true;
  /** In the spec, and of its secrets. */
  readonly cache: string;
  /** Folder of its settings; the service that has them, or the name that several have in common. */
  readonly service: string;
  readonly engine: CacheEngineName;
  readonly settings: readonly EngineSetting[];
  /** The services that run with these settings. */
  readonly members: readonly string[];
  readonly sentinel?: SentinelPlan;
  readonly cluster?: CacheClusterPlan;
}

/** Nodes that divide the keys among them. */
export interface CacheClusterPlan {
  /** Under these they know each other and clients know them, by who holds the same keys. */
  readonly shards: readonly (readonly string[])[];
  /** Whether a node that starts anew has forgotten everything. */
  readonly forgets: boolean;
}

/** Three nodes, three that watch over them, and what leads clients to the one that is written to. */
export interface SentinelPlan {
  /** Folder of the settings of those who watch. */
  readonly service: string;
  readonly settings: readonly EngineSetting[];
  readonly quorum: number;
  /** Under these they know each other: names with which any container of the site reaches them. */
  readonly nodes: readonly string[];
  readonly sentinels: readonly string[];
  /** What a container appends to its own name to get one of these. */
  readonly nodeSuffix: string;
  readonly sentinelSuffix: string;
  /** Whether a node that starts anew has forgotten everything. */
  readonly forgets: boolean;
  readonly proxy?: ProxyPlan;
}

export interface ProxyPlan {
  readonly service: string;
  readonly connections: number;
  readonly threads: number;
}

export interface StorePlan {
  readonly service: string;
  readonly engine: StoreEngineName;
  /** Who may do everything there. */
  readonly administrator: string;
  /** It takes no connection without TLS. */
  readonly tls?: true;
  readonly account: string;
  readonly buckets: readonly BucketSpec[];
  /** Who copies it, and which of its buckets: without any, nobody does. */
  readonly backup: { readonly account: string; readonly buckets: readonly string[] };
}

export interface EdgePlan {
  readonly domain: string;
  readonly workers: number;
  readonly connections: number;
  readonly nofile: number;
  readonly perAddress: number;
  readonly hsts: boolean;
  readonly trustedProxies: readonly string[];
  /** Where its health check asks, when nobody but a proxy can speak to its other ports. */
  readonly proxyProtocol?: { readonly healthPort: number };
  readonly httpsPort: number;
  /** Addresses, beside its own, that may ask for a slot by name; on Compose the network of the edge, from whose gateway the host comes. */
  readonly operators: readonly string[];
  /** What is appended to the name of a service to look it up: nothing on Compose. */
  readonly hostSuffix: string;
  /** Directive that names the DNS server, or the file that does. */
  readonly resolver: { readonly address: string } | { readonly file: string };
  /** Replicas that are tried before a request is given up; only such as could not be reached. */
  readonly tries: number;
  readonly apps: readonly { readonly service: string; readonly port: number; readonly routes: readonly Route[] }[];
  /** Stores that visitors reach under a name of their own, and of them only these buckets. */
  readonly stores: readonly {
    readonly service: string;
    readonly port: number;
    readonly host: string;
    readonly buckets: readonly string[];
    readonly tls?: true;
  }[];
}

/** Every name that visitors type: the domain, and those of stores. */
export const hostsOf = ({ edge }: Pick<Plan, 'edge'>): readonly string[] => [edge.domain, ...edge.stores.map(({ host }) => host)];

export interface MemoryBudget {
  readonly host: MiB;
  readonly reserve: MiB;
  readonly rows: readonly { readonly name: string; readonly each: MiB; readonly count: number; readonly wanted: MiB }[];
  readonly sum: MiB;
}

/** What one pod of a service has beside its container's size. */
export interface PodPlan {
  /** Pause before the stop signal, until nobody sends requests here any more. */
  readonly preStop: Seconds;
  /** From the request to stop until it is killed; the pause included. */
  readonly grace: Seconds;
  readonly startup: ProbeTiming;
  readonly readiness: ProbeTiming;
  readonly liveness: ProbeTiming;
  readonly ephemeralStorage: MiB;
  readonly priority: 'data' | 'edge' | 'app';
  readonly namespace: string;
}

interface ProbeTiming {
  readonly period: Seconds;
  readonly timeout: Seconds;
  readonly failures: number;
}

/** What only a cluster asks for. */
export interface KubernetesPlan extends KubernetesSpec {
  /** Where the edge stands: the site's namespace, unless it needs ports of the nodes, which Pod Security forbids there. */
  readonly edgeNamespace: string;
  readonly pods: ReadonlyMap<string, PodPlan>;
  /** All that the site may ask for at once: its pods at their most, one more of each while it is replaced, and the room kept for the agent. */
  readonly quota: ReadonlyMap<string, Quota>;
  /** What a container gets that asks for nothing, and the most that any may have. */
  readonly largest: { readonly cpu: MilliCpu; readonly memory: MiB; readonly ephemeralStorage: MiB };
}

interface Quota {
  readonly pods: number;
  readonly requestsCpu: MilliCpu;
  readonly limitsCpu: MilliCpu;
  readonly memory: MiB;
  readonly ephemeralStorage: MiB;
  readonly claims: number;
  readonly storage: MiB;
  readonly loadBalancers: number;
  readonly nodePorts: number;
}

/** A certificate of the site: of one server, or of several that are alike and share their settings. */
export interface ServerNames {
  readonly service: string;
  readonly names: readonly string[];
  /** It shows its certificate as a client as well: servers of its kind ask each other for one. */
  readonly mutual?: true;
}

/** Everything decided. Renderers format it; nothing downstream chooses a number or a name. */
export interface Plan {
  readonly name: string;
  readonly target: Target;
  readonly profile: ProfileName;
  readonly domain: string;
  readonly host: HostFacts | undefined;
  readonly network: Readonly<Record<NetworkName, string>>;
  readonly services: readonly PlannedService[];
  readonly edge: EdgePlan;
  readonly databases: readonly DatabasePlan[];
  readonly caches: readonly CachePlan[];
  readonly stores: readonly StorePlan[];
  readonly volumes: readonly SharedVolume[];
  /** Authorities that every application trusts, as PEM text; nothing when the spec names none. */
  readonly trust: string;
  /** Where the images of the catalogue come from, when not from their makers. */
  readonly registry?: string;
  /** Services that speak TLS with a certificate of the site's own authority, and the names that it is for. */
  readonly servers: readonly ServerNames[];
  readonly secrets: readonly PlannedSecret[];
  readonly secretFiles: readonly SecretFile[];
  readonly release: Release;
  readonly budget: MemoryBudget;
  readonly disk: readonly { readonly name: string; readonly size: MiB; readonly because: string }[];
  readonly decisions: readonly Decision[];
  readonly images: readonly (CatalogueImage & { readonly key: string; readonly usedBy: readonly string[] })[];
  readonly runtime: RuntimeConfig;
  /** What each agent in a container does. */
  readonly agents: readonly { readonly service: string; readonly config: RuntimeConfig }[];
  /** A drill at set times: by which key of this host, and within how many days one has to pass; `tight` where it may take what is not free. */
  readonly drill?: {
    readonly cron: string;
    readonly timeZone: string;
    readonly key: string;
    readonly every: number;
    readonly tight: boolean;
  };
  /** For the target kubernetes. */
  readonly kubernetes?: KubernetesPlan;
  /** What a careful reader must know: what was scaled, what the profile asks for and is not there yet, frozen images. */
  readonly notes: readonly string[];
}
