import { mib, seconds } from '../../model/units.ts';

/** All defaults of the spec live here. */
export const defaults = {
  target: 'compose',
  domain: 'localhost',
  network: '10.201.0.0/22',
  operatorNamespace: 'cnpg-system',
  http: 80,
  https: 443,
  body: mib(25),
  timeout: seconds(60),
  connections: 100,
  user: '10001:10001',
  live: '/livez',
  ready: '/readyz',
  timeZone: 'UTC',
  vacuumDeadline: seconds(4 * 3600),
  queryTimeout: seconds(30 * 60),
  deadline: seconds(3600),
  stopGrace: seconds(30),
  secretLength: 48,
  coolDown: seconds(300),
  kubernetesMinor: 30,
  clusterDomain: 'cluster.local',
  expose: 'loadBalancer',
  controllerNetwork: 'pods',
  // Kubelets keep 10 MiB unless they are told; OpenShift and managed clusters have 50.
  containerLog: { size: mib(50), files: 5 },
  dns: { namespace: 'kube-system', labels: {}, addresses: ['169.254.0.0/16'], ports: [53] },
} as const;
