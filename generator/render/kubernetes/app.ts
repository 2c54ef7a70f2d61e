import type { PlannedService } from '../../../model/planned-service.ts';
import { hasOtherEdge, slotServiceOf } from '../../../model/kubernetes-spec.ts';
import { slots } from '../../../model/release.ts';
import type { Slot } from '../../../model/release.ts';
import type { Scaling } from '../../../model/app-spec.ts';
import { milliCpu, mib } from '../../../model/units.ts';
import type { Yaml, YamlDocument } from '../write-yaml.ts';
import { looseningIgnores } from '../loosened.ts';
import { networkPolicies } from './network.ts';
import { disruptionBudget, metaOf, object, serviceAccount } from './objects.ts';
import { cpu, memory, podTemplate, portsOf } from './pod.ts';
import { selectorOf } from './scene.ts';
import type { Ignore, Scene } from './scene.ts';

/** How its pods are replaced: one more at a time, and none goes before another is ready. */
const rollout: { readonly [key: string]: Yaml } = {
  minReadySeconds: 5,
  progressDeadlineSeconds: 600,
  revisionHistoryLimit: 5,
  strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } },
};

/** Both slots stand at any time; an empty one has no replicas. */
function deployment(scene: Scene, service: PlannedService, slot: Slot): YamlDocument {
  const filled = scene.plan.release.get(service.name) ?? [];
  const found = filled.find((release) => release.slot === slot);
  const replicas = found?.replicas ?? 0;
  const scaled = service.scaling !== undefined && replicas > 0;
  return object(
    'apps/v1',
    'Deployment',
    metaOf(scene, service, { name: `${service.name}-${slot}`, slot, ignore: looseningIgnores(service) }),
    {
      spec: {
        // The autoscaler's alone while the slot is filled: an apply must not take its replicas back.
        replicas: scaled ? undefined : replicas,
        ...rollout,
        selector: { matchLabels: selectorOf(scene.plan, service.name, slot) },
        template: podTemplate(scene, service, { slot: { name: slot, image: found?.image ?? filled[0]?.image ?? service.image } }),
      },
    },
    `${service.title}, slot ${slot}. Image and replicas follow release.yaml.`,
  );
}

const slotService = (scene: Scene, service: PlannedService, slot: Slot): YamlDocument => {
  const headless = !hasOtherEdge(scene.kubernetes);
  return object(
    'v1',
    'Service',
    metaOf(scene, service, { name: slotServiceOf(scene.kubernetes, service.name, slot), slot }),
    {
      spec: {
        type: 'ClusterIP',
        clusterIP: headless ? 'None' : undefined,
        selector: selectorOf(scene.plan, service.name, slot),
        ports: portsOf(service).map(({ name, port }) => ({ name, port, targetPort: name, protocol: 'TCP' })),
      },
    },
    headless ? 'The edge looks up each replica by itself and balances over them.' : undefined,
  );
};

function metrics(service: PlannedService, { cpu: cpuShare, memory: memoryShare, queue }: Scaling): readonly Yaml[] {
  // An average of what replicas use, in absolute numbers: a percentage would be one of the request, which is less than the limit.
  const resource = (name: string, averageValue: string): Yaml => ({
    type: 'Resource',
    resource: { name, target: { type: 'AverageValue', averageValue } },
  });
  return [
    ...(cpuShare === undefined ? [] : [resource('cpu', cpu(milliCpu(Math.ceil((service.size.cpu * cpuShare) / 100))))]),
    ...(memoryShare === undefined ? [] : [resource('memory', memory(mib(Math.ceil((service.size.memory * memoryShare) / 100))))]),
    ...(queue === undefined
      ? []
      : [
          {
            type: 'External',
            external: { metric: { name: queue.metric }, target: { type: 'AverageValue', averageValue: String(queue.target) } },
          },
        ]),
  ];
}

function autoscaler(scene: Scene, service: PlannedService, scaling: Scaling, slot?: Slot): YamlDocument {
  const name = slot === undefined ? service.name : `${service.name}-${slot}`;
  return object(
    'autoscaling/v2',
    'HorizontalPodAutoscaler',
    metaOf(scene, service, { name, ...(slot === undefined ? {} : { slot }) }),
    {
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name },
        // With a schedule the number is that of the last time: an apply must not take it back.
        minReplicas: scaling.schedule ? undefined : scaling.min,
        maxReplicas: scaling.max,
        metrics: metrics(service, scaling),
        behavior: {
          scaleUp: {
            stabilizationWindowSeconds: 0,
            policies: [
              { type: 'Percent', value: 100, periodSeconds: 30 },
              { type: 'Pods', value: 2, periodSeconds: 30 },
            ],
            selectPolicy: 'Max',
          },
          scaleDown: { stabilizationWindowSeconds: scaling.coolDown, policies: [{ type: 'Pods', value: 1, periodSeconds: 60 }] },
        },
      },
    },
    slot === undefined ? undefined : 'Sleeps while its slot has no replicas.',
  );
}

/** Everything of one application: two slots, each with its Service. */
export const renderApp = (scene: Scene, service: PlannedService): readonly YamlDocument[] => [
  ...serviceAccount(scene, service),
  ...slots.map((slot) => slotService(scene, service, slot)),
  ...slots.map((slot) => deployment(scene, service, slot)),
  ...slots.flatMap((slot) => (service.scaling ? [autoscaler(scene, service, service.scaling, slot)] : [])),
  ...slots.map((slot) => disruptionBudget(scene, service, slot)),
  ...networkPolicies(scene, service),
];

const unasked: readonly Ignore[] = ['startup-probe', 'readiness-probe', 'liveness-probe'].map(
  (id) => [id, 'berth.yaml names no healthcheck for it, and a worker has no port to ask'] as const,
);
const alone: Ignore = ['replicas', 'berth.yaml asks for one replica'];

/** Whether it mounts a volume that only one node can have at a time: the next pod could not start before this one has gone. */
const holdsAlone = ({ plan }: Scene, service: PlannedService): boolean =>
  plan.volumes.some(({ name, alone: single }) => single && service.shared?.some((mount) => mount.name === name));
const replacedAtOnce: Ignore = ['rolling-update', 'its volume can be on one node at a time'];

/** A worker: nobody calls it, so it has neither slots nor a Service. */
export const renderWorker = (scene: Scene, service: PlannedService): readonly YamlDocument[] => [
  ...serviceAccount(scene, service),
  object(
    'apps/v1',
    'Deployment',
    metaOf(scene, service, {
      ignore: [
        ...looseningIgnores(service),
        ...(service.probes ? [] : unasked),
        ...(service.replicas === 1 && !service.scaling ? [alone] : []),
        ...(holdsAlone(scene, service) ? [replacedAtOnce] : []),
      ],
    }),
    {
      spec: {
        replicas: service.scaling ? undefined : service.replicas,
        ...rollout,
        ...(holdsAlone(scene, service) ? { strategy: { type: 'Recreate' } } : {}),
        selector: { matchLabels: selectorOf(scene.plan, service.name) },
        template: podTemplate(scene, service),
      },
    },
    service.title,
  ),
  ...(service.scaling ? [autoscaler(scene, service, service.scaling)] : []),
  disruptionBudget(scene, service),
  ...networkPolicies(scene, service),
];
