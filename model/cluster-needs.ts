import type { MiB, MilliCpu } from './units.ts';

/** Levels of the Pod Security Standards, from the loosest to the strictest. */
export const podSecurityLevels = ['privileged', 'baseline', 'restricted'] as const;
export type PodSecurityLevel = (typeof podSecurityLevels)[number];

export interface WorkloadNeed {
  readonly name: string;
  readonly namespace: string;
  /** At most, when an autoscaler decides. */
  readonly replicas: number;
  /** Requests of one pod, all its containers together. */
  readonly cpu: MilliCpu;
  readonly memory: MiB;
  /** Whether two of its pods may share a node. */
  readonly spread: 'host-required' | 'host-preferred';
  /** Pods beyond its replicas while they are replaced. */
  readonly surge: number;
}

/** One claim. */
export interface VolumeNeed {
  readonly name: string;
  readonly namespace: string;
  readonly size: MiB;
  /** Without one, the default class of the cluster. */
  readonly storageClass?: string;
  /** Pods on several nodes mount it at once. */
  readonly many?: boolean;
  /** Who writes to it. */
  readonly uid: number;
  readonly gid: number;
  /** Reference of an image that has a shell, to try it with. */
  readonly image?: string;
}

/** What a plan asks of a cluster. */
export interface ClusterNeeds {
  /** The name of the site: its own pods are told by it. */
  readonly site: string;
  readonly namespaces: readonly { readonly name: string; readonly podSecurity: PodSecurityLevel }[];
  /** Oldest version that must do, by its minor number: 30 for 1.30. */
  readonly minor: number;
  readonly workloads: readonly WorkloadNeed[];
  readonly volumes: readonly VolumeNeed[];
  readonly apis: readonly { readonly group: string; readonly version: string; readonly kind: string; readonly why: string }[];
  readonly images: readonly { readonly reference: string; readonly service: string }[];
  /** A Secret with the credentials of a registry, in each namespace. */
  readonly pullSecret?: string;
  readonly rights: readonly { readonly verb: string; readonly group: string; readonly resource: string; readonly namespaced: boolean }[];
  readonly ingressClass?: string;
  readonly gatewayClass?: string;
  readonly certManager: boolean;
  /** What Cilium lets nobody reach, or be reached from, as long as berth.yaml does not say that it is there. */
  readonly cilium: { readonly unnamed: readonly string[] };
  /** What autoscalers look at: use of CPU or memory, and metrics of the external metrics API by name. */
  readonly scaling: { readonly resources: boolean; readonly external: readonly string[] };
}
