/*
 * The API server of these tests is OLDER than Pod Security admission (1.23): labels of a namespace are kept, and nobody acts on them. The same is asked for
 * here with PodSecurityPolicies, which it has. They let pods in by who makes them: whoever a RoleBinding lets `use` one. Some of what a policy asks for it also
 * fills in where a pod says nothing; so the tests compare the pods that came of it with what was written, too.
 */

const any = { rule: 'RunAsAny' };
const restricted = {
  privileged: false,
  allowPrivilegeEscalation: false,
  requiredDropCapabilities: ['ALL'],
  allowedCapabilities: ['NET_BIND_SERVICE'],
  // As the Pod Security Standards list them, but for `ephemeral`, which came later.
  volumes: ['configMap', 'downwardAPI', 'emptyDir', 'persistentVolumeClaim', 'projected', 'secret'],
  hostNetwork: false,
  hostIPC: false,
  hostPID: false,
  runAsUser: { rule: 'MustRunAsNonRoot' },
  // The standards ask nothing of these.
  supplementalGroups: any,
  fsGroup: any,
  seLinux: any,
};
/** What is asked of the pods of a namespace, by its label. */
const policies: Readonly<Record<string, object>> = {
  restricted,
  // Berth says of such a namespace that its pods break one rule alone, that about ports of the nodes: they are held to that.
  privileged: { ...restricted, hostPorts: [{ min: 1, max: 65_535 }] },
};

/** The policies, and a role for each that lets whoever has it make pods by it. */
export const podSecurityPolicies: readonly object[] = Object.entries(policies).flatMap(([level, spec]) => [
  {
    apiVersion: 'policy/v1beta1',
    kind: 'PodSecurityPolicy',
    metadata: { name: level, annotations: { 'seccomp.security.alpha.kubernetes.io/allowedProfileNames': 'runtime/default' } },
    spec,
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: `pods-${level}` },
    rules: [{ apiGroups: ['policy'], resources: ['podsecuritypolicies'], verbs: ['use'], resourceNames: [level] }],
  },
]);

/** What the label of a namespace says becomes what its pods are let in by. @throws for a level that no test has met. */
export function enforced(namespace: string, label: string | undefined): object {
  if (label === undefined || !(label in policies))
    throw new Error(`the namespace ${namespace} asks for Pod Security ${label}, and no policy here says that`);
  return {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'RoleBinding',
    metadata: { name: 'pod-security', namespace },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: `pods-${label}` },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: `system:serviceaccounts:${namespace}` }],
  };
}
