import type { PlannedService } from '../../../model/planned-service.ts';
import type { Yaml, YamlDocument } from '../write-yaml.ts';
import { ignoring, labelsOf, podOf, selectorOf, wholeOf } from './scene.ts';
import type { Ignore, Scene } from './scene.ts';

interface Meta {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** One object, its name and namespace first, as a reader looks for them. */
export const object = (
  apiVersion: string,
  kind: string,
  { name, namespace, labels, annotations }: Meta,
  body: { readonly [key: string]: Yaml | undefined },
  comment?: string,
): YamlDocument => ({
  ...(comment === undefined ? {} : { comment }),
  body: {
    apiVersion,
    kind,
    metadata: { name, namespace, labels, annotations: annotations && Object.keys(annotations).length > 0 ? annotations : undefined },
    ...body,
  },
});

/** Name, namespace and labels of what belongs to a service. */
export const metaOf = (
  scene: Scene,
  service: PlannedService,
  { name = service.name, slot, ignore = [] }: { readonly name?: string; readonly slot?: string; readonly ignore?: readonly Ignore[] } = {},
): Meta => ({
  name,
  namespace: podOf(scene, service).namespace,
  labels: labelsOf(scene.plan, service.name, service.role, slot),
  annotations: ignoring(...ignore),
});

/** An account of its own, without a token; where it has rights, those alone, and its pods mount the token themselves. */
export function serviceAccount(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  const { rights } = service;
  const account = object(
    'v1',
    'ServiceAccount',
    metaOf(scene, service),
    { automountServiceAccountToken: false },
    rights ? undefined : 'It never talks to the cluster: an account of its own, without a token.',
  );
  if (!rights) return [account];
  const { namespace } = podOf(scene, service);
  return [
    account,
    object('rbac.authorization.k8s.io/v1', 'Role', metaOf(scene, service), {
      rules: rights.map(({ group, resource, names, verbs }) => ({
        apiGroups: [group],
        resources: [resource],
        resourceNames: names,
        verbs,
      })),
    }),
    object('rbac.authorization.k8s.io/v1', 'RoleBinding', metaOf(scene, service), {
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: service.name },
      subjects: [{ kind: 'ServiceAccount', name: service.name, namespace }],
    }),
  ];
}

/** For lint: a token in a pod is meant to be there. */
export const withToken = ({ rights }: PlannedService): readonly Ignore[] =>
  rights ? [['no-token', 'it changes the numbers that its Role names, and may do nothing else']] : [];

export const disruptionBudget = (scene: Scene, service: PlannedService, slot?: string): YamlDocument =>
  object(
    'policy/v1',
    'PodDisruptionBudget',
    metaOf(scene, service, {
      name: slot === undefined ? (service.whole ?? service.name) : `${service.name}-${slot}`,
      ...(slot === undefined ? {} : { slot }),
    }),
    {
      spec: {
        maxUnavailable: 1,
        unhealthyPodEvictionPolicy:
          scene.kubernetes.minor < 27 ? undefined : service.role === 'app' || service.role === 'edge' ? 'AlwaysAllow' : 'IfHealthyBudget',
        selector: { matchLabels: service.whole === undefined ? selectorOf(scene.plan, service.name, slot) : wholeOf(scene.plan, service) },
      },
    },
    'A node is drained one replica at a time.',
  );
