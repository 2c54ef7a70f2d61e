import { describe, expect, test } from 'vitest';
import { networkHint } from '../../../../runtime/orchestrators/kubernetes/network-hint.ts';
import { readFacts } from '../../../../runtime/orchestrators/kubernetes/read-facts.ts';
import { needs } from '../../../generator/doctor/needs-fixture.ts';
import { clientOf, testClock } from './kubeconfig-fixture.ts';
import { routes, startScriptedServer, status } from './scripted-api-server.ts';
import type { Reply, Script } from './scripted-api-server.ts';

const items = (...all: readonly object[]): Reply => ({ body: { items: all, metadata: {} } });
const pod = (namespace: string, nodeName: string, cpu: string, labels: object = {}) => ({
  metadata: { name: 'p', namespace, labels },
  spec: { nodeName, containers: [{ resources: { requests: { cpu, memory: '100Mi' } } }] },
});
const group = (name: string, version: string) => ({ name, versions: [{ version }] });
const own = { 'app.kubernetes.io/part-of': 'hello' };

/** A cluster of two nodes in which the site runs already. */
const cluster: Readonly<Record<string, Reply | Script>> = {
  'GET /version': { body: { major: '1', minor: '31+', gitVersion: 'v1.31.4-eks' }, headers: { Date: 'Tue, 01 Dec 2026 12:01:40 GMT' } },
  'GET /apis': {
    body: {
      groups: [
        group('apps', 'v1'),
        group('metrics.k8s.io', 'v1beta1'),
        group('external.metrics.k8s.io', 'v1beta1'),
        group('cert-manager.io', 'v1'),
      ],
    },
  },
  'GET /api/v1': { body: { resources: [{ name: 'services', kind: 'Service' }] } },
  'GET /apis/apps/v1': { body: { resources: [{ name: 'deployments', kind: 'Deployment' }] } },
  'GET /apis/metrics.k8s.io/v1beta1': {},
  'GET /apis/external.metrics.k8s.io/v1beta1': status(503, 'service unavailable'),
  'GET /api/v1/nodes': items(
    {
      metadata: { name: 'a', labels: { 'topology.kubernetes.io/zone': 'west' } },
      spec: {
        taints: [
          { key: 'dedicated', value: 'db', effect: 'NoSchedule' },
          { key: 'soft', effect: 'PreferNoSchedule' },
        ],
      },
      status: {
        allocatable: { cpu: '3920m', memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
        nodeInfo: { kubeletVersion: 'v1.31.4' },
      },
    },
    {
      metadata: { name: 'b' },
      spec: { unschedulable: true },
      status: { allocatable: { cpu: '2', memory: '4Gi', pods: '10' }, conditions: [{ type: 'Ready', status: 'Unknown' }] },
    },
  ),
  // Two pages.
  'GET /api/v1/pods': ({ query }) =>
    query['continue'] === undefined
      ? { body: { items: [pod('other', 'a', '250m'), pod('hello', 'a', '1', own)], metadata: { continue: 'next' } } }
      : { body: { items: [pod('hello', 'a', '500m')], metadata: {} } },
  'GET /apis/storage.k8s.io/v1/storageclasses': items({
    metadata: { name: 'fast', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
    provisioner: 'csi.example.com',
    allowVolumeExpansion: true,
  }),
  'GET /apis/networking.k8s.io/v1/ingressclasses': items({ metadata: { name: 'nginx' }, spec: { controller: 'k8s.io/ingress-nginx' } }),
  'GET /apis/apps/v1/daemonsets': items({ metadata: { name: 'calico-node' } }),
  'GET /api/v1/namespaces/hello': { body: { metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } } } },
  'GET /api/v1/namespaces/hello/resourcequotas': items(
    {
      metadata: { name: 'team' },
      status: { hard: { 'pods': '10', 'requests.cpu': '4', 'requests.memory': '8Gi' }, used: { 'requests.cpu': '1500m' } },
    },
    { metadata: { name: 'site', labels: { 'app.kubernetes.io/managed-by': 'berth' } }, status: { hard: { pods: '1' } } },
  ),
  'GET /api/v1/namespaces/hello/pods': items(pod('hello', 'a', '1', own)),
  'GET /api/v1/namespaces/hello/persistentvolumeclaims': items({ spec: { resources: { requests: { storage: '10Gi' } } } }),
  'POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews': ({ body }) => ({
    status: 201,
    body: {
      status: {
        allowed: (body as { spec: { resourceAttributes: { resource: string } } }).spec.resourceAttributes.resource === 'deployments',
      },
    },
  }),
};

