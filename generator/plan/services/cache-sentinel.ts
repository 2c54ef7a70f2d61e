import { haproxy } from '../../../model/engines/haproxy.ts';
import { valkey as facts } from '../../../model/engines/valkey.ts';
import type { Decision } from '../../../model/decision.ts';
import type { EngineSetting } from '../../../model/engine-setting.ts';
import type { PlannedService, Size } from '../../../model/planned-service.ts';
import type { ProxyPlan, SentinelPlan } from '../../../model/cache-plan.ts';
import type { HardwareProfile } from '../../../model/profile.ts';
import type { CacheSpec } from '../../../model/cache-spec.ts';
import type { StackSpec } from '../../../model/stack-spec.ts';
import { formatDuration, mib, milliCpu, seconds } from '../../../model/units.ts';
import type { MiB } from '../../../model/units.ts';
import type { Demand } from '../demand.ts';
import { cpuWish } from '../wish.ts';
import { cacheClients } from './cache-clients.ts';
import { clientOptions, sentinelTls } from './cache-tls.ts';
import { servedFiles, trustedFiles } from './internal-tls.ts';
import { demandEach, hasProxy, nodesOf, proxiesOf, sentinelsOf, spread, waysTo } from './cache-members.ts';

const { sentinel } = facts;
const folder = '/etc/berth/cache';
const granule = 16;

const proxyClients = (cache: CacheSpec, spec: StackSpec, profile: HardwareProfile) =>
  cacheClients(cache, spec, profile, {
    service: cache.name,
    name: 'maxconn',
    because: 'as many as the primary behind it takes from clients',
  });

/** What a proxy takes when every connection is open and every buffer full. */
const proxyWorstCase = (connections: number): number =>
  haproxy.baseMiB + haproxy.folderMiB + Math.ceil((connections * haproxy.connectionKiB) / 1024);

/** What watches over the nodes, and what leads clients to them: both are as large as their work, on any host. */
export function demandSentinels(cache: CacheSpec, spec: StackSpec, profile: HardwareProfile): readonly Demand[] {
  const fixed = (memory: number, because: string): Demand['memory'] => ({
    wanted: mib(memory),
    floor: mib(memory),
    wantedBecause: because,
    floorBecause: because,
    change: 'fixed',
  });
  const { clients } = proxyClients(cache, spec, profile);
  return [
    ...demandEach(sentinelsOf(cache, spec), {
      role: 'cache',
      pids: 64,
      memory: fixed(sentinel.memoryMiB, 'measured: some 10 MiB, and as much again for clients that ask it'),
      cpu: {
        wanted: milliCpu(500),
        floor: milliCpu(50),
        wantedBecause: 'asks each node once a second',
        floorBecause: 'one that waits two seconds for the CPU trusts nothing that it knows, and does nothing for half a minute',
        change: 'fixed',
      },
    }),
    ...(hasProxy(cache)
      ? [
          {
            name: cache.name,
            role: 'cache' as const,
            count: proxiesOf(spec),
            pids: 64,
            memory: fixed(
              Math.ceil(proxyWorstCase(clients) / 0.9 / granule) * granule,
              `${haproxy.baseMiB} MiB, and ${haproxy.connectionKiB} KiB for each of ${clients} connections`,
            ),
            cpu: cpuWish(`caches.${cache.name}`, cache, profile.cache.cpu, milliCpu(50)),
          },
        ]
      : []),
  ];
}

function settingsOf(cache: CacheSpec): { readonly settings: readonly EngineSetting[]; readonly decisions: readonly Decision[] } {
  const settings: EngineSetting[] = [];
  const decisions: Decision[] = [];
  const decide = (setting: string, value: string, because: string, formula: string, source: string): void => {
    settings.push({ name: `sentinel ${setting} ${cache.name}`, value, because });
    decisions.push({
      key: `${cache.name}-sentinel.${setting}`,
      value,
      formula,
      inputs: {},
      source,
      change: `config/${cache.name}-sentinel/sentinel.conf, which keeps what you edit`,
    });
  };
  decide(
    'down-after-milliseconds',
    String(sentinel.downAfter * 1000),
    'a node that is silent for so long is dead; a pause of the host is shorter',
    'fixed',
    'design: a fail-over takes this and some two seconds',
  );
  decide(
    'failover-timeout',
    String(sentinel.failOver * 1000),
    'a take-over that failed is tried again after twice that',
    'fixed',
    'Valkey documentation, Sentinel: the default of three minutes is for links between towns',
  );
  decide(
    'parallel-syncs',
    '1',
    'after a take-over one copy is made after the other, so that one always has the data',
    'fixed',
    'Valkey documentation, Sentinel',
  );
  return { settings, decisions };
}

