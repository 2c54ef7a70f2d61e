import type { KubernetesPlan } from '../../../model/kubernetes-plan.ts';
import { leftClaims } from '../../../model/left-claims.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { denyAll } from './network.ts';
import { object } from './objects.ts';
import { cpu, memory } from './pod.ts';
import { ignoring, priorityClassOf, siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

const priorities: Readonly<Record<'data' | 'edge' | 'app', { readonly value: number; readonly description: string }>> = {
  data: { value: 300_000, description: 'Databases, caches and stores: when nodes run full, they are the last to go.' },
  edge: { value: 200_000, description: 'The edge: it shows the maintenance page when applications had to go.' },
  app: { value: 100_000, description: 'Applications: they come back by themselves wherever there is room.' },
};

function namespace(scene: Scene, name: string): YamlDocument {
  const { plan, kubernetes } = scene;
  const level = name !== kubernetes.namespace ? 'privileged' : 'restricted';
  const version = `v1.${kubernetes.minor}`;
  return {
    comment:
      level === 'restricted'
        ? 'Pod Security refuses here whatever is not restricted.'
        : 'Ports of the nodes, which kubernetes.expose: hostPort asks for, are forbidden by every level of Pod Security but this one.\nTherefore the edge stands here alone. It breaks no other rule: audit and warn say so when it does.',
    body: {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name,
        labels: {
          ...siteLabels(plan),
          'pod-security.kubernetes.io/enforce': level,
          'pod-security.kubernetes.io/enforce-version': version,
          'pod-security.kubernetes.io/audit': 'restricted',
          'pod-security.kubernetes.io/audit-version': version,
          'pod-security.kubernetes.io/warn': 'restricted',
          'pod-security.kubernetes.io/warn-version': version,
        },
        annotations:
          level === 'restricted'
            ? undefined
            : ignoring(['pod-security', 'kubernetes.expose: hostPort needs it, and the namespace holds the edge alone']),
      },
    },
  };
}

function limits(
  scene: Scene,
  name: string,
  quota: KubernetesPlan['quota'] extends ReadonlyMap<string, infer Q> ? Q : never,
): readonly YamlDocument[] {
  const meta = { name: 'site', namespace: name, labels: siteLabels(scene.plan) };
  const { largest, left, namespace: main } = scene.kubernetes;
  const annotations = name === main && left.length > 0 ? { annotations: { [leftClaims.annotation]: leftClaims.write(left) } } : {};
  return [
    object(
      'v1',
      'ResourceQuota',
      { ...meta, ...annotations },
      {
        spec: {
          hard: {
            'pods': String(quota.pods),
            'requests.cpu': cpu(quota.requestsCpu),
            'requests.memory': memory(quota.memory),
            'requests.ephemeral-storage': memory(quota.ephemeralStorage),
            'limits.cpu': cpu(quota.limitsCpu),
            'limits.memory': memory(quota.memory),
            'limits.ephemeral-storage': memory(quota.ephemeralStorage),
            'persistentvolumeclaims': String(quota.claims),
            'requests.storage': memory(quota.storage),
            'services.loadbalancers': String(quota.loadBalancers),
            'services.nodeports': String(quota.nodePorts),
          },
        },
      },
      'All that the site may ask for at once: its replicas at their most, one more of each while it is replaced, and the room kept for backups.',
    ),
    object(
      'v1',
      'LimitRange',
      meta,
      {
        spec: {
          limits: [
            {
              type: 'Container',
              defaultRequest: { 'cpu': '10m', 'memory': '64Mi', 'ephemeral-storage': '64Mi' },
              default: { 'cpu': '500m', 'memory': '64Mi', 'ephemeral-storage': memory(largest.ephemeralStorage) },
              max: { 'cpu': cpu(largest.cpu), 'memory': memory(largest.memory), 'ephemeral-storage': memory(largest.ephemeralStorage) },
            },
          ],
        },
      },
      'For what somebody starts here by hand.',
    ),
  ];
}

export const renderNamespaces = (scene: Scene): readonly YamlDocument[] =>
  [...scene.kubernetes.quota.keys()].map((name) => namespace(scene, name));

/** What the whole site stands in. */
export const renderNamespace = (scene: Scene): readonly YamlDocument[] => [
  ...[...scene.kubernetes.quota].flatMap(([name, quota]) => [namespace(scene, name), ...limits(scene, name, quota), denyAll(scene, name)]),
  ...(['data', 'edge', 'app'] as const).map((priority) => ({
    body: {
      apiVersion: 'scheduling.k8s.io/v1',
      kind: 'PriorityClass',
      metadata: { name: priorityClassOf(scene, priority), labels: siteLabels(scene.plan) },
      value: priorities[priority].value,
      // Who comes first, and who is evicted last: pods of others are not removed for it.
      preemptionPolicy: 'Never',
      description: priorities[priority].description,
    },
  })),
];
