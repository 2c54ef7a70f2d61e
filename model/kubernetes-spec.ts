import type { MiB } from './units.ts';

/** What a controller of the cluster sends requests from, as policies see it. */
type ControllerNetwork = 'pods' | 'nodes' | 'cilium';

/** Where names are looked up. */
interface ClusterDns {
  readonly namespace: string;
  /** Of its pods; none means every pod of that namespace. */
  readonly labels: Readonly<Record<string, string>>;
  /** Where else it is asked: those that a cache listens on, on each node. */
  readonly addresses: readonly string[];
  /** Of its pods, as a policy sees them behind their Service. */
  readonly ports: readonly number[];
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
  readonly controllerNetwork: ControllerNetwork;
  /** Of a controller on the network of its nodes: their addresses. */
  readonly controllerAddresses: readonly string[];
  /** What enforces policies, where it asks for some of its own kind. */
  readonly networkPlugin?: 'cilium';
  readonly dns: ClusterDns;
  /** What the kubelets keep of the log of a container, as they are set up. */
  readonly containerLog: { readonly size: MiB; readonly files: number };
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

/** Whether what the cluster has for it leads to the applications, and not Berth's edge. */
export const hasOtherEdge = ({ expose }: Pick<KubernetesSpec, 'expose'>): boolean => expose === 'gateway' || expose === 'ingress';

/**
 * The Service of a slot. Berth's edge looks up each replica and so asks one without an address; gateways and controllers ask one that has an address.
 * No Service can change from one to the other, so each kind has a name of its own.
 */
export const slotServiceOf = (kubernetes: Pick<KubernetesSpec, 'expose'>, app: string, slot: string): string =>
  `${app}-${slot}${hasOtherEdge(kubernetes) ? '-cluster-ip' : ''}`;
