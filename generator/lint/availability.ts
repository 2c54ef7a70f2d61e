import { at, entries, list, text } from './check.ts';
import type { Check } from './check.ts';
import { forKind, forServers } from './rules.ts';
import { hit, ofKind, sameSpace, scalerOf, selects, servers } from './world.ts';
import type { Manifest, Workload, World } from './world.ts';

const budgetsOf = (world: World, workload: Workload): readonly Manifest[] =>
  ofKind(world, 'PodDisruptionBudget').filter(
    (budget) => sameSpace(budget, workload) && selects(at(budget.body, 'spec', 'selector', 'matchLabels'), workload.labels),
  );

/** One slot of an application whose other slot is filled: a release is under way. */
const besideAnother = (world: World, { id, labels }: Workload): boolean =>
  labels['berth/slot'] !== undefined &&
  world.workloads.some(
    (other) => other.id !== id && other.replicas !== 0 && other.labels['app.kubernetes.io/name'] === labels['app.kubernetes.io/name'],
  );

/** More than one pod at a time. */
const several = (world: World, workload: Workload): boolean => (workload.replicas ?? 2) > 1 || scalerOf(world, workload) !== undefined;

export const availabilityChecks: readonly Check<World>[] = [
  forServers(
    {
      id: 'replicas',
      rule: 'a Deployment that runs has two pods at least',
      reason: 'one pod is an outage at every node that is drained',
      cure: 'set replicas to 2, or let an autoscaler say',
    },
    (server, world) =>
      server.kind === 'Deployment' && server.replicas === 1 && !scalerOf(world, server) && !besideAnother(world, server)
        ? ['spec.replicas', '1']
        : undefined,
  ),
  forServers(
    {
      id: 'scaled-replicas',
      rule: 'replicas that an autoscaler owns stand in no manifest',
      reason: 'every apply would take them back',
      cure: 'remove spec.replicas',
    },
    (server, world) =>
      scalerOf(world, server) && server.replicas !== undefined && server.replicas > 0
        ? ['spec.replicas', text(server.replicas)]
        : undefined,
  ),
  forServers(
    {
      id: 'rolling-update',
      rule: 'a Deployment is replaced without a replica less',
      reason: 'a release would take capacity away while it is needed',
      cure: 'set maxUnavailable: 0 and maxSurge: 1',
    },
    ({ kind, body }) => {
      if (kind !== 'Deployment') return undefined;
      const rolling = at(body, 'spec', 'strategy', 'rollingUpdate');
      return at(rolling, 'maxUnavailable') === 0 && at(rolling, 'maxSurge') !== 0
        ? undefined
        : ['spec.strategy', text(rolling) || 'missing'];
    },
  ),
  forServers(
    {
      id: 'history',
      rule: 'old versions of a workload are kept, but not for ever',
      reason: 'a roll-back needs one, and each is an object',
      cure: 'set revisionHistoryLimit',
    },
    ({ body }) => (typeof at(body, 'spec', 'revisionHistoryLimit') === 'number' ? undefined : ['spec.revisionHistoryLimit', 'missing']),
  ),
  forServers(
    {
      id: 'settled',
      rule: 'a new pod counts after some seconds, not at once',
      reason: 'one that dies right after its start would let the whole release pass',
      cure: 'set minReadySeconds',
    },
    ({ body }) => (Number(text(at(body, 'spec', 'minReadySeconds'))) > 0 ? undefined : ['spec.minReadySeconds', 'missing']),
  ),
  forServers(
    {
      id: 'progress',
      rule: 'a release that gets nowhere is called failed',
      reason: 'it would be waited for in vain',
      cure: 'set progressDeadlineSeconds',
    },
    ({ kind, body }) =>
      kind !== 'Deployment' || typeof at(body, 'spec', 'progressDeadlineSeconds') === 'number'
        ? undefined
        : ['spec.progressDeadlineSeconds', 'missing'],
  ),
  forServers(
    {
      id: 'apart',
      rule: 'replicas keep off each other’s nodes',
      reason: 'a node that is lost would take them all',
      cure: 'add podAntiAffinity on kubernetes.io/hostname',
    },
    (server, world) => {
      const affinity = at(server.pod, 'affinity', 'podAntiAffinity');
      const terms = [
        ...list(at(affinity, 'requiredDuringSchedulingIgnoredDuringExecution')),
        ...list(at(affinity, 'preferredDuringSchedulingIgnoredDuringExecution')).map((term) => at(term, 'podAffinityTerm')),
      ];
      const good = terms.some(
        (term) => at(term, 'topologyKey') === 'kubernetes.io/hostname' && selects(at(term, 'labelSelector', 'matchLabels'), server.labels),
      );
      return !several(world, server) || good ? undefined : [`${server.podPath}.affinity`, 'missing'];
    },
  ),
  forServers(
    {
      id: 'spread',
      rule: 'replicas spread over zones, by a selector that takes them',
      reason: 'a zone that is lost would take them all',
      cure: 'add topologySpreadConstraints with the labels of the pod',
    },
    (server, world) => {
      const constraints = list(at(server.pod, 'topologySpreadConstraints'));
      const good =
        constraints.length > 0 &&
        constraints.every(
          (one) =>
            entries(at(one, 'labelSelector', 'matchLabels')).length > 0 && selects(at(one, 'labelSelector', 'matchLabels'), server.labels),
        );
      return !several(world, server) || good
        ? undefined
        : [`${server.podPath}.topologySpreadConstraints`, constraints.length === 0 ? 'missing' : 'another selector'];
    },
  ),
  forServers(
    {
      id: 'disruption-budget',
      rule: 'a workload says how many of its pods may be missing while a node is drained',
      reason: 'a drain would take all of them at once',
      cure: 'add a PodDisruptionBudget that selects its pods',
    },
    (server, world) => (budgetsOf(world, server).length > 0 ? undefined : ['metadata.name', 'no PodDisruptionBudget']),
  ),
  forServers(
    {
      id: 'one-budget',
      rule: 'a pod is counted by one disruption budget',
      reason: 'a pod that two of them select cannot be drained at all',
      cure: 'make one selector the whole of them, or each a part that is its own',
    },
    (server, world) => {
      const budgets = budgetsOf(world, server).map(({ name }) => name);
      return budgets.length < 2 ? undefined : ['metadata.name', budgets.join(', ')];
    },
  ),
  forKind(
    {
      id: 'drain-blocked',
      rule: 'a disruption budget lets a node be drained',
      reason: 'who maintains the cluster would have to delete it at night',
      cure: 'set maxUnavailable: 1',
    },
    'PodDisruptionBudget',
    ({ body }) => {
      const most = at(body, 'spec', 'maxUnavailable');
      return most === undefined || most === 0 || most === '0%' ? ['spec.maxUnavailable', text(most) || 'missing'] : undefined;
    },
  ),
  forServers(
    {
      id: 'governing-service',
      rule: 'a StatefulSet has a headless Service that gives its pods names',
      reason: 'its pods could not be told apart',
      cure: 'add the Service that serviceName names, with clusterIP: None',
    },
    (server, world) => {
      if (server.kind !== 'StatefulSet') return undefined;
      const name = text(at(server.body, 'spec', 'serviceName'));
      const found = ofKind(world, 'Service').some(
        (one) => sameSpace(one, server) && one.name === name && at(one.body, 'spec', 'clusterIP') === 'None',
      );
      return found ? undefined : ['spec.serviceName', name || 'missing'];
    },
  ),
  forServers(
    {
      id: 'keep-claims',
      rule: 'the volumes of a StatefulSet outlive it',
      reason: 'a deletion by mistake would delete the data',
      cure: 'set persistentVolumeClaimRetentionPolicy to Retain',
    },
    ({ body }) => {
      const policy = at(body, 'spec', 'persistentVolumeClaimRetentionPolicy');
      const kept = policy === undefined || (at(policy, 'whenDeleted') === 'Retain' && at(policy, 'whenScaled') === 'Retain');
      return kept ? undefined : ['spec.persistentVolumeClaimRetentionPolicy', text(policy)];
    },
  ),
  {
    id: 'selector',
    rule: 'a workload selects its own pods and no others',
    reason: 'two that select the same pods take them from each other',
    cure: 'make the selector a part of the labels of its pods alone',
    *find(world) {
      for (const server of servers(world)) {
        const selector = at(server.body, 'spec', 'selector', 'matchLabels');
        if (entries(selector).length === 0 || !selects(selector, server.labels)) yield hit(server, 'spec.selector', 'not its own pods');
        const others = world.workloads.filter(
          (other) => other.id !== server.id && sameSpace(other, server) && selects(selector, other.labels),
        );
        for (const other of others) yield hit(server, 'spec.selector', `the pods of ${other.id}, too`);
      }
    },
  },
  forKind(
    { id: 'scaler-target', rule: 'an autoscaler has a workload', reason: 'it would do nothing', cure: 'correct scaleTargetRef' },
    'HorizontalPodAutoscaler',
    (scaler, world) => {
      const target = at(scaler.body, 'spec', 'scaleTargetRef');
      const found = world.workloads.some(
        (workload) => sameSpace(workload, scaler) && workload.kind === at(target, 'kind') && workload.name === at(target, 'name'),
      );
      return found ? undefined : ['spec.scaleTargetRef', text(at(target, 'name'))];
    },
  ),
  forKind(
    {
      id: 'scaler-range',
      rule: 'an autoscaler has room to scale',
      reason: 'with the same least and most it is a number in a strange place',
      cure: 'raise maxReplicas',
    },
    'HorizontalPodAutoscaler',
    ({ body }) =>
      Number(text(at(body, 'spec', 'maxReplicas'))) > Number(text(at(body, 'spec', 'minReplicas')) || 1)
        ? undefined
        : ['spec.maxReplicas', text(at(body, 'spec', 'maxReplicas'))],
  ),
  forKind(
    {
      id: 'scaler-cool-down',
      rule: 'an autoscaler waits before it takes replicas away',
      reason: 'load that comes and goes would start and stop pods all day',
      cure: 'set behavior.scaleDown.stabilizationWindowSeconds',
    },
    'HorizontalPodAutoscaler',
    ({ body }) =>
      Number(text(at(body, 'spec', 'behavior', 'scaleDown', 'stabilizationWindowSeconds'))) > 0
        ? undefined
        : ['spec.behavior.scaleDown', 'missing'],
  ),
];
