import { describe, expect, test } from 'vitest';
import { checkHost } from '../../../generator/doctor/host.ts';
import type { HostNeeds } from '../../../model/host-needs.ts';
import { notKnown } from '../../../model/host-state.ts';
import type { HostState, ImageState } from '../../../model/host-state.ts';
import { mib, milliCpu } from '../../../model/units.ts';
import { disk, engine, host, hostNeeds, kernel } from './host-fixture.ts';

const unknown = notKnown('nobody tells');
const rootless = engine({ security: ['name=seccomp,profile=builtin', 'name=apparmor', 'name=rootless'] });
const withImages = (...images: readonly ImageState[]): Partial<HostState> => ({ images });
const registry = (answers: boolean) => ({ host: 'registry.example', answers, detail: answers ? 'answers 401' : 'ECONNREFUSED' });
const clock = (synchronised: boolean, offset?: number): Partial<HostState> => ({
  clock: { keeper: 'chrony', synchronised, ...(offset === undefined ? {} : { offset }) },
});

test('a host that has everything passes every check', () => {
  const diagnoses = checkHost(host(), hostNeeds());
  expect(diagnoses.filter(({ verdict }) => verdict !== 'pass')).toEqual([]);
  expect(diagnoses.map(({ id }) => id).join(' ')).toBe(
    'engine compose cgroups limits cpus memory swap disk inodes fsync port:80 port:443 subnets forwarding dns domain outside:orders overcommit huge-pages ' +
      'memory-maps open-files clock images seccomp confinement users encryption live-restore',
  );
});

interface World {
  readonly what: string;
  readonly id: string;
  readonly verdict: 'pass' | 'warn' | 'fail';
  readonly host?: Partial<HostState>;
  readonly needs?: Partial<HostNeeds>;
  readonly found: RegExp;
}

