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
