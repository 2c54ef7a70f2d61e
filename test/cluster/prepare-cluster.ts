import { run } from '../lab/process.ts';
import { until } from '../lab/until.ts';
import type { Access } from './control-plane.ts';
import { podSecurityPolicies } from './pod-security.ts';

/** The classes that sites of the tests name. */
export const edgeClass = 'internal';

/**
 * Kinds of others that a site may ask for. Their STAND-INS take every field, as the real definitions are not to be had here: the fields that Berth writes
 * are checked against tables of their own (`generator/render/`).
 */
const kinds: readonly (readonly [group: string, version: string, kind: string, plural: string, scope?: 'Namespaced' | 'Cluster'])[] = [
  ['gateway.networking.k8s.io', 'v1', 'Gateway', 'gateways'],
  ['gateway.networking.k8s.io', 'v1', 'GatewayClass', 'gatewayclasses', 'Cluster'],
  ['gateway.networking.k8s.io', 'v1', 'HTTPRoute', 'httproutes'],
  ['cert-manager.io', 'v1', 'Certificate', 'certificates'],
  ['cert-manager.io', 'v1', 'Issuer', 'issuers'],
];
const definition = ([group, version, kind, plural, scope = 'Namespaced']: (typeof kinds)[number]): object => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.${group}`, annotations: { 'api-approved.kubernetes.io': 'unapproved, a stand-in' } },
  spec: {
    group,
    scope,
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    versions: [
      {
        name: version,
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { 'type': 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
});

const storageClass = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
  provisioner: 'kubernetes.io/no-provisioner',
  volumeBindingMode: 'WaitForFirstConsumer',
};
const classes = [
  { apiVersion: 'networking.k8s.io/v1', kind: 'IngressClass', metadata: { name: edgeClass }, spec: { controller: 'example.com/ingress' } },
  {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GatewayClass',
    metadata: { name: edgeClass },
    spec: { controllerName: 'example.com/gateway' },
  },
];

/** What a cluster has before the first site comes to it. */
export async function prepareCluster({ admin }: Access): Promise<void> {
  const apply = (objects: readonly object[]): Promise<string> =>
    run(['kubectl', '--kubeconfig', admin, 'apply', '--validate=false', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
  await apply([...podSecurityPolicies, storageClass, ...kinds.map(definition)]);
  // A kind is served a moment after its definition was taken.
  await until(() => apply(classes), 'classes of the edge', { seconds: 60, everyMs: 500 });
}
