import { at, entries, list, text } from './check.ts';
import type { Check, Json } from './check.ts';
import { referencesOf } from './pods.ts';
import { hit, ofKind, selects, servers } from './world.ts';
import type { Manifest, Workload, World } from './world.ts';

const label = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const levels = ['enforce', 'audit', 'warn'] as const;
const sameSpace = (a: Manifest, b: Manifest): boolean => a.namespace === b.namespace;
const policiesOf = (world: World, workload: Workload, direction: 'Ingress' | 'Egress', whole = true): readonly Manifest[] =>
  ofKind(world, 'NetworkPolicy').filter(
    (policy) =>
      sameSpace(policy, workload) &&
      list(at(policy.body, 'spec', 'policyTypes')).includes(direction) &&
      (whole || entries(at(policy.body, 'spec', 'podSelector')).length > 0) &&
      selects(at(policy.body, 'spec', 'podSelector', 'matchLabels'), workload.labels),
  );
const scalerOf = (world: World, workload: Workload): Manifest | undefined =>
  ofKind(world, 'HorizontalPodAutoscaler').find(
    (scaler) => sameSpace(scaler, workload) && at(scaler.body, 'spec', 'scaleTargetRef', 'name') === workload.name,
  );
const budgetOf = (world: World, workload: Workload): Manifest | undefined =>
  ofKind(world, 'PodDisruptionBudget').find(
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
const isDns = (rule: Json): boolean => list(at(rule, 'ports')).some((port) => at(port, 'port') === 53);

/** A rule for each object of a kind. `broken` gives path and finding. */
const forKind = (
  about: Pick<Check<World>, 'id' | 'rule' | 'reason' | 'cure'>,
  kind: string,
  broken: (object: Manifest, world: World) => readonly [path: string, found: string] | undefined,
): Check<World> => ({
  ...about,
  *find(world) {
    for (const object of ofKind(world, kind)) {
      const found = broken(object, world);
      if (found) yield hit(object, ...found);
    }
  },
});
const forServers = (
  about: Pick<Check<World>, 'id' | 'rule' | 'reason' | 'cure'>,
  broken: (server: Workload, world: World) => readonly [path: string, found: string] | undefined,
): Check<World> => ({
  ...about,
  *find(world) {
    for (const server of servers(world)) {
      const found = broken(server, world);
      if (found) yield hit(server, ...found);
    }
  },
});

export const clusterChecks: readonly Check<World>[] = [
  forKind(
    {
      id: 'pod-security',
      rule: 'a namespace enforces, audits and warns of Pod Security `restricted`, at a fixed version',
      reason: 'without it one mistyped manifest runs as root',
      cure: 'add the labels pod-security.kubernetes.io/enforce, audit, warn and their versions',
    },
    'Namespace',
    ({ body }) => {
      const wrong = levels.find(
        (level) =>
          at(body, 'metadata', 'labels', `pod-security.kubernetes.io/${level}`) !== 'restricted' ||
          at(body, 'metadata', 'labels', `pod-security.kubernetes.io/${level}-version`) === undefined,
      );
      return (
        wrong && [
          `metadata.labels.pod-security.kubernetes.io/${wrong}`,
          text(at(body, 'metadata', 'labels', `pod-security.kubernetes.io/${wrong}`)) || 'missing',
        ]
      );
    },
  ),
  ...(['ResourceQuota', 'LimitRange'] as const).map((kind) =>
    forKind(
      {
        id: kind === 'ResourceQuota' ? 'quota' : 'limit-range',
        rule: `a namespace has a ${kind}`,
        reason: 'a fault of one site would starve the others',
        cure: `add a ${kind}`,
      },
      'Namespace',
      ({ name }, world) =>
        ofKind(world, kind).some(({ namespace }) => namespace === name) ? undefined : ['metadata.name', `${name} has none`],
    ),
  ),
  forKind(
    {
      id: 'default-deny',
      rule: 'a namespace denies every connection that no policy allows',
      reason: 'what is forgotten would be open',
      cure: 'add a NetworkPolicy for all pods, without rules',
    },
    'Namespace',
    ({ name }, world) =>
      ofKind(world, 'NetworkPolicy').some(
        ({ namespace, body }) =>
          namespace === name &&
          entries(at(body, 'spec', 'podSelector')).length === 0 &&
          ['Ingress', 'Egress'].every((direction) => list(at(body, 'spec', 'policyTypes')).includes(direction)) &&
          at(body, 'spec', 'ingress') === undefined &&
          at(body, 'spec', 'egress') === undefined,
      )
        ? undefined
        : ['metadata.name', `${name} has none`],
  ),
  {
    id: 'flows',
    rule: 'a policy of its own says what may reach each pod and what it may reach',
    reason: 'under a policy that denies everything it would be cut off',
    cure: 'add a NetworkPolicy that selects it, for Ingress and Egress',
    *find(world) {
      for (const workload of world.workloads)
        for (const direction of ['Ingress', 'Egress'] as const)
          if (policiesOf(world, workload, direction, false).length === 0)
            yield hit(workload, `${workload.podPath.replace(/\.spec$/, '')}.metadata.labels`, `no policy for ${direction}`);
    },
  },
  {
    id: 'dns',
    rule: 'a pod that may reach something may ask for its name',
    reason: 'without DNS every other rule of its is useless',
    cure: 'allow port 53, UDP and TCP',
    *find(world) {
      for (const workload of world.workloads) {
        const rules = policiesOf(world, workload, 'Egress').flatMap(({ body }) => list(at(body, 'spec', 'egress')));
        if (rules.length > 0 && !rules.some(isDns)) yield hit(workload, 'spec', 'no egress to port 53');
      }
    },
  },
  forKind(
    {
      id: 'open-policy',
      rule: 'no policy lets every pod of the cluster in, but that of the way in',
      reason: 'a neighbour that was broken into could reach a database',
      cure: 'name the pods that may',
    },
    'NetworkPolicy',
    ({ body }, world) => {
      const open = list(at(body, 'spec', 'ingress')).some((rule) => at(rule, 'from') === undefined || list(at(rule, 'from')).length === 0);
      const selected = world.workloads.filter(({ labels }) => selects(at(body, 'spec', 'podSelector', 'matchLabels'), labels));
      return open && selected.some(({ labels }) => labels['app.kubernetes.io/component'] !== 'edge')
        ? ['spec.ingress', 'from anywhere']
        : undefined;
    },
  ),
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
    (server, world) => (budgetOf(world, server) ? undefined : ['metadata.name', 'no PodDisruptionBudget']),
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
    {
      id: 'dangling-service',
      rule: 'a Service selects pods that are there, at a port that they have',
      reason: 'whoever asks there waits for an answer in vain',
      cure: 'correct selector or targetPort',
    },
    'Service',
    (service, world) => {
      const selected = world.workloads.filter(
        (workload) => sameSpace(workload, service) && selects(at(service.body, 'spec', 'selector'), workload.labels),
      );
      if (selected.length === 0) return ['spec.selector', 'no pods'];
      const ports = selected.flatMap(({ containers }) =>
        containers.flatMap(({ body }) => list(at(body, 'ports')).flatMap((port) => [at(port, 'name'), at(port, 'containerPort')])),
      );
      const lost = list(at(service.body, 'spec', 'ports')).find((port) => !ports.includes(at(port, 'targetPort') ?? at(port, 'port')));
      return lost === undefined ? undefined : ['spec.ports', `no port ${text(at(lost, 'targetPort'))}`];
    },
  ),
  forKind(
    {
      id: 'client-address',
      rule: 'what is reached from outside sees who asks',
      reason: 'limits for each address would hold for all visitors together',
      cure: 'set externalTrafficPolicy: Local',
    },
    'Service',
    ({ body }) =>
      ['LoadBalancer', 'NodePort'].includes(text(at(body, 'spec', 'type'))) && at(body, 'spec', 'externalTrafficPolicy') !== 'Local'
        ? ['spec.externalTrafficPolicy', text(at(body, 'spec', 'externalTrafficPolicy')) || 'missing']
        : undefined,
  ),
  forKind(
    {
      id: 'outside',
      rule: 'only the edge is reached from outside',
      reason: 'everything else trusts that the edge has looked at a request',
      cure: 'set type: ClusterIP',
    },
    'Service',
    ({ body }) =>
      ['LoadBalancer', 'NodePort'].includes(text(at(body, 'spec', 'type'))) &&
      at(body, 'metadata', 'labels', 'app.kubernetes.io/component') !== 'edge'
        ? ['spec.type', text(at(body, 'spec', 'type'))]
        : undefined,
  ),
  ...(
    [
      ['backoffLimit', 'retries', 'a Job that fails tries again a few times, not for ever'],
      ['activeDeadlineSeconds', 'deadline', 'a Job has an end, whatever happens'],
      ['ttlSecondsAfterFinished', 'ttl', 'a Job that has ended goes away'],
    ] as const
  ).map(([field, id, rule]) =>
    forKind(
      { id: `job-${id}`, rule, reason: 'jobs that stay or hang pile up, and hide the one that matters', cure: `set ${field}` },
      'Job',
      ({ body }) => (typeof at(body, 'spec', field) === 'number' ? undefined : [`spec.${field}`, 'missing']),
    ),
  ),
  forKind(
    {
      id: 'job-restart',
      rule: 'a Job tries again in the same pod, or not at all',
      reason: 'the server refuses Always',
      cure: 'set restartPolicy: OnFailure',
    },
    'Job',
    ({ body }) =>
      ['OnFailure', 'Never'].includes(text(at(body, 'spec', 'template', 'spec', 'restartPolicy')))
        ? undefined
        : ['spec.template.spec.restartPolicy', 'missing'],
  ),
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
  {
    id: 'references',
    rule: 'everything that a pod refers to is there',
    reason: 'the pod would wait for ever',
    cure: 'correct the name, or add what is missing',
    *find(world) {
      for (const workload of world.workloads)
        for (const { kind, name, key } of referencesOf(workload)) {
          const found = world.objects.find(
            (object) =>
              object.kind === kind && object.name === name && (object.namespace === workload.namespace || object.namespace === ''),
          );
          const there = kind === 'Secret' ? world.secrets.has(`${workload.namespace}/${name}/${key ?? ''}`) : found !== undefined;
          if (!there)
            yield hit(
              workload,
              workload.podPath,
              `no ${kind} ${name}${kind === 'Secret' && key !== undefined ? ` with the key ${key}` : ''}`,
            );
        }
    },
  },
  {
    id: 'twice',
    rule: 'every object is there once',
    reason: 'the second would overwrite the first',
    cure: 'give one of them another name',
    *find({ objects }) {
      const seen = new Set<string>();
      for (const object of objects) {
        if (seen.has(object.id)) yield hit(object, 'metadata.name', object.name);
        seen.add(object.id);
      }
    },
  },
  {
    id: 'names',
    rule: 'every name is legal, also with what a controller appends to it',
    reason: 'the server would refuse it, or the pods of it',
    cure: 'give it a shorter name of lower-case letters, digits and -',
    *find({ objects }) {
      // A StatefulSet appends the number of a pod, and its revision in a label.
      const longest: Readonly<Record<string, number>> = { StatefulSet: 52, CronJob: 52 };
      for (const object of objects)
        if (!label.test(object.name) || object.name.length > (longest[object.kind] ?? 63)) yield hit(object, 'metadata.name', object.name);
    },
  },
  {
    id: 'labels',
    rule: 'every object says what it belongs to',
    reason: 'nobody could find all of a site, or delete it',
    cure: 'add app.kubernetes.io/instance and app.kubernetes.io/managed-by',
    *find({ objects }) {
      for (const object of objects)
        for (const key of ['app.kubernetes.io/instance', 'app.kubernetes.io/managed-by'])
          if (at(object.body, 'metadata', 'labels', key) === undefined) yield hit(object, 'metadata.labels', `no ${key}`);
    },
  },
  {
    id: 'namespace',
    rule: 'every object says its namespace',
    reason: 'it would land where the next kubectl happens to point',
    cure: 'add metadata.namespace',
    *find({ objects }) {
      for (const object of objects)
        if (object.namespace === '' && !['Namespace', 'PriorityClass'].includes(object.kind))
          yield hit(object, 'metadata.namespace', 'missing');
    },
  },
  forKind(
    {
      id: 'secret-manifest',
      rule: 'no Secret stands among what is generated',
      reason: 'k8s/generated is read and copied',
      cure: 'write it to k8s/secrets',
    },
    'Secret',
    ({ name }) => ['metadata.name', name],
  ),
  forKind(
    {
      id: 'account-token',
      rule: 'no account gives a token to its pods',
      reason: 'a pod that forgets to refuse it would have one',
      cure: 'set automountServiceAccountToken: false',
    },
    'ServiceAccount',
    ({ body }) => (at(body, 'automountServiceAccountToken') === false ? undefined : ['automountServiceAccountToken', 'missing']),
  ),
  forKind(
    {
      id: 'ingress-class',
      rule: 'an Ingress names its class',
      reason: 'without one every controller takes it, or none',
      cure: 'set ingressClassName',
    },
    'Ingress',
    ({ body }) => (text(at(body, 'spec', 'ingressClassName')) === '' ? ['spec.ingressClassName', 'missing'] : undefined),
  ),
];