/** The default account may ask and do nothing else: an application finds the primary without a password, and so does this. */
const asks = (client: string, spec: StackSpec, question: string): string =>
  `timeout 4 ${client} -h 127.0.0.1 -p ${sentinel.port}${clientOptions(spec)} ${question}`;

/** To the end of the way: what answers is the primary. */
const reachesPrimary = `exec 3<>/dev/tcp/127.0.0.1/${facts.port} && printf 'PING\\r\\n' >&3 && read -r -t 3 answer <&3 && test "$answer" = $'+PONG\\r'`;
/** It hands TLS on as it comes, and its image has no client for it: it says itself whether a node that it asks by TLS is the primary. */
const knowsPrimary = `exec 3<>/dev/tcp/127.0.0.1/${haproxy.healthPort} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && read -r -t 3 answer <&3 && test "\${answer#* 200}" != "$answer"`;

function planProxy(
  cache: CacheSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  size: Size,
  user: string,
): { readonly service: PlannedService; readonly plan: ProxyPlan; readonly decisions: readonly Decision[] } {
  const { clients: connections, decision } = proxyClients(cache, spec, profile);
  const threads = Math.min(4, Math.ceil(size.cpu / 1000));
  const ready = ['/bin/bash', '-c', spec.internalTls ? knowsPrimary : reachesPrimary] as const;
  return {
    plan: { service: cache.name, connections, threads },
    decisions: [
      decision,
      {
        key: `${cache.name}.nbthread`,
        value: String(threads),
        formula: 'min(4, ⌈CPU limit⌉)',
        inputs: { 'CPU limit': String(size.cpu / 1000) },
        source:
          'design: one thread passes on more than one node of a cache answers; without a number there is one for each CPU of the host',
        change: `caches.${cache.name}.cpu in berth.yaml, or the profile`,
      },
      {
        key: `${cache.name}.worst_case`,
        value: `${proxyWorstCase(connections)} MiB of ${size.memory} MiB`,
        formula: `${haproxy.baseMiB} MiB + connections × ${haproxy.connectionKiB} KiB + folders in memory`,
        inputs: { 'connections': String(connections), 'folders in memory': `${haproxy.folderMiB} MiB for /tmp` },
        source: 'design: at most 0.9 of the limit',
        change: 'services.*.replicas in berth.yaml',
      },
    ],
    service: {
      name: cache.name,
      role: 'cache',
      title: `${haproxy.title}; leads every client to the node of ${cache.name} that is written to`,
      kind: 'server',
      image: haproxy.image,
      slotted: false,
      replicas: proxiesOf(spec),
      size,
      user,
      entrypoint: ['haproxy'],
      command: ['-db', '-f', `${folder}/haproxy.cfg`],
      env: {},
      secretEnv: {},
      secretFiles: trustedFiles(spec),
      mounts: [{ source: `config/${cache.name}`, target: folder, restarts: true }],
      volumes: [],
      tmpfs: [{ path: '/tmp', size: mib(haproxy.folderMiB), mode: '1777' }],
      nofile: connections * 2 + haproxy.ownFiles,
      port: facts.port,
      ports: [],
      healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 3, startPeriod: seconds(90) },
      probes: { ready: { argv: ready }, live: { tcp: facts.port } },
      connects: [...waysTo(nodesOf(cache, spec), facts.port), ...waysTo(sentinelsOf(cache, spec), sentinel.port)],
      gates: [],
      // As the first process of a container it does not hear the others; what is still connected after ten seconds is closed.
      stopSignal: 'SIGUSR1',
      stopGrace: seconds(30),
      networks: ['data'],
      after: [],
    },
  };
}

