import type { ClusterFacts } from '../../../model/cluster-facts.ts';

interface Network {
  readonly name: string;
  readonly enforced: boolean | 'unknown';
}

/** Programs that make the network of a cluster, by the name of the DaemonSet they run as. Of several, the first that is there counts. */
const byDaemon: readonly (readonly [RegExp, Network])[] = [
  [/^calico-node$/, { name: 'Calico', enforced: true }],
  [/canal$/, { name: 'Canal', enforced: true }],
  [/^cilium$/, { name: 'Cilium', enforced: true }],
  [/^antrea-agent$/, { name: 'Antrea', enforced: true }],
  [/^kube-router$/, { name: 'kube-router', enforced: true }],
  [/^weave-net$/, { name: 'Weave Net', enforced: true }],
  [/^ovnkube-node$/, { name: 'OVN-Kubernetes', enforced: true }],
  [/^kube-ovn-cni$/, { name: 'Kube-OVN', enforced: true }],
  [/^azure-npm$/, { name: 'Azure Network Policy Manager', enforced: true }],
  [/^kube-network-policies$/, { name: 'kube-network-policies', enforced: true }],
  // Whether these two do depends on version and settings that cannot be seen.
  [/^aws-node$/, { name: 'Amazon VPC CNI', enforced: 'unknown' }],
  [/^kindnet$/, { name: 'kindnet', enforced: 'unknown' }],
  [/^kube-flannel(-ds.*)?$/, { name: 'flannel', enforced: false }],
];

/** Groups of APIs that these programs bring, for callers who may not see DaemonSets. */
const byGroup: readonly (readonly [RegExp, Network])[] = [
  [/(^|\.)projectcalico\.org$/, { name: 'Calico', enforced: true }],
  [/^cilium\.io$/, { name: 'Cilium', enforced: true }],
  [/^crd\.antrea\.io$/, { name: 'Antrea', enforced: true }],
  [/^k8s\.ovn\.org$/, { name: 'OVN-Kubernetes', enforced: true }],
  [/^kubeovn\.io$/, { name: 'Kube-OVN', enforced: true }],
];

/** Whether NetworkPolicies have an effect; from what runs and what it is called, since no API tells. */
export function networkHint(
  daemons: readonly string[],
  groups: readonly string[],
  kubelets: readonly string[],
): ClusterFacts['networkPolicies'] {
  const first = (rules: readonly (readonly [RegExp, Network])[], names: readonly string[]): Network | undefined =>
    rules.find(([pattern]) => names.some((name) => pattern.test(name)))?.[1];
  const network = first(byDaemon, daemons) ?? first(byGroup, groups);
  if (network?.enforced === true) return { enforced: true, hint: network.name };
  // k3s has a controller for them built in, whatever makes its network.
  if (kubelets.some((version) => version.includes('+k3s'))) return { enforced: true, hint: 'k3s' };
  return network ? { enforced: network.enforced, hint: network.name } : { enforced: 'unknown', hint: '' };
}
