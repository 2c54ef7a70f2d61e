import { postgres } from '../../../model/engines/postgres.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import type { Yaml, YamlDocument } from '../write-yaml.ts';
import { metaOf, object } from './objects.ts';
import { portsOf } from './pod.ts';
import { podLabelsOf, podOf, siteLabels } from './scene.ts';
import type { Scene } from './scene.ts';

/** What CloudNativePG asks of the network beside what clients do: its own port of each server, the servers among themselves, and the API of the cluster. */
const operatorPorts = [8000, postgres.port];
const apiPorts = [443, 6443];
const tcp = (ports: readonly number[]): readonly Yaml[] => ports.map((port) => ({ protocol: 'TCP', port }));

const namespaceNamed = (name: string): Yaml => ({ matchLabels: { 'kubernetes.io/metadata.name': name } });

/** Names are looked up in kube-system, or at the address that a cache on each node listens on: a link-local one, which each distribution chooses. */
const dns: Yaml = {
  to: [{ namespaceSelector: namespaceNamed('kube-system') }, { ipBlock: { cidr: '169.254.0.0/16' } }],
  ports: [
    { protocol: 'UDP', port: 53 },
    { protocol: 'TCP', port: 53 },
  ],
};

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
  to: /^[\d.]+(?:\/\d+)?$/.test(host)
    ? [{ ipBlock: { cidr: host.includes('/') ? host : `${host}/32` } }]
    : host.startsWith('[')
      ? [{ ipBlock: { cidr: `${host.slice(1, -1)}/128` } }]
      : anywhere,
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

/** What may reach a service and what it may reach: the flows of the plan, DNS, and the way out where it was given. */
export function networkPolicy(scene: Scene, service: PlannedService): YamlDocument {
  const { plan, kubernetes } = scene;
  const { namespace } = podOf(scene, service);
  const connecting = (by: (port: number) => boolean): readonly PlannedService[] =>
    plan.services.filter(({ connects }) => connects.some((one) => one.service === service.name && by(one.port)));
  const { peerPort } = service;
  const clients = connecting((port) => port !== peerPort);
  const peers = peerPort === undefined ? [] : [{ port: peerPort, from: connecting((port) => port === peerPort) }];
  const ports = portsOf(service).map(({ port }) => ({ protocol: 'TCP', port }));
  const foreignEdge = service.role === 'app' && (kubernetes.expose === 'gateway' || kubernetes.expose === 'ingress');
  const controller: readonly Yaml[] = foreignEdge
    ? [
        {
          from: [{ namespaceSelector: kubernetes.controllerNamespace === undefined ? {} : namespaceNamed(kubernetes.controllerNamespace) }],
          ports,
        },
      ]
    : [];
  const ingress: readonly Yaml[] = [
    ...(service.role === 'edge' ? [{ ports }] : controller),
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
    ...(service.connects.length > 0 || (service.outside ?? []).length > 0 || service.egress || service.operator ? [dns] : []),
    ...service.connects.flatMap(({ service: name, port }) => {
      const target = plan.services.find((candidate) => candidate.name === name);
      return target ? [{ to: [podsOf(scene, target, namespace)], ports: [{ protocol: 'TCP', port }] }] : [];
    }),
    ...(service.operator
      ? [
          { to: [{ podSelector: { matchLabels: podLabelsOf(plan, service) } }], ports: tcp(operatorPorts) },
          // Where the API answers, a policy cannot know by name.
          { to: anywhere, ports: tcp(apiPorts) },
        ]
      : []),
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
