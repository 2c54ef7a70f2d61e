import type { MiB, MilliCpu, Seconds } from './units.ts';

/** What could not be read, mostly because the caller may not. It is never taken for a yes or a no. */
type Unknown = 'unknown';
export type Maybe<T> = T | Unknown;

/** What pods ask for, or nodes have. */
export interface Room {
  readonly cpu: MilliCpu;
  readonly memory: MiB;
  readonly pods: number;
}

export interface NodeFacts {
  readonly name: string;
  readonly ready: boolean;
  /** Cordoned. */
  readonly unschedulable: boolean;
  /** `key=value:Effect`, or `key:Effect`; only those that keep pods away. */
  readonly taints: readonly string[];
  readonly allocatable: Room;
  /** What pods of others ask for there; the site's own are not counted, since they make room for themselves. */
  readonly requested: Maybe<Room>;
  readonly zone?: string;
}

export interface StorageClassFacts {
  readonly name: string;
  readonly default: boolean;
  readonly provisioner: string;
  readonly volumeBindingMode: string;
  readonly allowVolumeExpansion: boolean;
  readonly reclaimPolicy: string;
}

/** An IngressClass or GatewayClass. */
export interface EdgeClassFacts {
  readonly name: string;
  readonly controller: string;
  /** Whether its controller has taken it; an ingress class does not say. */
  readonly accepted: Maybe<boolean>;
}

/** A version of an API group; the core group is ''. */
export interface ApiFacts {
  readonly group: string;
  readonly version: string;
  /** Looked up only for what a plan needs. */
  readonly kinds: Maybe<readonly string[]>;
}

/** An API that another server answers for; that server may be down. */
export type Aggregated = 'served' | 'absent' | 'down' | Unknown;

export interface QuotaFacts {
  readonly name: string;
  /** As the cluster writes them, `requests.cpu` → thousandths, memory and storage → MiB, counts as they are. */
  readonly hard: Readonly<Record<string, number>>;
  readonly used: Readonly<Record<string, number>>;
}

export interface NamespaceFacts {
  readonly name: string;
  readonly exists: Maybe<boolean>;
  /** The level that Pod Security enforces there, by its label. */
  readonly podSecurity?: string;
  /** Berth's own quota is none of these. */
  readonly quotas: Maybe<readonly QuotaFacts[]>;
  /** What the site itself uses there already, in the words of a quota. */
  readonly own: Readonly<Record<string, number>>;
}

/** A thing that one may do to a kind of object; without a namespace, in the whole cluster. */
export interface Right {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace?: string;
}

/** What came of trying something in the cluster. `detail` is what the cluster said. */
export interface ProbeOutcome {
  readonly outcome: 'done' | 'failed' | Unknown;
  readonly detail: string;
}

export interface ClusterFacts {
  /** Its address, without anything secret. */
  readonly server: string;
  readonly version: { readonly major: number; readonly minor: number; readonly text: string };
  readonly nodes: Maybe<readonly NodeFacts[]>;
  readonly storageClasses: Maybe<readonly StorageClassFacts[]>;
  readonly apis: Maybe<readonly ApiFacts[]>;
  readonly metrics: Aggregated;
  readonly externalMetrics: Aggregated;
  readonly gatewayApi: Maybe<boolean>;
  readonly certManager: Maybe<boolean>;
  readonly cloudNativePg: Maybe<boolean>;
  readonly ingressClasses: Maybe<readonly EdgeClassFacts[]>;
  readonly gatewayClasses: Maybe<readonly EdgeClassFacts[]>;
  /** Whether NetworkPolicies have an effect, as far as the network's name tells, and that name. */
  readonly networkPolicies: { readonly enforced: Maybe<boolean>; readonly hint: string };
  readonly namespaces: readonly NamespaceFacts[];
  readonly rights: readonly (Right & { readonly allowed: Maybe<boolean> })[];
  /** The server's clock minus ours. */
  readonly clockSkew: Maybe<Seconds>;
  /** Only when the cluster was probed. */
  readonly images?: readonly (ProbeOutcome & { readonly reference: string })[];
  readonly writes?: readonly (ProbeOutcome & { readonly storageClass?: string; readonly uid: number; readonly gid: number })[];
}
