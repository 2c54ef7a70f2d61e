import type { Slot } from './release.ts';
import type { DatabaseOperator } from './database-spec.ts';
import type { Scaling } from './app-spec.ts';
import type { Loosened } from './loosened.ts';
import type { Schedule } from './schedule.ts';
import type { MiB, MilliCpu, Seconds } from './units.ts';
import type { SecretText } from './planned-secret.ts';

export type Role = 'edge' | 'app' | 'database' | 'cache' | 'storage' | 'agent' | 'relay' | 'task';

/** What one container of a service may use. */
export interface Size {
  readonly memory: MiB;
  /** Most it may use when the others are idle. Never above the host's. */
  readonly cpu: MilliCpu;
  /** What it gets when all want some; the sum stays within the host. */
  readonly cpuShare: MilliCpu;
  readonly pids: number;
}

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
 * as it says itself what it misses; those of migrations go on waiting. Compose waits for the task instead.
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

/** `egress-web`: between a service that may reach few places and the relay that leads there. */
export type WayName = `egress-${string}`;
export type NetworkName = 'edge' | 'app' | 'data' | 'egress' | WayName;

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
  /** What of the hardening it does without; never empty. */
  readonly loosened?: readonly Loosened[];
  /** The group that its image gives its folders to, where that is not its own. */
  readonly imageGroup?: number;
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
  /** On one host: places outside by the names that it knows them by, which lead to a relay. */
  readonly through?: { readonly relay: string; readonly names: readonly string[] };
  /** Addresses that it has whenever it runs, by network: others are told them. */
  readonly addresses?: Readonly<Record<WayName, string>>;
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

/** Whether it speaks to the API server of its cluster, whose address no policy can know by name. */
export const callsApi = ({ rights, operator }: Pick<PlannedService, 'rights' | 'operator'>): boolean =>
  rights !== undefined || operator !== undefined;