const worlds: readonly World[] = [
  { what: 'an engine of 2020', id: 'engine', verdict: 'pass', host: { engine: engine({ version: '26.1.5+dfsg1' }) }, found: /^26\.1\.5/ },
  {
    what: 'an engine older than tried',
    id: 'engine',
    verdict: 'warn',
    host: { engine: engine({ version: '20.10.24' }) },
    found: /older than 26\.1/,
  },
  {
    what: 'an engine that is too old',
    id: 'engine',
    verdict: 'fail',
    host: { engine: engine({ version: '19.03.15' }) },
    found: /older than 20\.10/,
  },
  { what: 'no engine', id: 'engine', verdict: 'fail', host: { engine: notKnown('docker is not on the PATH') }, found: /not on the PATH/ },

  { what: 'Compose of Debian 13', id: 'compose', verdict: 'pass', host: { compose: '2.26.1-4' }, found: /2\.26\.1/ },
  { what: 'a Compose older than tried', id: 'compose', verdict: 'warn', host: { compose: '2.20.2' }, found: /older than 2\.26/ },
  { what: 'a Compose without required: false', id: 'compose', verdict: 'fail', host: { compose: '2.20.1' }, found: /older than 2\.20\.2/ },
  { what: 'Compose 1', id: 'compose', verdict: 'fail', host: { compose: '1.29.2' }, found: /older than/ },
  { what: 'no Compose', id: 'compose', verdict: 'fail', host: { compose: unknown }, found: /nobody tells/ },

  { what: 'cgroup v1', id: 'cgroups', verdict: 'warn', host: { engine: engine({ cgroups: '1' }) }, found: /version 1/ },
  {
    what: 'no CPU limits',
    id: 'limits',
    verdict: 'fail',
    host: { engine: engine({ limits: { memory: true, swap: true, cpu: false, pids: true } }) },
    found: /CPU/,
  },

  {
    what: 'fewer CPUs than a limit',
    id: 'cpus',
    verdict: 'fail',
    host: { engine: engine({ cpus: milliCpu(1000) }) },
    found: /web has a limit of 2 CPUs/,
  },
  {
    what: 'fewer CPUs than sized for',
    id: 'cpus',
    verdict: 'warn',
    host: { engine: engine({ cpus: milliCpu(2000) }) },
    found: /sized for 4 CPUs/,
  },
  {
    what: 'more CPUs than sized for',
    id: 'cpus',
    verdict: 'pass',
    host: { engine: engine({ cpus: milliCpu(8000) }) },
    found: /8 CPUs, sized for 4/,
  },
  {
    what: 'less memory than the limits',
    id: 'memory',
    verdict: 'fail',
    host: { engine: engine({ memory: mib(8 * 1024) }) },
    found: /may use 12 GiB/,
  },
  {
    what: 'less memory than sized for',
    id: 'memory',
    verdict: 'warn',
    host: { engine: engine({ memory: mib(15 * 1024) }) },
    found: /sized for 16 GiB/,
  },

  { what: 'swap that containers are kept from', id: 'swap', verdict: 'pass', host: { swap: mib(2048) }, found: /containers get none/ },
  {
    what: 'swap that containers use',
    id: 'swap',
    verdict: 'warn',
    host: { swap: mib(2048), engine: engine({ limits: { memory: true, swap: false, cpu: true, pids: true } }) },
    found: /does not keep containers from it/,
  },
  { what: 'swap nobody knows', id: 'swap', verdict: 'warn', host: { swap: unknown }, found: /^not known: nobody tells/ },

  {
    what: 'too little disk',
    id: 'disk',
    verdict: 'fail',
    host: { disk: { ...disk, free: mib(99 * 1024) } },
    found: /99 GiB free .* plans 100 GiB/,
  },
  {
    what: 'too little disk, and nobody knows of volumes',
    id: 'disk',
    verdict: 'warn',
    host: { disk: { ...disk, free: mib(99 * 1024) }, volumes: unknown },
    found: /plans 100 GiB/,
  },
  {
    what: 'a site with data on half a disk',
    id: 'disk',
    verdict: 'pass',
    host: { volumes: 3, disk: { ...disk, free: mib(90 * 1024) } },
    found: /90 GiB free .*18 %/,
  },
  {
    what: 'a site with data on a disk that runs full',
    id: 'disk',
    verdict: 'warn',
    host: { volumes: 3, disk: { ...disk, free: mib(50 * 1024) } },
    found: /10 %/,
  },
  {
    what: 'a site with data on a full disk',
    id: 'disk',
    verdict: 'fail',
    host: { volumes: 3, disk: { ...disk, free: mib(20 * 1024) } },
    found: /4 %/,
  },
  { what: 'a disk nobody knows', id: 'disk', verdict: 'warn', host: { disk: unknown }, found: /^not known/ },
  {
    what: 'a file system that makes inodes as it needs them',
    id: 'inodes',
    verdict: 'pass',
    host: { disk: { ...disk, inodes: 0, freeInodes: 0 } },
    found: /as they are needed/,
  },
  { what: 'few inodes', id: 'inodes', verdict: 'warn', host: { disk: { ...disk, freeInodes: 3_000_000 } }, found: /3000000 of/ },
  { what: 'no inodes to speak of', id: 'inodes', verdict: 'fail', host: { disk: { ...disk, freeInodes: 49_999 } }, found: /49999/ },
  { what: 'inodes nobody knows', id: 'inodes', verdict: 'warn', host: { disk: unknown }, found: /^not known/ },
  {
    what: 'a slow disk',
    id: 'fsync',
    verdict: 'warn',
    host: { syncLatency: { folder: '/d', writes: 60, median: 9, p99: 48.2 } },
    found: /9\.0 ms, 99 of 100 within 48\.2 ms/,
  },
  { what: 'a disk that cannot be measured', id: 'fsync', verdict: 'warn', host: { syncLatency: unknown }, found: /^not known/ },

  {
    what: 'a web server on port 80',
    id: 'port:80',
    verdict: 'fail',
    host: { listeners: [{ port: 80, by: 'apache2 (process 812)' }] },
    found: /taken by apache2 \(process 812\)/,
  },
  {
    what: 'somebody on port 443',
    id: 'port:443',
    verdict: 'fail',
    host: { listeners: [{ port: 443 }] },
    found: /a process of another user/,
  },
  {
    what: 'the site itself on port 443',
    id: 'port:443',
    verdict: 'pass',
    host: { listeners: [{ port: 443, by: 'container shop-edge-1', project: 'shop' }] },
    found: /this site itself/,
  },
  {
    what: 'another site on port 443',
    id: 'port:443',
    verdict: 'fail',
    host: { listeners: [{ port: 443, by: 'container blog-edge-1', project: 'blog' }] },
    found: /blog-edge-1/,
  },
  { what: 'ports nobody knows', id: 'port:443', verdict: 'warn', host: { listeners: unknown }, found: /^not known/ },
  { what: 'a low port without root', id: 'port:80', verdict: 'fail', host: { engine: rootless }, found: /from 1024 on/ },
  {
    what: 'a low port without root that the kernel allows',
    id: 'port:80',
    verdict: 'pass',
    host: { engine: rootless, kernel: kernel({ 'net.ipv4.ip_unprivileged_port_start': '80' }) },
    found: /free/,
  },

  {
    what: 'a broad route over the site',
    id: 'subnets',
    verdict: 'warn',
    host: { ranges: [{ range: '10.0.0.0/8', by: 'the route through tun0' }] },
    found: /data \(10\.201\.6\.0\/24\) lies in 10\.0\.0\.0\/8, which is the route through tun0/,
  },
  {
    what: 'a route as narrow as the site',
    id: 'subnets',
    verdict: 'fail',
    host: { ranges: [{ range: '10.201.4.0/24', by: 'the route through eth1' }] },
    found: /edge .*eth1/,
  },
  {
    what: 'another network of Docker',
    id: 'subnets',
    verdict: 'fail',
    host: { ranges: [{ range: '10.201.0.0/16', by: "Docker's network blog_data", project: 'blog' }] },
    found: /blog_data/,
  },
  {
    what: 'the networks of the site itself',
    id: 'subnets',
    verdict: 'pass',
    host: { ranges: [{ range: '10.201.4.0/24', by: "Docker's network shop_edge", project: 'shop' }] },
    found: /nobody else has 10\.201\.4\.0\/24, 10\.201\.6\.0\/24/,
  },
  {
    what: 'ranges of IPv6',
    id: 'subnets',
    verdict: 'pass',
    host: { ranges: [{ range: 'fd00::/8', by: "Docker's network six" }] },
    found: /nobody else/,
  },
  { what: 'routes nobody knows', id: 'subnets', verdict: 'warn', host: { ranges: unknown }, found: /^not known/ },

  {
    what: 'forwarding that is off',
    id: 'forwarding',
    verdict: 'warn',
    host: { kernel: kernel({ 'net.ipv4.ip_forward': '0' }) },
    found: /off/,
  },
  {
    what: 'no name server, with services that reach out',
    id: 'dns',
    verdict: 'warn',
    host: { dns: { servers: [], domain: [] } },
    found: /web may reach out/,
  },
  {
    what: 'no name server, and nobody who needs one',
    id: 'dns',
    verdict: 'pass',
    host: { dns: { servers: [], domain: [] } },
    needs: { egress: [] },
    found: /nothing here needs one/,
  },
  {
    what: 'a database elsewhere that cannot be reached',
    id: 'outside:orders',
    verdict: 'fail',
    host: { outside: [{ name: 'orders', answers: false, detail: 'ECONNREFUSED' }] },
    found: /^db\.example\.com:5432 does not answer \(ECONNREFUSED\)$/,
  },
  {
    what: 'a bucket of backups that cannot be reached',
    id: 'outside:backups',
    verdict: 'warn',
    host: { outside: [{ name: 'backups', answers: false, detail: 'no answer within 5 s' }] },
    needs: { outside: [{ name: 'backups', path: 'backups.bucket', host: 's3.example.com', port: 443, needed: false }] },
    found: /^s3\.example\.com:443 does not answer/,
  },
  {
    what: 'places elsewhere, from another machine',
    id: 'outside:orders',
    verdict: 'warn',
    host: { outside: unknown },
    found: /^not known/,
  },
  { what: 'names nobody knows of', id: 'dns', verdict: 'warn', host: { dns: unknown }, found: /^not known/ },
  {
    what: 'a domain without an address',
    id: 'domain',
    verdict: 'warn',
    host: { dns: { servers: ['::1'], domain: [] } },
    found: /shop\.example\.com has no address/,
  },
  {
    what: 'a name server that does not answer',
    id: 'domain',
    verdict: 'warn',
    host: { dns: { servers: ['::1'], domain: unknown } },
    found: /^not known/,
  },

  {
    what: 'careful memory',
    id: 'overcommit',
    verdict: 'warn',
    host: { kernel: kernel({ 'vm.overcommit_memory': '0' }) },
    found: /queue may be refused/,
  },
  {
    what: 'a kernel that does not tell',
    id: 'overcommit',
    verdict: 'warn',
    host: { kernel: new Map([['vm.overcommit_memory', unknown]]) },
    found: /^not known: nobody tells/,
  },
  { what: 'huge pages everywhere', id: 'huge-pages', verdict: 'warn', host: { hugePages: 'always' }, found: /always: queue/ },
  { what: 'huge pages nobody knows', id: 'huge-pages', verdict: 'warn', host: { hugePages: unknown }, found: /^not known/ },
  {
    what: 'few memory maps',
    id: 'memory-maps',
    verdict: 'warn',
    host: { kernel: kernel({ 'vm.max_map_count': '65530' }) },
    found: /65530; documents asks for 128000/,
  },
  { what: 'few open files', id: 'open-files', verdict: 'fail', host: { openFiles: 4096 }, found: /4096 at most, and edge wants 8192/ },
  { what: 'open files nobody knows', id: 'open-files', verdict: 'warn', host: { openFiles: unknown }, found: /^not known/ },

  { what: 'a clock nobody keeps', id: 'clock', verdict: 'warn', host: clock(false), found: /not kept by chrony/ },
  { what: 'a clock that is seconds off', id: 'clock', verdict: 'warn', host: clock(true, -4.5), found: /4\.500 s off/ },
  { what: 'a clock that is minutes off', id: 'clock', verdict: 'fail', host: clock(true, 180), found: /180 s off/ },
  { what: 'an engine with another clock', id: 'clock', verdict: 'fail', host: { engine: engine({ clockSkew: -90 }) }, found: /90 s away/ },
  { what: 'a clock nobody knows', id: 'clock', verdict: 'warn', host: { clock: unknown }, found: /^not known/ },

  {
    what: 'an image to fetch',
    id: 'images',
    verdict: 'pass',
    host: withImages({ reference: 'a:1', architecture: 'amd64' }, { reference: 'b:1', registry: registry(true) }),
    found: /1 of 2 are here; the others come from registry\.example/,
  },
  {
    what: 'an image that cannot be had',
    id: 'images',
    verdict: 'fail',
    host: withImages({ reference: 'b:1', registry: registry(false) }),
    found: /b:1 is not here, and registry\.example does not answer \(ECONNREFUSED\)/,
  },
  {
    what: 'an image behind a proxy',
    id: 'images',
    verdict: 'warn',
    host: withImages({ reference: 'b:1', registry: unknown }),
    found: /b:1 is not here; nobody tells/,
  },
  { what: 'images nobody knows of', id: 'images', verdict: 'warn', host: { images: unknown }, found: /^not known/ },
  {
    what: 'an image for another machine',
    id: 'architecture',
    verdict: 'fail',
    host: withImages({ reference: 'b:1', architecture: 'arm64' }),
    found: /b:1 is for arm64, and this host is amd64/,
  },

  {
    what: 'every system call allowed',
    id: 'seccomp',
    verdict: 'warn',
    host: { engine: engine({ security: ['name=seccomp,profile=unconfined'] }) },
    found: /every system call/,
  },
  { what: 'SELinux', id: 'confinement', verdict: 'pass', host: { engine: engine({ security: ['name=selinux'] }) }, found: /SELinux/ },
  {
    what: 'nothing that confines',
    id: 'confinement',
    verdict: 'warn',
    host: { engine: engine({ security: [] }) },
    found: /nothing confines/,
  },
  { what: 'an engine without root', id: 'users', verdict: 'warn', host: { engine: rootless }, found: /one address for all clients/ },
  { what: 'mapped users', id: 'users', verdict: 'pass', host: { engine: engine({ security: ['name=userns'] }) }, found: /userns-remap/ },
  {
    what: 'plain disks',
    id: 'encryption',
    verdict: 'warn',
    host: { encryption: { encrypted: false, path: 'sda2 (part) on sda (disk)' } },
    found: /none below .* sda2 \(part\) on sda/,
  },
  { what: 'disks nobody knows', id: 'encryption', verdict: 'warn', host: { encryption: unknown }, found: /^not known/ },
  {
    what: 'no live-restore',
    id: 'live-restore',
    verdict: 'warn',
    host: { engine: engine({ liveRestore: false }) },
    found: /stops every container/,
  },
];

