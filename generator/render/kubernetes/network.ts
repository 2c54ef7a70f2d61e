import { postgres } from '../../../model/engines/postgres.ts';
import { hasOtherEdge } from '../../../model/kubernetes-spec.ts';
import type { KubernetesPlan } from '../../../model/kubernetes-plan.ts';
import { callsApi } from '../../../model/planned-service.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { Yaml, YamlDocument } from '../write-yaml.ts';
import { metaOf, object } from './objects.ts';
import { portsOf } from './pod.ts';
import { podLabelsOf, podOf, siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

/** What CloudNativePG asks of the network beside what clients do: its own port of each server, the servers among themselves, and the API of the cluster. */
const operatorPorts = [8000, postgres.port];
/** Policies see the port of the Service, or that of the server behind it. */
const apiPorts = [443, 6443];
const tcp = (ports: readonly number[]): readonly Yaml[] => ports.map((port) => ({ protocol: 'TCP', port }));

const namespaceNamed = (name: string): Yaml => ({ matchLabels: { 'kubernetes.io/metadata.name': name } });

/** An address alone stands for itself. */
const blockOf = (subnet: string): Yaml => ({
  ipBlock: { cidr: subnet.includes('/') ? subnet : `${subnet}/${subnet.includes(':') ? 128 : 32}` },
});

/** Names are looked up in pods of the cluster, or at an address that a cache on each node listens on. */
const dnsRule = ({ dns: { namespace, labels, addresses, ports } }: KubernetesPlan): Yaml => ({
  to: [
    { namespaceSelector: namespaceNamed(namespace), podSelector: Object.keys(labels).length === 0 ? undefined : { matchLabels: labels } },
    ...addresses.map(blockOf),
  ],
  ports: ports.flatMap((port) => ['UDP', 'TCP'].map((protocol) => ({ protocol, port }))),
});

/** The pods of a service, seen from a policy that stands in `from`. */
const podsOf = (scene: Scene, service: PlannedService, from: string): Yaml => {
  const { namespace } = podOf(scene, service);
  return {
    ...(namespace === from ? {} : { namespaceSelector: namespaceNamed(namespace) }),
    podSelector: { matchLabels: podLabelsOf(scene.plan, service) },
  };
};

const anywhere: readonly Yaml[] = [{ ipBlock: { cidr: '0.0.0.0/0' } }, { ipBlock: { cidr: '::/0' } }];

/** The way to somebody else's server: to its address where that is known, else to its port, as a policy knows no names. */
const outside = ({ host, port }: NonNullable<PlannedService['outside']>[number]): Yaml => ({
  to: /^[\d.]+(?:\/\d+)?$/.test(host) ? [blockOf(host)] : host.startsWith('[') ? [blockOf(host.slice(1, -1))] : anywhere,
  ports: [{ protocol: 'TCP', port }],
});

/** Nothing goes in or out but what another policy allows. */
export const denyAll = (scene: Scene, namespace: string): YamlDocument =>
  object(
    'networking.k8s.io/v1',
    'NetworkPolicy',
    { name: 'default-deny', namespace, labels: siteLabels(scene.plan) },
    { spec: { podSelector: {}, policyTypes: ['Ingress', 'Egress'] } },
    'Nothing goes in or out but what the policies of the components allow.',
  );

const asksNames = (service: PlannedService): boolean =>
  service.connects.length > 0 || (service.outside ?? []).length > 0 || service.egress === true || callsApi(service);

/** Whether the gateway or the ingress controller of the cluster sends requests to it. */
const hasForeignEdge = ({ plan, kubernetes }: Scene, { name }: PlannedService): boolean =>
  hasOtherEdge(kubernetes) && plan.edge.apps.some((app) => app.service === name);

/** Pods by their namespace, nodes by their addresses; Cilium lets in what only it can name by a policy of its own. */
function controllersOf({ controllerNetwork, controllerNamespace, controllerAddresses }: KubernetesPlan): readonly Yaml[] {
  if (controllerNetwork === 'pods')
    return [{ namespaceSelector: controllerNamespace === undefined ? {} : namespaceNamed(controllerNamespace) }];
  return controllerAddresses.map(blockOf);
}

/** What may reach a service and what it may reach: the flows of the plan, DNS, and the way out where it was given. */
function policyOf(scene: Scene, service: PlannedService): YamlDocument {
  const { plan, kubernetes } = scene;
  const { namespace } = podOf(scene, service);
  const connecting = (by: (port: number) => boolean): readonly PlannedService[] =>
    plan.services.filter(({ connects }) => connects.some((one) => one.service === service.name && by(one.port)));
  const { peerPort } = service;
  const clients = connecting((port) => port !== peerPort);
  const peers = peerPort === undefined ? [] : [{ port: peerPort, from: connecting((port) => port === peerPort) }];
  const ports = portsOf(service).map(({ port }) => ({ protocol: 'TCP', port }));
  const controllers = hasForeignEdge(scene, service) ? controllersOf(kubernetes) : [];
  const ingress: readonly Yaml[] = [
    ...(service.role === 'edge' ? [{ ports }] : []),
    ...(controllers.length > 0 ? [{ from: controllers, ports }] : []),
    ...(service.operator
      ? [
          {
            from: [
              { namespaceSelector: namespaceNamed(kubernetes.operatorNamespace) },
              { podSelector: { matchLabels: podLabelsOf(plan, service) } },
            ],
            ports: tcp(operatorPorts),
          },
        ]
      : []),
    ...(clients.length > 0 && ports.length > 0 ? [{ from: clients.map((client) => podsOf(scene, client, namespace)), ports }] : []),
    ...peers.map(({ port, from }) => ({ from: from.map((peer) => podsOf(scene, peer, namespace)), ports: tcp([port]) })),
  ];
  const egress: readonly Yaml[] = [
    ...(asksNames(service) ? [dnsRule(kubernetes)] : []),
    ...service.connects.flatMap(({ service: name, port }) => {
      const target = plan.services.find((candidate) => candidate.name === name);
      return target ? [{ to: [podsOf(scene, target, namespace)], ports: [{ protocol: 'TCP', port }] }] : [];
    }),
    ...(service.operator ? [{ to: [{ podSelector: { matchLabels: podLabelsOf(plan, service) } }], ports: tcp(operatorPorts) }] : []),
    ...(callsApi(service) ? [{ to: anywhere, ports: tcp(apiPorts) }] : []),
    ...(service.outside ?? []).map(outside),
    // Everywhere: which addresses lie outside, only the network of the cluster knows.
    ...(service.egress ? [{ to: anywhere }] : []),
  ];
  return object('networking.k8s.io/v1', 'NetworkPolicy', metaOf(scene, service), {
    spec: {
      podSelector: { matchLabels: podLabelsOf(plan, service) },
      policyTypes: ['Ingress', 'Egress'],
      // Nothing at all is left out, as a server keeps no empty list: kubectl would send it again with every apply.
      ingress: ingress.length > 0 ? ingress : undefined,
      egress: egress.length > 0 ? egress : undefined,
    },
  });
}

const entities = (key: 'fromEntities' | 'toEntities', names: readonly string[], ports: readonly Yaml[]): Yaml => ({
  [key]: names,
  toPorts: [{ ports }],
});

/** To Cilium no address stands for a node, the API server or Cilium itself: only a policy of its own kind names them. */
function ciliumPolicies(scene: Scene, service: PlannedService): readonly YamlDocument[] {
  const { kubernetes, plan } = scene;
  const { networkPlugin, controllerNetwork, dns } = kubernetes;
  if (networkPlugin !== 'cilium') return [];
  const over = (protocol: string, ports: readonly number[]): readonly Yaml[] => ports.map((port) => ({ port: String(port), protocol }));
  const controller = controllerNetwork === 'cilium' ? ['ingress'] : controllerNetwork === 'nodes' ? ['host', 'remote-node'] : [];
  const ingress = hasForeignEdge(scene, service) && controller.length > 0;
  const ports = over(
    'TCP',
    portsOf(service).map(({ port }) => port),
  );
  const egress: readonly Yaml[] = [
    ...(asksNames(service) && dns.addresses.length > 0
      ? [entities('toEntities', ['host'], [...over('UDP', dns.ports), ...over('TCP', dns.ports)])]
      : []),
    ...(callsApi(service) ? [entities('toEntities', ['kube-apiserver'], over('TCP', apiPorts))] : []),
  ];
  if (!ingress && egress.length === 0) return [];
  return [
    object(
      'cilium.io/v2',
      'CiliumNetworkPolicy',
      metaOf(scene, service),
      {
        spec: {
          endpointSelector: { matchLabels: podLabelsOf(plan, service) },
          ingress: ingress ? [entities('fromEntities', controller, ports)] : undefined,
          egress: egress.length > 0 ? egress : undefined,
        },
      },
      'What a NetworkPolicy cannot name where Cilium enforces it; it allows this beside that.',
    ),
  ];
}

/** The policies of a service. */
export const networkPolicies = (scene: Scene, service: PlannedService): readonly YamlDocument[] => [
  policyOf(scene, service),
  ...ciliumPolicies(scene, service),
];
