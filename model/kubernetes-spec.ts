/** What a controller of the cluster sends requests from, as policies see it. */
type ControllerNetwork = 'pods' | 'nodes' | 'cilium';

/** Where names are looked up. */
export interface ClusterDns {
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
