import { authorityFile } from '../../../model/internal-tls.ts';
import type { Decision } from '../../../model/decision.ts';
import type { Gate, PlannedService, Size } from '../../../model/planned-service.ts';
import type { SecretFile } from '../../../model/planned-secret.ts';
import type { StorePlan } from '../../../model/store-plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import type { StoreSpec } from '../../../model/store-spec.ts';
import { seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';

/** What one store is planned from. */
export interface StoreInput {
  readonly store: StoreSpec;
  readonly spec: StackSpec;
  readonly size: Size;
  readonly disk: MiB;
  /** Of the task that makes its buckets. */
  readonly task: Size;
  readonly image: { readonly user: string };
  /** Buckets that an agent reads. */
  readonly copied: readonly string[];
}

export interface PlannedStore {
  readonly service: PlannedService;
  /** The task that makes its buckets and accounts. */
  readonly buckets: PlannedService;
  readonly plan: StorePlan;
  readonly decisions: readonly Decision[];
}

/** What Berth knows of an engine that `stores.*.engine` may name. */
export interface StoreEngine {
  /** Key in images.yaml: of the server, and of whatever asks it. */
  readonly image: string;
  readonly port: number;
  readonly region: string;
  readonly demand: (store: StoreSpec, profile: HardwareProfile) => Demand;
  readonly plan: (input: StoreInput) => PlannedStore;
  /** The files that bring it its accounts. */
  readonly secretFiles: (store: StoreSpec, spec: StackSpec, copied: readonly string[]) => readonly SecretFile[];
  /** How an application finds out that its buckets are there and let it in. */
  readonly asks: (
    store: StoreSpec,
    spec: StackSpec,
  ) => Pick<Gate, 'env' | 'secretEnv'> & {
    /** A command of the shell that ends with 0 when they do. */
    readonly attempt: string;
  };
}

/** `https://files.example.com:8443`, as browsers write it. */
export const originOf = ({ target, edge }: StackSpec, host: string): string =>
  `https://${host}${target === 'kubernetes' || edge.https === 443 ? '' : `:${edge.https}`}`;

/** Whoever may do everything at a store of the site. */
export const administrator = 'berth-root';

/** The application's account. MinIO wants three characters at least, and another name than its administrator's, which the name of a site alone does not promise. */
export const accountOf = (spec: StackSpec): string => `${spec.name}-app`;

/** The account that copies its buckets: it may list and read them, and nothing else. */
export const backupAccountOf = (spec: StackSpec): string => `${spec.name}-backup`;

export type Spoken = Pick<StackSpec, 'internalTls'>;
export const schemeOf = ({ internalTls }: Spoken): 'http' | 'https' => (internalTls ? 'https' : 'http');

/** Whom programs in Go trust: they read this file beside the folder of the system. */
export const trustOfGo = ({ internalTls }: Spoken): Readonly<Record<string, string>> =>
  internalTls ? { SSL_CERT_FILE: authorityFile } : {};

/** Programs in Go start as many working threads as the host has CPUs, whatever their limit. */
export const threadsOf = (size: Size): string => String(Math.ceil(size.cpu / 1000));

/** Why a program in Go gets that many. */
export const threadsDecision = (name: string, size: Size): Decision => ({
  key: `${name}.GOMAXPROCS`,
  value: threadsOf(size),
  formula: '⌈CPU limit⌉',
  inputs: { 'CPU limit': String(size.cpu / 1000) },
  source: 'Go runtime: without it as many threads work as the host has CPUs, and the limit stops them all',
  change: `stores.${name}.cpu in berth.yaml, or the profile`,
});

type Common<K extends keyof PlannedService> = Pick<PlannedService, K>;

/** What every server of a store is planned with, whatever its engine. */
export const serverOf = (
  store: StoreSpec,
  size: Size,
  image: StoreInput['image'],
): Common<
  | 'after'
  | 'gates'
  | 'kind'
  | 'name'
  | 'networks'
  | 'nofile'
  | 'ports'
  | 'replicas'
  | 'role'
  | 'secretEnv'
  | 'size'
  | 'slotted'
  | 'stopGrace'
  | 'stopSignal'
  | 'user'
> => ({
  name: store.name,
  role: 'storage',
  kind: 'server',
  slotted: false,
  replicas: store.nodes,
  size,
  user: image.user,
  secretEnv: {},
  nofile: 16_384,
  ports: [],
  gates: [],
  stopSignal: 'SIGTERM',
  stopGrace: seconds(60),
  // The edge is not let into the network of the databases.
  networks: store.publicHost === undefined ? ['data'] : ['data', 'app'],
  after: [],
});

/** What every task that makes buckets is planned with. */
export const bucketsOf = (
  store: StoreSpec,
  task: Size,
  image: StoreInput['image'],
): Common<
  | 'after'
  | 'entrypoint'
  | 'gates'
  | 'kind'
  | 'mounts'
  | 'name'
  | 'networks'
  | 'ports'
  | 'replicas'
  | 'role'
  | 'secretEnv'
  | 'size'
  | 'slotted'
  | 'stopGrace'
  | 'title'
  | 'user'
  | 'volumes'
> => ({
  name: `${store.name}-buckets`,
  role: 'task',
  title: `creates and reconciles the buckets and the accounts of ${store.name}; changes nothing when nothing is to do`,
  kind: 'task',
  slotted: false,
  replicas: 1,
  size: task,
  user: image.user,
  entrypoint: ['/bin/sh', '/etc/berth/buckets/buckets.sh'],
  secretEnv: {},
  mounts: [{ source: `config/${store.name}-buckets`, target: '/etc/berth/buckets', restarts: true }],
  volumes: [],
  ports: [],
  gates: [],
  stopGrace: seconds(10),
  networks: ['data'],
  after: [],
});
