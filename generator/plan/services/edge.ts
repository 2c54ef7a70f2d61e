import { nginx as facts } from '../../../model/engines/nginx.ts';
import type { Decision, Dependency, EdgePlan, PlannedService, Size } from '../../../model/plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatSize, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish, memoryWish } from '../wish.ts';

/** Workers and connections that `memory` MiB and `cpu` thousandths of a CPU can carry for `clients` at once, and what they take at worst. */
export function divideMemory(memory: number, cpu: number, clients: number): { readonly workers: number; readonly connections: number; readonly worstCase: number } {
  const workers = Math.max(1, Math.min(Math.ceil(cpu / 1000), Math.floor((memory * 0.45) / facts.workerMiB)));
  const affordable = Math.floor(((memory * 0.9 - workers * facts.workerMiB) / facts.requestMiB) * (facts.connectionsPerRequest / workers));
  const wanted = Math.ceil((facts.connectionsPerRequest * clients * 1.25) / workers);
  const connections = Math.max(facts.fewestConnections, Math.min(Math.max(wanted, 1024), affordable, facts.mostConnections));
  return { workers, connections, worstCase: workers * facts.workerMiB + ((workers * connections) / facts.connectionsPerRequest) * facts.requestMiB };
}

export function demandEdge(profile: HardwareProfile): Demand {
  return { name: 'edge', role: 'edge', count: 1, memory: memoryWish('edge', {}, profile.edge.memory, { value: mib(128), because: '128 MiB: one or two workers and some 500 open requests' }), cpu: cpuWish('edge', {}, profile.edge.cpu, milliCpu(50)) };
}

export function planEdge(spec: StackSpec, profile: HardwareProfile, size: Size, image: { readonly user: string }, after: readonly Dependency[]): { service: PlannedService; plan: EdgePlan; decisions: readonly Decision[] } {
  const clients = profile.edge.clients;
  const { workers, connections, worstCase } = divideMemory(size.memory, size.cpu, clients.value);
  const nofile = 2 * connections + 1024;
  const inputs = { L: formatSize(size.memory), clients: `${clients.value} (${clients.because})`, workers: String(workers) };
  const decisions: Decision[] = [
    { key: 'edge.worker_processes', value: String(workers), formula: 'min(⌈CPU limit⌉, 0.45 L / 32 MiB)', inputs: { 'CPU limit': String(size.cpu / 1000), L: formatSize(size.memory) }, source: 'measured: `auto` counts the CPUs of the host, not the limit', change: 'the profile' },
    { key: 'edge.worker_connections', value: String(connections), formula: '2 × clients × 1.25 / workers, from 1024 to 16384, and no more than memory carries', inputs, source: 'nginx: a proxied request holds two connections', change: 'the profile' },
    { key: 'edge.worker_rlimit_nofile', value: String(nofile), formula: '2 × worker_connections + 1024', inputs: { worker_connections: String(connections) }, source: 'nginx-proxy issue 2387', change: 'the profile' },
    { key: 'edge.worst_case', value: `${Math.ceil(worstCase)} MiB of ${size.memory} MiB`, formula: 'workers × 32 MiB + open requests × 0.1 MiB', inputs, source: 'design: at most 0.9 of the limit', change: 'the profile' },
  ];
  const service: PlannedService = {
    name: 'edge', role: 'edge', title: 'nginx: the only service with ports on the host; chooses the slot of each request', kind: 'server', image: 'edge', slotted: false, replicas: 1, size, user: image.user,
    command: ['nginx', '-c', '/etc/berth/edge/nginx.conf', '-g', 'daemon off;'], env: {}, secretEnv: {}, secretFiles: [], volumes: [], tmpfs: [{ path: '/tmp', size: mib(Math.max(64, Math.floor(size.memory / 4))), mode: '1777' }], nofile,
    mounts: [
      { source: 'config/edge', target: '/etc/berth/edge', restarts: true },
      { source: 'config/weights', target: '/etc/berth/weights', restarts: false },
      { source: 'secrets/tls', target: '/etc/berth/tls', restarts: false },
    ],
    port: facts.httpsPort, ports: [{ published: spec.edge.http, target: facts.httpPort }, { published: spec.edge.https, target: facts.httpsPort }],
    healthcheck: { argv: ['curl', '--fail', '--silent', '--output', '/dev/null', '--max-time', '2', `http://127.0.0.1:${facts.httpPort}/-/berth/edge`], interval: seconds(5), timeout: seconds(3), retries: 3, startPeriod: seconds(15) },
    stopSignal: 'SIGQUIT', stopGrace: seconds(40), networks: ['edge', 'app'], after,
  };
  const plan: EdgePlan = {
    domain: spec.domain, workers, connections, nofile, perAddress: spec.edge.connections, hsts: spec.edge.hsts, httpsPort: spec.edge.https,
    apps: spec.services.map((app) => ({ service: app.name, port: app.port, routes: app.routes })),
  };
  return { service, plan, decisions };
}
