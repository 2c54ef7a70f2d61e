import { nginx } from '../../../model/engines/nginx.ts';
import type { EdgePlan } from '../../../model/edge-plan.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { slotServiceOf } from '../../../model/kubernetes-spec.ts';
import { slots } from '../../../model/release.ts';
import type { Release, Slot } from '../../../model/release.ts';
import type { Yaml, YamlDocument } from '../write-yaml.ts';
import { networkPolicies } from './network.ts';
import { disruptionBudget, metaOf, object, serviceAccount } from './objects.ts';
import { podTemplate, portsOf } from './pod.ts';
import { secretOf, selectorOf, siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

const service = (scene: Scene, edge: PlannedService): YamlDocument => {
  const { expose, nodePorts } = scene.kubernetes;
  const outside = expose === 'loadBalancer' || expose === 'nodePort';
  return object(
    'v1',
    'Service',
    metaOf(scene, edge),
    {
      spec: {
        type: expose === 'loadBalancer' ? 'LoadBalancer' : expose === 'nodePort' ? 'NodePort' : 'ClusterIP',
        // Only nodes with an edge answer, and the edge sees the address of the visitor.
        externalTrafficPolicy: outside ? 'Local' : undefined,
        selector: selectorOf(scene.plan, edge.name),
        ports: portsOf(edge).map(({ name, port }) => ({
          name,
          port: port === nginx.httpPort ? 80 : 443,
          targetPort: name,
          protocol: 'TCP',
          nodePort: nodePorts && (port === nginx.httpPort ? nodePorts.http : nodePorts.https),
        })),
      },
    },
    'The one way in.',
  );
};

const deployment = (scene: Scene, edge: PlannedService): YamlDocument =>
  object(
    'apps/v1',
    'Deployment',
    metaOf(scene, edge, {
      ignore:
        scene.kubernetes.expose === 'hostPort'
          ? [
              ['host-port', 'kubernetes.expose: hostPort asks for it, and the namespace holds nothing else'],
              ['rolling-update', 'a second edge finds no free port on the node of the first'],
            ]
          : [],
    }),
    {
      spec: {
        replicas: edge.replicas,
        minReadySeconds: 5,
        progressDeadlineSeconds: 600,
        revisionHistoryLimit: 5,
        // With ports of the nodes a second edge has no place beside the first.
        strategy: {
          type: 'RollingUpdate',
          rollingUpdate: scene.kubernetes.expose === 'hostPort' ? { maxSurge: 0, maxUnavailable: 1 } : { maxSurge: 1, maxUnavailable: 0 },
        },
        selector: { matchLabels: selectorOf(scene.plan, edge.name) },
        template: podTemplate(scene, edge),
      },
    },
    edge.title,
  );

/** Everything of Berth's own edge. */
export const renderEdgeManifests = (scene: Scene, edge: PlannedService): readonly YamlDocument[] => [
  ...serviceAccount(scene, edge),
  service(scene, edge),
  deployment(scene, edge),
  disruptionBudget(scene, edge),
  ...networkPolicies(scene, edge),
];

const weightsOf = (release: Release, name: string): readonly { readonly slot: Slot; readonly weight: number }[] => {
  const filled = release.get(name) ?? [];
  return slots.map((slot) => ({ slot, weight: filled.find((one) => one.slot === slot)?.weight ?? 0 }));
};
const liveOf = (release: Release, name: string): Slot =>
  [...weightsOf(release, name)].sort((a, b) => b.weight - a.weight)[0]?.slot ?? 'blue';

const pathsOf = (edge: EdgePlan) =>
  edge.apps.flatMap((app) => app.routes.map((route) => ({ ...app, path: route.path, timeout: route.timeout })));

/** The gateway of the cluster instead of Berth's edge. */
export function renderGateway(scene: Scene): readonly YamlDocument[] {
  const { plan, kubernetes } = scene;
  const meta = { name: 'edge', namespace: kubernetes.namespace, labels: siteLabels(plan) };
  const parent = (sectionName: string): Yaml => [{ name: 'edge', sectionName }];
  return [
    object(
      'gateway.networking.k8s.io/v1',
      'Gateway',
      meta,
      {
        spec: {
          gatewayClassName: kubernetes.className,
          listeners: [
            { name: 'http', hostname: plan.domain, port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } },
            {
              name: 'https',
              hostname: plan.domain,
              port: 443,
              protocol: 'HTTPS',
              tls: { mode: 'Terminate', certificateRefs: [{ kind: 'Secret', name: secretOf(scene, 'tls') }] },
              allowedRoutes: { namespaces: { from: 'Same' } },
            },
          ],
        },
      },
      'The one way in, by the gateway of the cluster.',
    ),
    object(
      'gateway.networking.k8s.io/v1',
      'HTTPRoute',
      { ...meta, name: 'edge-to-https' },
      {
        spec: {
          parentRefs: parent('http'),
          hostnames: [plan.domain],
          rules: [{ filters: [{ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }] }],
        },
      },
    ),
    ...plan.edge.apps.map((app) =>
      object(
        'gateway.networking.k8s.io/v1',
        'HTTPRoute',
        { ...meta, name: app.service },
        {
          spec: {
            parentRefs: parent('https'),
            hostnames: [plan.domain],
            rules: app.routes.map((route) => ({
              matches: [{ path: { type: route.path.endsWith('/') ? 'PathPrefix' : 'Exact', value: route.path } }],
              // Here it counts to the end of the answer, and a stream has none.
              timeouts: { backendRequest: route.stream ? '0s' : `${route.timeout}s` },
              backendRefs: weightsOf(plan.release, app.service).map(({ slot, weight }) => ({
                name: slotServiceOf(kubernetes, app.service, slot),
                port: app.port,
                weight: Math.round(weight),
              })),
            })),
          },
        },
        'Weights follow release.yaml.',
      ),
    ),
  ];
}

/** The ingress controller of the cluster instead of Berth's edge. It cannot divide traffic: all of it goes to the slot with the most weight. */
export function renderIngress(scene: Scene): readonly YamlDocument[] {
  const { plan, kubernetes } = scene;
  return [
    object(
      'networking.k8s.io/v1',
      'Ingress',
      { name: 'edge', namespace: kubernetes.namespace, labels: siteLabels(plan) },
      {
        spec: {
          ingressClassName: kubernetes.className,
          tls: [{ hosts: [plan.domain], secretName: secretOf(scene, 'tls') }],
          rules: [
            {
              host: plan.domain,
              http: {
                paths: pathsOf(plan.edge).map(({ service: name, port, path }) => ({
                  path,
                  pathType: path.endsWith('/') ? 'Prefix' : 'Exact',
                  backend: { service: { name: slotServiceOf(kubernetes, name, liveOf(plan.release, name)), port: { number: port } } },
                })),
              },
            },
          ],
        },
      },
      'The one way in, by the ingress controller of the cluster. Each path leads to the live slot of release.yaml.',
    ),
  ];
}