test.each(worlds)('$what: $id is $verdict', ({ id, verdict, host: more, needs, found }) => {
  const diagnosis = checkHost(host(more), hostNeeds(needs)).find((one) => one.id === id);
  expect(diagnosis).toMatchObject({ verdict, found: expect.stringMatching(found) as string });
  expect(diagnosis?.cure === undefined).toBe(verdict === 'pass');
});

test('what an engine would have to tell is not known when it does not answer, and nothing else suffers', () => {
  const diagnoses = checkHost(host({ engine: notKnown('permission denied while trying to connect'), images: unknown }), hostNeeds());
  const silent = diagnoses.filter(({ found }) => found.includes('the engine does not answer')).map(({ id }) => id);
  expect(silent).toEqual(['cgroups', 'limits', 'cpus', 'memory', 'images', 'seccomp', 'confinement', 'users', 'live-restore']);
  expect(diagnoses.filter(({ verdict }) => verdict === 'fail')).toMatchObject([
    { id: 'engine', cure: expect.stringContaining('group docker') as string },
  ]);
  expect(diagnoses.filter(({ verdict }) => verdict === 'pass').length).toBeGreaterThan(10);
});

describe('what no service asks for', () => {
  test('is not looked at', () => {
    const needs = hostNeeds({ forking: [], memoryMaps: [], openFiles: { service: '', files: 0 }, domain: 'localhost' });
    const ids = checkHost(host(), needs).map(({ id }) => id);
    for (const id of ['overcommit', 'huge-pages', 'memory-maps', 'open-files', 'domain']) expect(ids).not.toContain(id);
  });
});
