import { at, entries, list, text } from './check.ts';
import type { Check, Json } from './check.ts';
import { forKind } from './rules.ts';
import { hit, ofKind, sameSpace, selects } from './world.ts';
import type { Manifest, Workload, World } from './world.ts';

const policiesOf = (world: World, workload: Workload, direction: 'Ingress' | 'Egress', whole = true): readonly Manifest[] =>
  ofKind(world, 'NetworkPolicy').filter(
    (policy) =>
      sameSpace(policy, workload) &&
      list(at(policy.body, 'spec', 'policyTypes')).includes(direction) &&
      (whole || entries(at(policy.body, 'spec', 'podSelector')).length > 0) &&
      selects(at(policy.body, 'spec', 'podSelector', 'matchLabels'), workload.labels),
  );

/** Whoever else is asked speaks TCP alone. */
const isDns = (rule: Json): boolean => {
  const over = (protocol: string): readonly Json[] =>
    list(at(rule, 'ports')).flatMap((port) => (at(port, 'protocol') === protocol ? [at(port, 'port')] : []));
  return over('UDP').some((port) => over('TCP').includes(port));
};

export const networkChecks: readonly Check<World>[] = [
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
    cure: 'allow port 53, or the one that your DNS has, by UDP and TCP',
    *find(world) {
      for (const workload of world.workloads) {
        const rules = policiesOf(world, workload, 'Egress').flatMap(({ body }) => list(at(body, 'spec', 'egress')));
        if (rules.length > 0 && !rules.some(isDns)) yield hit(workload, 'spec', 'no egress to a DNS');
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
];
