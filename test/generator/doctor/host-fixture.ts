import type { HostNeeds } from '../../../model/host-needs.ts';
import type { EngineState, HostState } from '../../../model/host-state.ts';
import { mib, milliCpu } from '../../../model/units.ts';

/** A small site: an edge, a queue that saves, a document store. */
export const hostNeeds = (more: Partial<HostNeeds> = {}): HostNeeds => ({
  site: 'shop',
  largestCpu: { service: 'web', cpu: milliCpu(2000) },
  memory: mib(12 * 1024),
  sizedFor: { cpus: milliCpu(4000), memory: mib(16 * 1024) },
  disk: mib(100 * 1024),
  ports: [80, 443],
  subnets: new Map([
    ['edge', '10.201.4.0/24'],
    ['data', '10.201.6.0/24'],
  ]),
  images: [{ reference: 'nginx:1.30.6', builtHere: false }],
  openFiles: { service: 'edge', files: 8192 },
  domain: 'shop.example.com',
  egress: ['web'],
  forking: ['queue'],
  memoryMaps: [{ service: 'documents', maps: 128_000 }],
  outside: [{ name: 'orders', path: 'databases.orders.external', host: 'db.example.com', port: 5432, needed: true }],
  ...more,
});

export const engine = (more: Partial<EngineState> = {}): EngineState => ({
  version: '28.3.1',
  machine: 'site-1',
  cpus: milliCpu(4000),
  memory: mib(16 * 1024),
  root: '/var/lib/docker',
  architecture: 'x86_64',
  cgroups: '2',
  limits: { memory: true, swap: true, cpu: true, pids: true },
  security: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'],
  liveRestore: true,
  proxied: false,
  clockSkew: 0,
  ...more,
});

export const disk = { folder: '/var/lib/docker', size: mib(500 * 1024), free: mib(400 * 1024), inodes: 32_000_000, freeInodes: 31_000_000 };

export const kernel = (more: Readonly<Record<string, string>> = {}): HostState['kernel'] =>
  new Map(Object.entries({ 'vm.overcommit_memory': '1', 'vm.max_map_count': '262144', 'net.ipv4.ip_forward': '1', ...more }));

/** A host that has everything a small site wants. */
export const host = (more: Partial<HostState> = {}): HostState => ({
  engine: engine(),
  compose: '2.40.3',
  disk,
  volumes: 0,
  syncLatency: { folder: '/var/lib/docker', writes: 200, median: 0.4, p99: 1.2 },
  listeners: [{ port: 22, by: 'sshd (process 700)' }],
  ranges: [
    { range: '192.168.2.0/24', by: 'the route through eth0' },
    { range: '172.17.0.0/16', by: "Docker's network bridge" },
  ],
  kernel: kernel(),
  hugePages: 'madvise',
  swap: mib(0),
  openFiles: 1_048_576,
  clock: { keeper: 'chrony', synchronised: true, offset: 0.0004 },
  dns: { servers: ['192.168.2.1'], domain: ['192.168.2.20'] },
  encryption: { encrypted: true, path: 'data (crypt) on sda2 (part) on sda (disk)' },
  images: [{ reference: 'nginx:1.30.6', architecture: 'amd64' }],
  outside: [{ name: 'orders', answers: true, detail: '' }],
  ...more,
});
