import type { ClusterFacts, NodeFacts, Room } from '../../../model/cluster-facts.ts';
import type { ClusterNeeds, VolumeNeed, WorkloadNeed } from '../../../model/cluster-needs.ts';
import { mib, milliCpu, seconds } from '../../../model/units.ts';

export const room = (cpu: number, memory: number, pods = 110): Room => ({ cpu: milliCpu(cpu), memory: mib(memory), pods });

export const node = (name: string, more: Partial<NodeFacts> = {}): NodeFacts => ({
  name,
  ready: true,
  unschedulable: false,
  taints: [],
  allocatable: room(4000, 8192),
  requested: room(500, 512, 10),
  ...more,
});

export const workload = (name: string, more: Partial<WorkloadNeed> = {}): WorkloadNeed => ({
  name,
  namespace: 'hello',
  replicas: 2,
  cpu: milliCpu(500),
  memory: mib(1024),
  spread: 'host-preferred',
  surge: 1,
  ...more,
});

export const volume = (name: string, more: Partial<VolumeNeed> = {}): VolumeNeed => ({
  name,
  namespace: 'hello',
  size: mib(10_240),
  uid: 999,
  gid: 999,
  ...more,
});

/** A small site: two web pods and a database. */
export const needs = (more: Partial<ClusterNeeds> = {}): ClusterNeeds => ({
  site: 'hello',
  namespaces: [{ name: 'hello', podSecurity: 'restricted' }],
  minor: 30,
  workloads: [workload('web-blue'), workload('database', { replicas: 1, memory: mib(2048), surge: 0 })],
  volumes: [volume('database-data')],
  apis: [
    { group: '', version: 'v1', kind: 'Service', why: 'every service' },
    { group: 'apps', version: 'v1', kind: 'Deployment', why: 'applications' },
  ],
  images: [{ reference: 'registry.example.internal/hello:1', service: 'web' }],
  rights: [
    { verb: 'create', group: 'apps', resource: 'deployments', namespaced: true },
    { verb: 'create', group: '', resource: 'namespaces', namespaced: false },
  ],
  certManager: false,
  cilium: { unnamed: [] },
  scaling: { resources: false, external: [] },
  ...more,
});

/** A cluster that has everything a small site wants. */
export const facts = (more: Partial<ClusterFacts> = {}): ClusterFacts => ({
  server: 'https://10.0.0.1:6443',
  version: { major: 1, minor: 31, text: 'v1.31.4' },
  nodes: [node('a'), node('b'), node('c')],
  storageClasses: [
    {
      name: 'standard',
      default: true,
      provisioner: 'csi.example.com',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
      reclaimPolicy: 'Retain',
    },
  ],
  apis: [
    { group: '', version: 'v1', kinds: ['Service', 'Pod'] },
    { group: 'apps', version: 'v1', kinds: ['Deployment', 'StatefulSet'] },
  ],
  metrics: 'served',
  externalMetrics: 'absent',
  gatewayApi: false,
  certManager: false,
  cloudNativePg: false,
  ingressClasses: [],
  gatewayClasses: [],
  networkPolicies: { enforced: true, hint: 'Calico' },
  namespaces: [{ name: 'hello', exists: true, quotas: [], own: {} }],
  rights: [{ verb: 'create', group: 'apps', resource: 'deployments', namespace: 'hello', allowed: true }],
  clockSkew: seconds(0),
  ...more,
});
