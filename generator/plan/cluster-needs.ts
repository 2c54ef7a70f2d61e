import type { ClusterNeeds, VolumeNeed, WorkloadNeed } from '../../model/cluster-needs.ts';
import { callsApi, stepsOf } from '../../model/planned-service.ts';
import type { KubernetesPlan } from '../../model/kubernetes-plan.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService, Role } from '../../model/planned-service.ts';
import { mib, milliCpu } from '../../model/units.ts';

type Api = ClusterNeeds['apis'][number];

/** What a pod asks for: its container, or the gate before it that asks for most. */
const asks = (service: PlannedService): Pick<WorkloadNeed, 'cpu' | 'memory'> => ({
  cpu: milliCpu(Math.max(service.size.cpuShare, ...stepsOf(service).map((gate) => gate.size.cpuShare))),
  memory: mib(Math.max(service.size.memory, ...stepsOf(service).map((gate) => gate.size.memory))),
});

function workloadsOf(plan: Plan, kubernetes: KubernetesPlan, service: PlannedService): readonly WorkloadNeed[] {
  const namespace = kubernetes.pods.get(service.name)?.namespace ?? kubernetes.namespace;
  const spread = service.peers === 'apart' ? 'host-required' : 'host-preferred';
  const base = { namespace, ...asks(service), spread } as const;
  if (service.slotted && service.kind === 'server')
    return (plan.release.get(service.name) ?? [])
      .filter(({ replicas }) => replicas > 0)
      .map(({ slot, replicas }) => ({ ...base, name: `${service.name}-${slot}`, replicas: service.scaling?.max ?? replicas, surge: 1 }));
  if (service.role !== 'edge')
    return [
      {
        ...base,
        name: service.name,
        replicas: service.scaling?.max ?? service.replicas,
        surge: service.role === 'app' && service.kind === 'server' ? 1 : 0,
      },
    ];
  // Ports of the nodes: two of them find no place on one, and none comes before another has gone.
  const ports = kubernetes.expose === 'hostPort';
  return [
    { ...base, name: service.name, replicas: service.replicas, spread: ports ? 'host-required' : 'host-preferred', surge: ports ? 0 : 1 },
  ];
}

const referenceOf = (plan: Plan, image: string): string => plan.images.find(({ key }) => key === image)?.reference ?? image;

function volumesOf(plan: Plan, kubernetes: KubernetesPlan, service: PlannedService): readonly VolumeNeed[] {
  const [uid = 0, gid = uid] = service.user.split(':').map(Number);
  return service.volumes.flatMap(({ name, size }) =>
    Array.from({ length: service.replicas }, (_, index) => ({
      name: service.operator ? `${service.name}-${index + 1}` : `${name}-${service.name}-${index}`,
      namespace: kubernetes.pods.get(service.name)?.namespace ?? kubernetes.namespace,
      size,
      ...(kubernetes.storageClass === undefined ? {} : { storageClass: kubernetes.storageClass }),
      uid,
      gid,
      image: referenceOf(plan, service.image),
    })),
  );
}

function sharedOf(plan: Plan, { namespace }: KubernetesPlan): readonly VolumeNeed[] {
  return plan.volumes.map(({ name, size, alone, storageClass }) => {
    const service = plan.services.find(({ shared }) => shared?.some((mount) => mount.name === name));
    const [uid = 0, gid = uid] = (service?.user ?? '').split(':').map(Number);
    // The image of an application may have no shell; the edge's has one.
    return {
      name,
      namespace,
      size,
      many: !alone,
      ...(storageClass === undefined ? {} : { storageClass }),
      uid,
      gid,
      image: referenceOf(plan, 'nginx'),
    };
  });
}

const stateful: ReadonlySet<Role> = new Set<Role>(['database', 'cache', 'storage', 'agent']);

