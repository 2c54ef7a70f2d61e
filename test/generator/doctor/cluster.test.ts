import { describe, expect, test } from 'vitest';
import { checkCluster } from '../../../generator/doctor/cluster.ts';
import { newestTested } from '../../../generator/doctor/version.ts';
import type { ClusterFacts, StorageClassFacts } from '../../../model/cluster-facts.ts';
import type { ClusterNeeds } from '../../../model/cluster-needs.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';
import { facts, needs, node, room, volume, workload } from './needs-fixture.ts';

const [standard] = facts().storageClasses as readonly StorageClassFacts[];
const storage = (more: Partial<StorageClassFacts>): Partial<ClusterFacts> => ({ storageClasses: [{ ...standard!, ...more }] });
const version = (minor: number): Partial<ClusterFacts> => ({ version: { major: 1, minor, text: `v1.${minor}.0` } });
const scaling = (external: readonly string[] = []): Partial<ClusterNeeds> => ({ scaling: { resources: true, external } });
const space = (more: Partial<ClusterFacts['namespaces'][number]>): Partial<ClusterFacts> => ({
  namespaces: [{ name: 'hello', exists: true, quotas: [], own: {}, ...more }],
});
const gateway = [{ name: 'shared', controller: 'example.com/gateway', accepted: true }];
const quota = (hard: Readonly<Record<string, number>>, used: Readonly<Record<string, number>> = {}) => [{ name: 'team', hard, used }];
const alone = (more: object) => [workload('edge', { replicas: 3, spread: 'host-required', ...more })];

