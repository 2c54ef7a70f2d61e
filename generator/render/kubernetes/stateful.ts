import type { PlannedService } from '../../../model/planned-service.ts';
import type { YamlDocument } from '../write-yaml.ts';
import { looseningIgnores } from '../loosened.ts';
import { networkPolicies } from './network.ts';
import { disruptionBudget, metaOf, object, serviceAccount } from './objects.ts';
import { memory, podTemplate, portsOf } from './pod.ts';
import { labelsOf, selectorOf, wholeOf } from './scene.ts';
import type { Scene } from './scene.ts';

const nodesOf = (service: PlannedService): string => `${service.name}-nodes`;

/** Two budgets that name the same pod would let it go nowhere. */
const firstOfWhole = ({ plan }: Scene, { name, whole }: PlannedService): boolean =>
  whole === undefined || plan.services.find((service) => service.whole === whole)?.name === name;

function services(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  const ports = portsOf(service).map(({ name, port }) => ({ name, port, targetPort: name, protocol: 'TCP' }));
  const selector = selectorOf(scene.plan, service.name);
  if (ports.length === 0)
    return [
      object(
        'v1',
        'Service',
        metaOf(scene, service, { name: nodesOf(service) }),
        { spec: { type: 'ClusterIP', clusterIP: 'None', selector } },
        'A StatefulSet has to name a Service; nobody calls this one.',
      ),
    ];
  return [
    ...(service.anyOfWhole && service.whole !== undefined && firstOfWhole(scene, service)
      ? [
          object(
            'v1',
            'Service',
            metaOf(scene, service, { name: service.whole }),
            { spec: { type: 'ClusterIP', selector: wholeOf(scene.plan, service), ports } },
            'Where it is only read: any of those that are ready, which follow their primary.',
          ),
        ]
      : []),
    object(
      'v1',
      'Service',
      metaOf(scene, service),
      { spec: { type: 'ClusterIP', selector, ports } },
      service.role === 'cache' && service.whole !== undefined
        ? 'Any of them that is ready; it sends a client on to whoever has its key.'
        : service.peers === 'rather-apart'
          ? 'Any of them that is ready; which one is written to, the Sentinels say.'
          : service.whole !== undefined && !service.anyOfWhole
            ? 'This member, once it is ready; which one is written to, the members choose.'
            : service.replicaOf === undefined
              ? 'Where it is written to: only what is ready answers here.'
              : 'Where it is only read: what is ready here follows its primary.',
    ),
    object(
      'v1',
      'Service',
      metaOf(scene, service, { name: nodesOf(service) }),
      { spec: { type: 'ClusterIP', clusterIP: 'None', publishNotReadyAddresses: true, selector, ports } },
      'A name for each node, whether it is ready or not.',
    ),
  ];
}

function statefulSet(scene: Scene, service: PlannedService): YamlDocument {
  const { plan, kubernetes } = scene;
  return object(
    'apps/v1',
    'StatefulSet',
    metaOf(scene, service, { ignore: looseningIgnores(service) }),
    {
      spec: {
        serviceName: nodesOf(service),
        replicas: service.replicas,
        // In order, a pod that never became ready would keep its template, whatever is applied after it.
        podManagementPolicy: 'Parallel',
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        minReadySeconds: 5,
        revisionHistoryLimit: 5,
        persistentVolumeClaimRetentionPolicy:
          service.volumes.length > 0 && kubernetes.minor >= 27 ? { whenDeleted: 'Retain', whenScaled: 'Retain' } : undefined,
        selector: { matchLabels: selectorOf(plan, service.name) },
        template: podTemplate(scene, service),
        volumeClaimTemplates:
          service.volumes.length === 0
            ? undefined
            : service.volumes.map(({ name, size }) => ({
                // Without kind and version the server adds them, and every comparison would find a difference.
                apiVersion: 'v1',
                kind: 'PersistentVolumeClaim',
                metadata: { name, labels: labelsOf(plan, service.name, service.role) },
                spec: {
                  accessModes: ['ReadWriteOnce'],
                  storageClassName: kubernetes.storageClass,
                  resources: { requests: { storage: memory(size) } },
                },
              })),
      },
    },
    service.title,
  );
}

/** Everything of one database, cache, store or agent: of none of them are there two at a time on one volume, whatever happens to a node. */
export const renderStateful = (scene: Scene, service: PlannedService): readonly YamlDocument[] => [
  ...serviceAccount(scene, service),
  ...services(scene, service),
  statefulSet(scene, service),
  ...(firstOfWhole(scene, service) ? [disruptionBudget(scene, service)] : []),
  ...networkPolicies(scene, service),
];
