import type { Decision } from '../../../model/decision.ts';
import type { Plan } from '../../../model/plan.ts';
import { stepsOf } from '../../../model/planned-service.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { formatCpu, formatDuration, formatSize } from '../../../model/units.ts';
import { brief, fixed, times } from './fixed.ts';

/** What a service has in a cluster alone. */
export function inCluster(service: PlannedService, { kubernetes }: Plan): readonly Decision[] {
  const { name, kind, probes, finish, deadline, scaling } = service;
  const pod = kubernetes?.pods.get(name);
  const beside = [
    ...(pod
      ? [
          fixed(
            `${name}.ephemeral-storage`,
            formatSize(pod.ephemeralStorage),
            'what the kubelet keeps of the log of a container, and one file more',
            'kubernetes.containerLogMaxSize and containerLogMaxFiles in berth.yaml',
          ),
        ]
      : []),
    ...stepsOf(service).map(({ name: step, size, fills }) =>
      fixed(
        `${name}.step ${step}`,
        `${formatSize(size.memory)}, ${formatCpu(size.cpu)} CPUs at most, ${formatCpu(size.cpuShare)} when all are busy${fills ? `, ${formatSize(fills.size)} that it fills` : ''}`,
        brief,
      ),
    ),
  ];
  if (kind === 'task')
    return [
      ...beside,
      fixed(
        `${name}.deadline`,
        `${deadline ?? 3600}s`,
        'design: what hangs is stopped, and seen as failed; volumes of a first start may take ten minutes, images longer',
      ),
      fixed(
        `${name}.job`,
        finish ? '6 attempts more' : '12 attempts more, gone 600 s after its end',
        'design: what it waits for may start later than it; the next apply runs it again',
      ),
    ];
  if (kind === 'job')
    return [
      ...beside,
      fixed(
        `${name}.job`,
        '0 attempts more, made up for within 3600 s, 1 success and 3 failures kept',
        'design: what runs at set times says itself when it has to run again',
      ),
    ];
  return [
    ...beside,
    fixed(
      `${name}.rollout`,
      'ready for 5 s, 600 s for progress, 5 revisions kept, 1 more and 0 fewer while replaced',
      'design: none goes before another is ready; one that never becomes ready is reported',
    ),
    ...(scaling
      ? [
          fixed(
            `${name}.autoscaler`,
            `${scaling.min} to ${scaling.max}: 100% or 2 more within 30s after 0s, 1 fewer within 60s after ${scaling.coolDown}s of less load`,
            'design: a rush is met at once; what may be a lull is waited out',
            `services.${name}.scaling in berth.yaml`,
          ),
        ]
      : []),
    fixed(`${name}.disruption`, '1 missing at most', 'design: a node is drained one replica at a time'),
    ...(pod && probes
      ? [
          fixed(`${name}.readinessProbe`, times(pod.readiness), 'design: as its health check on one host'),
          fixed(
            `${name}.livenessProbe`,
            times(pod.liveness),
            'design: a pause of the node or of a garbage collector is no reason to restart',
          ),
          fixed(`${name}.startupProbe.times`, times(pod.startup), 'design: asked often, so that it serves as soon as it has started'),
          ...(pod.preStop > 0
            ? [fixed(`${name}.preStop`, formatDuration(pod.preStop), 'design: until everybody has heard that it goes')]
            : []),
        ]
      : []),
  ];
}

export function ofNamespaces({ kubernetes, name }: Plan): readonly Decision[] {
  if (!kubernetes) return [];
  const spaces = [...kubernetes.quota].flatMap(([space, quota]) => [
    fixed(
      `${space}.quota_of_objects`,
      `${quota.claims} claims, ${formatSize(quota.storage)} of them, ${formatSize(quota.ephemeralStorage)} of nodes, ${formatCpu(quota.limitsCpu)} CPUs at most, ${quota.loadBalancers} load balancers, ${quota.nodePorts} ports of nodes`,
      'design: a site takes no more of a cluster than its plan says',
      'the sizes and replicas of its services',
    ),
    fixed(
      `${space}.limits`,
      `10m to 500m CPU, 64Mi of memory, 64Mi of disk for what names no size; ${formatCpu(kubernetes.largest.cpu)} CPUs, ${formatSize(kubernetes.largest.memory)} and ${formatSize(kubernetes.largest.ephemeralStorage)} at most`,
      'design: for what somebody starts there by hand; no more than the largest container of the site',
    ),
  ]);
  return [
    ...spaces,
    fixed(`${name}.priorities`, 'data 300000, edge 200000, app 100000', 'design: when nodes run full, applications go first and data last'),
  ];
}