describe('facts, read from the scripted stand-in', () => {
  test('are what the cluster has', async () => {
    await using stand = await startScriptedServer(routes(cluster));
    const facts = await readFacts(await clientOf(stand, { clock: testClock('2026-12-01T12:00:00Z') }), needs());
    expect(facts).toEqual({
      server: stand.url,
      version: { major: 1, minor: 31, text: 'v1.31.4-eks' },
      clockSkew: 100,
      nodes: [
        {
          name: 'a',
          ready: true,
          unschedulable: false,
          taints: ['dedicated=db:NoSchedule'],
          zone: 'west',
          allocatable: { cpu: 3920, memory: 8192, pods: 110 },
          // The site's own pod makes room for the one that replaces it.
          requested: { cpu: 750, memory: 200, pods: 2 },
        },
        {
          name: 'b',
          ready: false,
          unschedulable: true,
          taints: [],
          allocatable: { cpu: 2000, memory: 4096, pods: 10 },
          requested: { cpu: 0, memory: 0, pods: 0 },
        },
      ],
      storageClasses: [
        {
          name: 'fast',
          default: true,
          provisioner: 'csi.example.com',
          volumeBindingMode: 'Immediate',
          allowVolumeExpansion: true,
          reclaimPolicy: 'Delete',
        },
      ],
      apis: [
        { group: '', version: 'v1', kinds: ['Service'] },
        { group: 'apps', version: 'v1', kinds: ['Deployment'] },
        { group: 'metrics.k8s.io', version: 'v1beta1', kinds: 'unknown' },
        { group: 'external.metrics.k8s.io', version: 'v1beta1', kinds: 'unknown' },
        { group: 'cert-manager.io', version: 'v1', kinds: 'unknown' },
      ],
      metrics: 'served',
      externalMetrics: 'down',
      gatewayApi: false,
      certManager: true,
      cloudNativePg: false,
      ingressClasses: [{ name: 'nginx', controller: 'k8s.io/ingress-nginx', accepted: 'unknown' }],
      gatewayClasses: [],
      networkPolicies: { enforced: true, hint: 'Calico' },
      namespaces: [
        {
          name: 'hello',
          exists: true,
          podSecurity: 'baseline',
          quotas: [{ name: 'team', hard: { 'pods': 10, 'requests.cpu': 4000, 'requests.memory': 8192 }, used: { 'requests.cpu': 1500 } }],
          own: expect.objectContaining({
            'pods': 1,
            'requests.cpu': 1000,
            'requests.memory': 100,
            'requests.storage': 10_240,
            'persistentvolumeclaims': 1,
          }) as object,
        },
      ],
      rights: [
        { verb: 'create', group: 'apps', resource: 'deployments', namespace: 'hello', allowed: true },
        { verb: 'create', group: '', resource: 'namespaces', allowed: false },
      ],
    });
    expect(stand.asked.filter(({ method }) => method !== 'GET').map(({ path }) => path)).toEqual([
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
      '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    ]);
  });

  test('are unknown where they may not be read, and nothing else happens', async () => {
    const version = cluster['GET /version'] as Reply;
    await using stand = await startScriptedServer((asked) => (asked.path === '/version' ? version : status(403, 'forbidden', 'Forbidden')));
    expect(await readFacts(await clientOf(stand), needs())).toMatchObject({
      nodes: 'unknown',
      storageClasses: 'unknown',
      apis: 'unknown',
      metrics: 'unknown',
      gatewayApi: 'unknown',
      ingressClasses: 'unknown',
      gatewayClasses: 'unknown',
      networkPolicies: { enforced: 'unknown' },
      namespaces: [{ name: 'hello', exists: 'unknown' }],
      rights: [{ allowed: 'unknown' }, { allowed: 'unknown' }],
    });
  });

  test('begin anew when the pages of a list have expired', async () => {
    const pages: Reply[] = [
      { body: { items: [pod('x', 'a', '1')], metadata: { continue: 'old' } } },
      status(410, 'expired'),
      { body: { items: [pod('x', 'a', '2')], metadata: {} } },
    ];
    await using stand = await startScriptedServer(routes({ ...cluster, 'GET /api/v1/pods': () => pages.shift() ?? {} }));
    expect(await readFacts(await clientOf(stand), needs())).toMatchObject({ nodes: [{ requested: { cpu: 2000, pods: 1 } }, {}] });
  });

  test('are not read at all for somebody the cluster does not know', async () => {
    await using stand = await startScriptedServer(routes(cluster));
    const client = await clientOf(stand, { user: { token: 'wrong' } });
    await expect(readFacts(client, needs())).rejects.toMatchObject({ name: 'BerthError', kind: 'unreachable' });
    expect(stand.asked).toHaveLength(1);
  });

  test('count a pod as the scheduler does', async () => {
    const spec = {
      nodeName: 'a',
      overhead: { cpu: '10m' },
      containers: [{ resources: { requests: { cpu: '100m' } } }, {}],
      initContainers: [{ resources: { requests: { cpu: '500m' } } }, { restartPolicy: 'Always', resources: { requests: { cpu: '50m' } } }],
    };
    await using stand = await startScriptedServer(
      routes({ ...cluster, 'GET /api/v1/pods': items({ metadata: { namespace: 'x' }, spec }) }),
    );
    expect(await readFacts(await clientOf(stand), needs())).toMatchObject({ nodes: [{ requested: { cpu: 560 } }, {}] });
  });
});

test.each<{ daemons?: string[]; groups?: string[]; kubelets?: string[]; is: object }>([
  { daemons: ['kube-proxy', 'cilium'], is: { enforced: true, hint: 'Cilium' } },
  { daemons: ['kube-flannel-ds'], is: { enforced: false, hint: 'flannel' } },
  { daemons: ['rke2-canal', 'kube-flannel'], is: { enforced: true, hint: 'Canal' } },
  { daemons: ['kindnet'], is: { enforced: 'unknown', hint: 'kindnet' } },
  { groups: ['crd.projectcalico.org'], is: { enforced: true, hint: 'Calico' } },
  { kubelets: ['v1.31.4+k3s1'], is: { enforced: true, hint: 'k3s' } },
  { is: { enforced: 'unknown', hint: '' } },
])('a network is judged by what it is called: $daemons $groups $kubelets', ({ daemons = [], groups = [], kubelets = [], is }) => {
  expect(networkHint(daemons, groups, kubelets)).toEqual(is);
});