export interface Surroundings {
  readonly engine: { readonly image: string; readonly server: string; readonly client: string };
  readonly forgets: boolean;
  readonly disk: MiB;
  readonly sentinelSize: Size;
  readonly proxySize: Size | undefined;
  readonly user: string;
  readonly proxyUser: string;
}

/** What stands around the nodes of a cache: three Sentinels, and the proxy for clients that know nothing of them. */
export function planSentinels(
  cache: CacheSpec,
  spec: StackSpec,
  profile: HardwareProfile,
  { engine, forgets, disk, sentinelSize, proxySize, user, proxyUser }: Surroundings,
): { readonly services: readonly PlannedService[]; readonly plan: SentinelPlan; readonly decisions: readonly Decision[] } {
  const [nodes, sentinels] = [nodesOf(cache, spec), sentinelsOf(cache, spec)];
  const { settings, decisions } = settingsOf(cache);
  const tls = sentinelTls(spec, sentinels.name, sentinel.port);
  const proxy = proxySize === undefined ? undefined : planProxy(cache, spec, profile, proxySize, proxyUser);
  // Healthy is one that could act: it knows the primary, and enough others to decide with.
  const ready: readonly [string, ...string[]] = [
    '/bin/sh',
    '-c',
    `case "$(${asks(engine.client, spec, `sentinel ckquorum ${cache.name}`)})" in OK*) ;; *) exit 1 ;; esac`,
  ];
  const watching: PlannedService = {
    name: sentinels.name,
    role: 'cache',
    title: `Sentinel; sees when the node of ${cache.name} that is written to is dead, and lets another take over`,
    kind: 'server',
    image: engine.image,
    slotted: false,
    replicas: 1,
    size: sentinelSize,
    user,
    entrypoint: ['/bin/sh', `${folder}/sentinel.sh`],
    env: {},
    secretEnv: {},
    secretFiles: [`${cache.name}-sentinel-acl`, `${cache.name}-replication`, ...servedFiles(sentinels.name, spec)],
    mounts: [{ source: `config/${sentinels.name}`, target: folder, restarts: true }],
    volumes: [{ name: `${sentinels.name}-data`, target: facts.dataFolder, size: disk, holds: `who is written to in ${cache.name}` }],
    tmpfs: [{ path: '/tmp', size: mib(facts.folderMiB), mode: '1777' }],
    nofile: 4096,
    port: sentinel.port,
    ports: [],
    healthcheck: { argv: ready, interval: seconds(5), timeout: seconds(5), retries: 6, startPeriod: seconds(90) },
    probes: { ready: { argv: ready }, live: { tcp: sentinel.port } },
    connects: [...waysTo(nodes, facts.port), ...waysTo(sentinels, sentinel.port)],
    gates: [],
    stopSignal: 'SIGTERM',
    stopGrace: seconds(30),
    networks: ['data'],
    after: [],
  };
  return {
    services: [...(proxy ? [proxy.service] : []), ...spread(watching, sentinels)],
    plan: {
      service: sentinels.name,
      settings: [...settings, ...tls.settings],
      quorum: sentinel.quorum,
      nodes: nodes.hosts,
      sentinels: sentinels.hosts,
      nodeSuffix: nodes.suffix,
      sentinelSuffix: sentinels.suffix,
      forgets,
      ...(proxy ? { proxy: proxy.plan } : {}),
    },
    decisions: [
      ...(proxy?.decisions ?? []),
      ...decisions,
      ...tls.decisions,
      {
        key: `${sentinels.name}.quorum`,
        value: String(sentinel.quorum),
        formula: 'more than half of the Sentinels',
        inputs: { Sentinels: String(sentinel.nodes) },
        source: `design: one that is cut off decides nothing; a fail-over takes ${formatDuration(seconds(sentinel.downAfter))} and some two seconds`,
        change: 'fixed',
      },
    ],
  };
}