test('a cluster that has everything passes every check', () => {
  const diagnoses = checkCluster(facts(), needs());
  expect(diagnoses.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
  expect(diagnoses.map(({ id }) => id)).toEqual([
    'version',
    'clock',
    'rights',
    'nodes',
    'capacity',
    'capacity-surge',
    'capacity-node-loss',
    'storage-class',
    'storage-expansion:standard',
    'storage-reclaim:standard',
    'storage-binding:standard',
    'apis',
    'pod-security:hello',
    'quota:hello',
    'network-policies',
  ]);
});

interface World {
  readonly what: string;
  readonly id: string;
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly facts?: Partial<ClusterFacts>;
  readonly needs?: Partial<ClusterNeeds>;
  readonly found: RegExp;
}

const worlds: readonly World[] = [
  {
    what: 'Cilium, which nobody named and which finds no API server',
    id: 'network-policies',
    verdict: 'warn',
    facts: { networkPolicies: { enforced: true, hint: 'Cilium' } },
    needs: { cilium: { unnamed: ['the API server, which web-scale asks'] } },
    found: /lets through no NetworkPolicy for the API server, which web-scale asks/,
  },
  {
    what: 'Cilium where nothing needs more than NetworkPolicies',
    id: 'network-policies',
    verdict: 'pass',
    facts: { networkPolicies: { enforced: true, hint: 'Cilium' } },
    found: /enforced by Cilium/,
  },
  { what: 'a version that is too old', id: 'version', verdict: 'fail', facts: version(29), found: /v1\.29\.0, older than 1\.30/ },
  { what: 'the oldest version that will do', id: 'version', verdict: 'pass', facts: version(30), found: /v1\.30\.0/ },
  { what: 'a version newer than tried', id: 'version', verdict: 'warn', facts: version(newestTested + 1), found: /newer than/ },

  { what: 'a clock within five seconds', id: 'clock', verdict: 'pass', facts: { clockSkew: seconds(-5) }, found: /5 s behind/ },
  { what: 'a clock six seconds ahead', id: 'clock', verdict: 'warn', facts: { clockSkew: seconds(6) }, found: /6 s ahead of/ },
  { what: 'a clock more than a minute behind', id: 'clock', verdict: 'fail', facts: { clockSkew: seconds(-61) }, found: /61 s behind/ },
  { what: 'a clock nobody knows', id: 'clock', verdict: 'warn', facts: { clockSkew: 'unknown' }, found: /could not be read/ },

  {
    what: 'a right that is denied',
    id: 'rights',
    verdict: 'fail',
    facts: { rights: [{ verb: 'create', group: 'apps', resource: 'deployments', namespace: 'hello', allowed: false }] },
    found: /you may not create deployments\.apps in hello/,
  },
  {
    what: 'a right nobody knows',
    id: 'rights',
    verdict: 'warn',
    facts: { rights: [{ verb: 'get', group: '', resource: 'pods', allowed: 'unknown' }] },
    found: /does not say/,
  },

  {
    what: 'a node that is not ready',
    id: 'nodes',
    verdict: 'warn',
    facts: { nodes: [node('a'), node('b'), node('c', { ready: false })] },
    found: /2 of 3 take pods; not c \(not ready\)/,
  },
  {
    what: 'a control plane that takes no pods',
    id: 'nodes',
    verdict: 'pass',
    facts: { nodes: [node('a'), node('b'), node('m', { taints: ['node-role.kubernetes.io/control-plane:NoSchedule'] })] },
    found: /not m \(tainted/,
  },
  {
    what: 'no node for pods',
    id: 'nodes',
    verdict: 'fail',
    facts: { nodes: [node('a', { unschedulable: true })] },
    found: /0 of 1 .*cordoned/,
  },
  { what: 'nodes nobody may see', id: 'nodes', verdict: 'warn', facts: { nodes: 'unknown' }, found: /could not be read/ },
  {
    what: 'requests nobody may see',
    id: 'requested',
    verdict: 'warn',
    facts: { nodes: [node('a', { requested: 'unknown' })] },
    found: /could not be read/,
  },

  {
    what: 'a pod larger than what any node has free',
    id: 'capacity',
    verdict: 'fail',
    needs: { workloads: [workload('database', { memory: mib(8000) })] },
    found: /no place for database \(0\.5 CPUs, 7\.8 GiB\); most is free on a: 3\.5 CPUs, 7\.5 GiB/,
  },
  {
    what: 'a pod that just fits',
    id: 'capacity',
    verdict: 'pass',
    needs: { workloads: [workload('database', { replicas: 1, memory: mib(7680) })] },
    found: /1 pod, .*7\.5 GiB find their place on 3 nodes/,
  },
  {
    what: 'enough in sum, too little on each',
    id: 'capacity',
    verdict: 'fail',
    needs: { workloads: [workload('big', { replicas: 4, memory: mib(5000) })] },
    found: /no place for big/,
  },
  {
    what: 'too few CPUs',
    id: 'capacity',
    verdict: 'fail',
    needs: { workloads: [workload('busy', { replicas: 4, cpu: milliCpu(3500) })] },
    found: /no place for busy/,
  },
  {
    what: 'no more pods on any node',
    id: 'capacity',
    verdict: 'fail',
    facts: { nodes: [node('a', { requested: room(0, 0, 110) })] },
    found: /no place/,
  },
  { what: 'one node for each replica', id: 'capacity', verdict: 'pass', needs: { workloads: alone({}) }, found: /3 pods/ },
  {
    what: 'fewer nodes than replicas that stand apart',
    id: 'capacity',
    verdict: 'fail',
    needs: { workloads: alone({ replicas: 4 }) },
    found: /no place for edge/,
  },

  {
    what: 'a rollout that needs one node more',
    id: 'capacity-surge',
    verdict: 'fail',
    needs: { workloads: alone({}) },
    found: /one more pod of edge .* a rollout would hang/,
  },
  {
    what: 'a rollout that takes a replica away first',
    id: 'capacity-surge',
    verdict: 'pass',
    needs: { workloads: alone({ surge: 0 }) },
    found: /has room/,
  },
  {
    what: 'a rollout without room',
    id: 'capacity-surge',
    verdict: 'fail',
    needs: { workloads: [workload('web', { replicas: 3, memory: mib(7000) })] },
    found: /one more pod of web/,
  },

  {
    what: 'a cluster that is full without a node',
    id: 'capacity-node-loss',
    verdict: 'warn',
    needs: { workloads: [workload('web', { replicas: 3, memory: mib(5000), surge: 0 })] },
    found: /without a, b, c, the others have no room/,
  },
  {
    what: 'replicas that stand apart, and one less of them',
    id: 'capacity-node-loss',
    verdict: 'pass',
    needs: { workloads: alone({ surge: 0 }) },
    found: /without any one node/,
  },
  { what: 'a cluster of one node', id: 'capacity-node-loss', verdict: 'warn', facts: { nodes: [node('a')] }, found: /only a takes pods/ },

  {
    what: 'no default storage class',
    id: 'storage-class',
    verdict: 'fail',
    facts: storage({ default: false }),
    found: /no class is the default; there is standard/,
  },
  {
    what: 'two default storage classes',
    id: 'storage-class',
    verdict: 'warn',
    facts: { storageClasses: [standard!, { ...standard!, name: 'other' }] },
    found: /standard, other are all the default/,
  },
  {
    what: 'a storage class that is there',
    id: 'storage-class:standard',
    verdict: 'pass',
    needs: { volumes: [volume('d', { storageClass: 'standard' })] },
    found: /standard by csi/,
  },
  {
    what: 'a storage class that is missing',
    id: 'storage-class:fast',
    verdict: 'fail',
    needs: { volumes: [volume('d', { storageClass: 'fast' })] },
    found: /fast does not exist; there is standard/,
  },
  {
    what: 'storage classes nobody may see',
    id: 'storage-class',
    verdict: 'warn',
    facts: { storageClasses: 'unknown' },
    found: /could not be read/,
  },
  {
    what: 'volumes that cannot grow',
    id: 'storage-expansion:standard',
    verdict: 'warn',
    facts: storage({ allowVolumeExpansion: false }),
    found: /does not let volumes grow/,
  },
  {
    what: 'volumes that go with their claim',
    id: 'storage-reclaim:standard',
    verdict: 'warn',
    facts: storage({ reclaimPolicy: 'Delete' }),
    found: /deletes the data with the claim/,
  },
  {
    what: 'volumes that are made anywhere',
    id: 'storage-binding:standard',
    verdict: 'warn',
    facts: storage({ volumeBindingMode: 'Immediate' }),
    found: /before anybody knows/,
  },

  {
    what: 'an API that is missing',
    id: 'api:apps/Deployment',
    verdict: 'fail',
    facts: { apis: [{ group: '', version: 'v1', kinds: ['Service'] }] },
    found: /no Deployment of apps\/v1, needed for applications/,
  },
  {
    what: 'a kind that is missing',
    id: 'api:/Service',
    verdict: 'fail',
    facts: {
      apis: [
        { group: '', version: 'v1', kinds: [] },
        { group: 'apps', version: 'v1', kinds: ['Deployment'] },
      ],
    },
    found: /no Service of v1/,
  },
  {
    what: 'kinds nobody may see',
    id: 'apis',
    verdict: 'warn',
    facts: {
      apis: [
        { group: '', version: 'v1', kinds: 'unknown' },
        { group: 'apps', version: 'v1', kinds: ['Deployment'] },
      ],
    },
    found: /could not be read/,
  },

  {
    what: 'an ingress class that is there',
    id: 'ingress-class',
    verdict: 'pass',
    needs: { ingressClass: 'nginx' },
    facts: { ingressClasses: [{ name: 'nginx', controller: 'k8s.io/ingress-nginx', accepted: 'unknown' }] },
    found: /nginx by k8s\.io/,
  },
  {
    what: 'an ingress class that is missing',
    id: 'ingress-class',
    verdict: 'fail',
    needs: { ingressClass: 'nginx' },
    found: /no ingress class nginx; there is none/,
  },
  {
    what: 'a gateway class that is there',
    id: 'gateway-class',
    verdict: 'pass',
    needs: { gatewayClass: 'shared' },
    facts: { gatewayApi: true, gatewayClasses: gateway },
    found: /shared by example/,
  },
  {
    what: 'a gateway class that no controller took',
    id: 'gateway-class',
    verdict: 'fail',
    needs: { gatewayClass: 'shared' },
    facts: { gatewayApi: true, gatewayClasses: [{ ...gateway[0]!, accepted: false }] },
    found: /no controller has taken/,
  },
  {
    what: 'a cluster without the Gateway API',
    id: 'gateway-api',
    verdict: 'fail',
    needs: { gatewayClass: 'shared' },
    found: /not installed/,
  },
  {
    what: 'cert-manager that is there',
    id: 'cert-manager',
    verdict: 'pass',
    needs: { certManager: true },
    facts: { certManager: true },
    found: /installed/,
  },
  { what: 'cert-manager that is missing', id: 'cert-manager', verdict: 'fail', needs: { certManager: true }, found: /not installed/ },

  { what: 'metrics where an autoscaler wants them', id: 'metrics', verdict: 'pass', needs: scaling(), found: /answers/ },
  {
    what: 'no metrics where an autoscaler wants them',
    id: 'metrics',
    verdict: 'fail',
    needs: scaling(),
    facts: { metrics: 'absent' },
    found: /not installed/,
  },
  {
    what: 'metrics that do not answer',
    id: 'metrics',
    verdict: 'fail',
    needs: scaling(),
    facts: { metrics: 'down' },
    found: /does not answer/,
  },
  {
    what: 'metrics nobody may see',
    id: 'metrics',
    verdict: 'warn',
    needs: scaling(),
    facts: { metrics: 'unknown' },
    found: /could not be asked/,
  },
  {
    what: 'no external metrics where a queue scales',
    id: 'external-metrics',
    verdict: 'fail',
    needs: scaling(['queue_length']),
    found: /not installed/,
  },
  {
    what: 'external metrics where a queue scales',
    id: 'external-metrics',
    verdict: 'pass',
    needs: scaling(['queue_length']),
    facts: { externalMetrics: 'served' },
    found: /answers/,
  },

  {
    what: 'a namespace that is stricter than the site',
    id: 'pod-security:hello',
    verdict: 'fail',
    facts: space({ podSecurity: 'baseline' }),
    needs: { namespaces: [{ name: 'hello', podSecurity: 'privileged' }] },
    found: /baseline is enforced, .* privileged/,
  },
  {
    what: 'a namespace that is looser than the site',
    id: 'pod-security:hello',
    verdict: 'warn',
    facts: space({ podSecurity: 'privileged' }),
    found: /privileged is enforced/,
  },
  {
    what: 'a namespace as the site wants it',
    id: 'pod-security:hello',
    verdict: 'pass',
    facts: space({ podSecurity: 'restricted' }),
    found: /restricted/,
  },
  {
    what: 'a namespace that is not there',
    id: 'namespace:hello',
    verdict: 'pass',
    facts: space({ exists: false }),
    found: /not there yet/,
  },
  {
    what: 'a namespace nobody may see',
    id: 'namespace:hello',
    verdict: 'warn',
    facts: space({ exists: 'unknown' }),
    found: /could not be read/,
  },

  {
    what: 'a quota that is large enough',
    id: 'quota:hello',
    verdict: 'pass',
    facts: space({ quotas: quota({ 'pods': 4, 'requests.cpu': 2000, 'requests.memory': 5120, 'requests.storage': 10_240 }) }),
    found: /team has room/,
  },
  {
    what: 'a quota that is one pod short for a rollout',
    id: 'quota:hello',
    verdict: 'fail',
    facts: space({ quotas: quota({ pods: 4 }, { pods: 1 }) }),
    found: /pods: 4 asked, 3 left \(team\)/,
  },
  {
    what: 'a quota that holds the site itself',
    id: 'quota:hello',
    verdict: 'pass',
    facts: space({ quotas: quota({ pods: 4 }, { pods: 3 }), own: { pods: 3 } }),
    found: /has room/,
  },
  {
    what: 'a quota with too little memory',
    id: 'quota:hello',
    verdict: 'fail',
    facts: space({ quotas: quota({ 'requests.memory': 4096 }) }),
    found: /requests\.memory: 5 GiB asked, 4 GiB left/,
  },
  {
    what: 'a quota with too little storage',
    id: 'quota:hello',
    verdict: 'fail',
    facts: space({ quotas: quota({ 'requests.storage': 5120 }) }),
    found: /requests\.storage: 10 GiB asked/,
  },
  { what: 'quotas nobody may see', id: 'quota:hello', verdict: 'warn', facts: space({ quotas: 'unknown' }), found: /could not be read/ },

  {
    what: 'a network that ignores policies',
    id: 'network-policies',
    verdict: 'warn',
    facts: { networkPolicies: { enforced: false, hint: 'flannel' } },
    found: /flannel does not enforce/,
  },
  {
    what: 'a network nobody knows',
    id: 'network-policies',
    verdict: 'warn',
    facts: { networkPolicies: { enforced: 'unknown', hint: '' } },
    found: /nobody knows/,
  },

  {
    what: 'an image that came',
    id: 'image:a:1',
    verdict: 'pass',
    facts: { images: [{ reference: 'a:1', outcome: 'done', detail: '' }] },
    found: /a:1 can be had/,
  },
  {
    what: 'an image that did not come',
    id: 'image:a:1',
    verdict: 'fail',
    facts: { images: [{ reference: 'a:1', outcome: 'failed', detail: 'not found' }] },
    found: /a:1: not found/,
  },
  {
    what: 'an image that was not decided',
    id: 'image:a:1',
    verdict: 'warn',
    facts: { images: [{ reference: 'a:1', outcome: 'unknown', detail: 'no node' }] },
    found: /no node/,
  },
  {
    what: 'a volume that takes writes',
    id: 'write::999',
    verdict: 'pass',
    facts: { writes: [{ uid: 999, gid: 999, outcome: 'done', detail: '' }] },
    found: /the default class takes what 999:999 writes/,
  },
  {
    what: 'a volume that refuses writes',
    id: 'write:nfs:999',
    verdict: 'fail',
    facts: { writes: [{ storageClass: 'nfs', uid: 999, gid: 999, outcome: 'failed', detail: 'Permission denied' }] },
    found: /nfs: Permission denied/,
  },
];

describe('the doctor sees', () => {
  test.each(worlds)('$what: $verdict', ({ id, verdict, found, ...world }) => {
    const diagnosis = checkCluster(facts(world.facts), needs(world.needs)).find((one) => one.id === id);
    expect(diagnosis).toMatchObject({ verdict, found: expect.stringMatching(found) as string });
    if (verdict === 'pass') expect(diagnosis).not.toHaveProperty('cure');
    else expect(diagnosis?.cure).toMatch(/^[a-z].{15,}[^.]$/);
  });

  test('nothing of storage, metrics and probes where nothing of it is wanted', () => {
    const ids = checkCluster(facts({ storageClasses: [], metrics: 'absent' }), needs({ volumes: [] })).map(({ id }) => id);
    expect(ids.filter((id) => /storage|metrics|image|write/.test(id))).toEqual([]);
  });

  test('every check in a world where nothing may be read, as a warning and never as a failure', () => {
    const blind = facts({
      nodes: 'unknown',
      storageClasses: 'unknown',
      apis: 'unknown',
      metrics: 'unknown',
      externalMetrics: 'unknown',
      gatewayApi: 'unknown',
      certManager: 'unknown',
      ingressClasses: 'unknown',
      gatewayClasses: 'unknown',
      namespaces: [{ name: 'hello', exists: 'unknown', quotas: 'unknown', own: {} }],
      rights: [{ verb: 'get', group: '', resource: 'pods', allowed: 'unknown' }],
      clockSkew: 'unknown',
      networkPolicies: { enforced: 'unknown', hint: '' },
    });
    const wants = needs({ ...scaling(['m']), certManager: true, ingressClass: 'a', gatewayClass: 'b' });
    expect(checkCluster(blind, wants).filter(({ verdict }) => verdict === 'fail')).toEqual([]);
  });
});