/** Every kind of object in k8s/, with its resource as rights name it. */
function kindsOf(
  plan: Plan,
  { expose, certificate, networkPlugin }: KubernetesPlan,
): readonly (Api & { readonly resource: string; readonly namespaced: boolean })[] {
  const { services } = plan;
  const kind = (group: string, version: string, name: string, resource: string, why: string, namespaced = true) => ({
    group,
    version,
    kind: name,
    resource,
    why,
    namespaced,
  });
  const some = (wanted: boolean, ...kinds: readonly ReturnType<typeof kind>[]) => (wanted ? kinds : []);
  return [
    kind('', 'v1', 'Namespace', 'namespaces', 'the site itself', false),
    kind('scheduling.k8s.io', 'v1', 'PriorityClass', 'priorityclasses', 'what goes last when nodes run full', false),
    kind('', 'v1', 'ResourceQuota', 'resourcequotas', 'the limits of the site'),
    kind('', 'v1', 'LimitRange', 'limitranges', 'the limits of the site'),
    kind('', 'v1', 'ServiceAccount', 'serviceaccounts', 'every service'),
    kind('', 'v1', 'Service', 'services', 'every service'),
    kind('', 'v1', 'ConfigMap', 'configmaps', 'configuration'),
    kind('', 'v1', 'Secret', 'secrets', 'passwords and certificates'),
    kind('apps', 'v1', 'Deployment', 'deployments', 'applications'),
    ...some(
      services.some(({ role, operator }) => operator === undefined && stateful.has(role)),
      kind('apps', 'v1', 'StatefulSet', 'statefulsets', 'databases, caches and stores'),
    ),
    ...some(plan.volumes.length > 0, kind('', 'v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', 'volumes that services share')),
    ...some(
      services.some(({ operator }) => operator !== undefined),
      kind('postgresql.cnpg.io', 'v1', 'Cluster', 'clusters', 'databases with operator: cloudnative-pg'),
    ),
    ...some(
      services.some((service) => service.kind === 'task'),
      kind('batch', 'v1', 'Job', 'jobs', 'accounts and buckets'),
    ),
    ...some(
      services.some((service) => service.kind === 'job'),
      kind('batch', 'v1', 'CronJob', 'cronjobs', 'what runs at set times'),
    ),
    ...some(
      services.some(({ rights }) => rights !== undefined),
      kind('rbac.authorization.k8s.io', 'v1', 'Role', 'roles', 'scaling at set times'),
      kind('rbac.authorization.k8s.io', 'v1', 'RoleBinding', 'rolebindings', 'scaling at set times'),
    ),
    kind('policy', 'v1', 'PodDisruptionBudget', 'poddisruptionbudgets', 'draining a node'),
    kind('networking.k8s.io', 'v1', 'NetworkPolicy', 'networkpolicies', 'who may talk to whom'),
    ...some(
      networkPlugin === 'cilium',
      kind('cilium.io', 'v2', 'CiliumNetworkPolicy', 'ciliumnetworkpolicies', 'kubernetes.networkPlugin: cilium'),
    ),
    ...some(
      services.some(({ scaling }) => scaling !== undefined),
      kind('autoscaling', 'v2', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers', 'scaling'),
    ),
    ...some(expose === 'ingress', kind('networking.k8s.io', 'v1', 'Ingress', 'ingresses', 'kubernetes.expose: ingress')),
    ...some(
      expose === 'gateway',
      kind('gateway.networking.k8s.io', 'v1', 'Gateway', 'gateways', 'kubernetes.expose: gateway'),
      kind('gateway.networking.k8s.io', 'v1', 'HTTPRoute', 'httproutes', 'kubernetes.expose: gateway'),
    ),
    ...some(
      certificate === 'cert-manager',
      kind('cert-manager.io', 'v1', 'Issuer', 'issuers', 'kubernetes.certificate: cert-manager'),
      kind('cert-manager.io', 'v1', 'Certificate', 'certificates', 'kubernetes.certificate: cert-manager'),
    ),
  ];
}

function imagesOf(plan: Plan): ClusterNeeds['images'] {
  return plan.services.flatMap((service) => [
    ...(service.slotted
      ? (plan.release.get(service.name) ?? []).map(({ image }) => ({ reference: image, service: service.name }))
      : [{ reference: referenceOf(plan, service.image), service: service.name }]),
    ...stepsOf(service).map(({ image }) => ({ reference: referenceOf(plan, image), service: service.name })),
  ]);
}

/** Nodes, the API server and Cilium itself have no address for Cilium. */
function unnamedOf({ services }: Plan, { networkPlugin, controllerNetwork, className, expose }: KubernetesPlan): readonly string[] {
  if (networkPlugin === 'cilium') return [];
  const callers = services.filter(callsApi).map(({ name }) => name);
  const way = expose === 'gateway' ? 'gateway' : 'ingress controller';
  return [
    ...(callers.length > 0 ? [`the API server, which ${callers.join(', ')} asks`] : []),
    ...(controllerNetwork === 'nodes' ? [`the ${way} on the network of its nodes`] : []),
    // As its installation names its class.
    ...(className === 'cilium' ? [`its own ${way}`] : []),
  ];
}

/** What a plan for the target kubernetes asks of a cluster. */
export function clusterNeedsOf(plan: Plan): ClusterNeeds {
  const { kubernetes } = plan;
  if (!kubernetes) throw new Error('this plan is for another target');
  const kinds = kindsOf(plan, kubernetes);
  const scalings = plan.services.flatMap(({ scaling }) => (scaling ? [scaling] : []));
  const className = kubernetes.className ?? '';
  return {
    site: plan.name,
    namespaces: [...kubernetes.quota.keys()].map((name) => ({
      name,
      podSecurity: name === kubernetes.namespace ? 'restricted' : 'privileged',
    })),
    minor: kubernetes.minor,
    workloads: plan.services.flatMap((service) => workloadsOf(plan, kubernetes, service)),
    volumes: [...plan.services.flatMap((service) => volumesOf(plan, kubernetes, service)), ...sharedOf(plan, kubernetes)],
    apis: kinds.map(({ group, version, kind, why }) => ({ group, version, kind, why })),
    images: imagesOf(plan),
    ...(kubernetes.pullSecret === undefined ? {} : { pullSecret: kubernetes.pullSecret }),
    // What `kubectl apply` does with each.
    rights: kinds.flatMap(({ group, resource, namespaced }) =>
      ['get', 'create', 'patch'].map((verb) => ({ verb, group, resource, namespaced })),
    ),
    ...(kubernetes.expose === 'ingress' ? { ingressClass: className } : {}),
    ...(kubernetes.expose === 'gateway' ? { gatewayClass: className } : {}),
    certManager: kubernetes.certificate === 'cert-manager',
    cilium: { unnamed: unnamedOf(plan, kubernetes) },
    scaling: {
      resources: scalings.some(({ cpu, memory }) => cpu !== undefined || memory !== undefined),
      external: scalings.flatMap(({ queue }) => (queue ? [queue.metric] : [])),
    },
  };
}
