import type { Decision } from '../../model/decision.ts';
import type { Plan } from '../../model/plan.ts';
import { stepsOf } from '../../model/planned-service.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import type { AddressFilter } from '../../model/route.ts';
import type { BackupJob, BackupsConfig } from '../../model/runtime-config.ts';
import { describeSize, formatCpu, formatDuration, formatSize } from '../../model/units.ts';
import type { Seconds } from '../../model/units.ts';

/** A number that is the same at every site, or that the spec says itself. */
const fixed = (key: string, value: string, source: string, change = 'fixed'): Decision => ({
  key,
  value,
  formula: 'fixed',
  inputs: {},
  source,
  change,
});

const times = ({ period, timeout, failures }: { readonly period: Seconds; readonly timeout: Seconds; readonly failures: number }): string =>
  `every ${formatDuration(period)}, ${formatDuration(timeout)} for an answer, ${failures} failures in a row`;

const brief = 'design: a client and a shell, which run for a moment';

/** Variables that mean the same at every site, by the roles of those that have them. */
const variables: readonly (readonly [name: string, by: readonly PlannedService['role'][], because: string])[] = [
  ['MALLOC_ARENA_MAX', ['agent'], 'each arena of the C library keeps memory that was given back; two are enough for it'],
  ['MALLOC_MMAP_THRESHOLD_', ['agent'], 'in bytes: a larger piece goes back to the system as soon as it is free'],
  ['NODE_OPTIONS', ['agent'], 'a young generation of 4 MiB: it streams, and keeps little of what it reads'],
  ['MARIADB_AUTO_UPGRADE', ['database'], 'yes: after a new version its own tables are brought to that'],
  ['NODE_USE_ENV_PROXY', ['app'], 'yes: Node asks the proxy only when it is told to'],
  ['PYTHONUNBUFFERED', ['app'], 'yes: a line of the log is seen when it is written, and none is lost in a crash'],
];

/** What every container has, on both targets. */
function ofContainer({
  name,
  role,
  kind,
  size,
  tmpfs,
  nofile,
  replicas,
  stopGrace,
  healthcheck,
  deadline,
  schedule,
  env,
  loosened = [],
}: PlannedService): readonly Decision[] {
  return [
    ...(role === 'task'
      ? [
          fixed(`${name}.memory`, describeSize(size.memory), brief),
          fixed(`${name}.cpu`, `${formatCpu(size.cpu)} CPUs at most, ${formatCpu(size.cpuShare)} when all are busy`, brief),
        ]
      : []),
    ...variables.flatMap(([variable, by, because]) => {
      const value = env[variable];
      return value !== undefined && by.includes(role) ? [fixed(`${name}.${variable}`, value, `design: ${because}`)] : [];
    }),
    ...(schedule
      ? [
          fixed(
            `${name}.schedule`,
            `${schedule.cron} (${schedule.timeZone})`,
            role === 'app' ? 'what berth.yaml says of it' : 'design: at a quiet hour, or as berth.yaml says',
            role === 'app' ? `services.${name}.schedule in berth.yaml` : 'what berth.yaml says of its times',
          ),
        ]
      : []),
    ...loosened.map(({ what, because }) =>
      fixed(
        `${name}.loosen.${what}`,
        'loosened',
        `because ${because}`,
        role === 'app' ? `services.${name}.loosen in berth.yaml` : 'fixed: its image asks for it',
      ),
    ),
    fixed(`${name}.pids`, String(size.pids), 'design: more processes and threads than it ever has; what forks without end stops there'),
    fixed(
      `${name}.stop_grace_period`,
      formatDuration(stopGrace),
      kind !== 'task'
        ? 'design: what is under way comes to its end, and data reach the disk; then it is killed'
        : 'design: it may be stopped at any time, as it begins anew',
      role === 'app' ? `services.${name}.stopGrace in berth.yaml` : 'fixed',
    ),
    fixed(
      `${name}.replicas`,
      String(replicas),
      replicas === 1 ? 'design: one of it does the work' : 'design: one stands while another is replaced or its node is lost',
      role === 'app' ? `services.${name}.replicas in berth.yaml` : 'fixed',
    ),
    ...(kind === 'job' && deadline !== undefined
      ? [
          fixed(
            `${name}.deadline`,
            formatDuration(deadline),
            'design: what hangs is stopped, and seen as failed',
            `services.${name}.deadline in berth.yaml`,
          ),
        ]
      : []),
    ...(tmpfs.length === 0
      ? []
      : [
          fixed(
            `${name}.tmpfs`,
            tmpfs.map(({ path, size: most }) => `${path} ${formatSize(most)}`).join(', '),
            'design: what is written there lies in memory and counts towards the limit; the root filesystem is read-only unless that is loosened',
          ),
        ]),
    ...(nofile === undefined
      ? []
      : [fixed(`${name}.nofile`, String(nofile), 'design: descriptors for its connections and files, whatever the host gives by default')]),
    ...(healthcheck
      ? [
          fixed(
            `${name}.healthcheck`,
            `${times({ period: healthcheck.interval, timeout: healthcheck.timeout, failures: healthcheck.retries })}, ${formatDuration(healthcheck.startPeriod)} to start`,
            'design: one that hangs is noticed soon; a short pause is no failure',
          ),
        ]
      : []),
  ];
}

/** A task that brings a schema up to date is its application once more, before that starts. */
function ofMigration({ name, kind, role, finish }: PlannedService, { services }: Plan): readonly Decision[] {
  const app = kind === 'task' && role === 'app' && finish ? services.find((each) => name === `${each.name}-migrate`) : undefined;
  return app
    ? [
        fixed(
          `${name}.as`,
          app.name,
          'design: the same image with the same limits and variables; it runs in the room of the replica that is replaced',
        ),
      ]
    : [];
}

const onHost = ({ name, size, schedule, stopGrace }: PlannedService): readonly Decision[] => [
  ...(schedule
    ? [
        {
          key: `${name}.TimeoutStopSec`,
          value: `${stopGrace + 10}s`,
          formula: 'stop_grace_period + 10s',
          inputs: { stop_grace_period: formatDuration(stopGrace) },
          source: 'design: until Compose has stopped its container, systemd waits',
          change: `${name}.stop_grace_period`,
        },
      ]
    : []),
  {
    key: `${name}.cpu_shares`,
    value: String(Math.max(2, Math.floor((size.cpuShare * 1024) / 1000))),
    formula: '1024 × CPUs when all are busy, at least 2',
    inputs: { CPUs: formatCpu(size.cpuShare) },
    source: 'the manual of Docker: shares are relative, 1024 is the default',
    change: 'what changes its CPUs',
  },
  fixed(
    `${name}.logging`,
    '3 files of 10m',
    'design: a log never fills the disk; 30 MB for each container are part of the plan of the disk',
  ),
];

function inCluster(service: PlannedService, { kubernetes }: Plan): readonly Decision[] {
  const { name, kind, probes, finish, deadline, scaling } = service;
  const pod = kubernetes?.pods.get(name);
  const beside = [
    ...(pod
      ? [fixed(`${name}.ephemeral-storage`, formatSize(pod.ephemeralStorage), 'kubelet keeps five log files of 10 MiB for a container')]
      : []),
    ...stepsOf(service).map(({ name: step, size, fills }) =>
      fixed(
        `${name}.step ${step}`,
        `${formatSize(size.memory)}, ${formatCpu(size.cpu)} CPUs at most, ${formatCpu(size.cpuShare)} when all are busy${fills ? `, ${formatSize(fills.size)} that it fills` : ''}`,
        brief,
      ),
    ),
  ];
  if (kind === 'task')
    return [
      ...beside,
      fixed(`${name}.deadline`, `${deadline ?? 900}s`, 'design: what hangs is stopped, and seen as failed'),
      fixed(
        `${name}.job`,
        finish ? '2 attempts more' : '6 attempts more, gone 600 s after its end',
        'design: what it waits for may start later than it; the next apply runs it again',
      ),
    ];
  if (kind === 'job')
    return [
      ...beside,
      fixed(
        `${name}.job`,
        '0 attempts more, made up for within 3600 s, 1 success and 3 failures kept',
        'design: what runs at set times says itself when it has to run again',
      ),
    ];
  return [
    ...beside,
    fixed(
      `${name}.rollout`,
      'ready for 5 s, 600 s for progress, 5 revisions kept, 1 more and 0 fewer while replaced',
      'design: none goes before another is ready; one that never becomes ready is reported',
    ),
    ...(scaling
      ? [
          fixed(
            `${name}.autoscaler`,
            `${scaling.min} to ${scaling.max}: 100% or 2 more within 30s after 0s, 1 fewer within 60s after ${scaling.coolDown}s of less load`,
            'design: a rush is met at once; what may be a lull is waited out',
            `services.${name}.scaling in berth.yaml`,
          ),
        ]
      : []),
    fixed(`${name}.disruption`, '1 missing at most', 'design: a node is drained one replica at a time'),
    ...(pod && probes
      ? [
          fixed(`${name}.readinessProbe`, times(pod.readiness), 'design: as its health check on one host'),
          fixed(
            `${name}.livenessProbe`,
            times(pod.liveness),
            'design: a pause of the node or of a garbage collector is no reason to restart',
          ),
          fixed(`${name}.startupProbe.times`, times(pod.startup), 'design: asked often, so that it serves as soon as it has started'),
          ...(pod.preStop > 0
            ? [fixed(`${name}.preStop`, formatDuration(pod.preStop), 'design: until everybody has heard that it goes')]
            : []),
        ]
      : []),
  ];
}

function ofNamespaces({ kubernetes, name }: Plan): readonly Decision[] {
  if (!kubernetes) return [];
  const spaces = [...kubernetes.quota].flatMap(([space, quota]) => [
    fixed(
      `${space}.quota_of_objects`,
      `${quota.claims} claims, ${formatSize(quota.storage)} of them, ${formatSize(quota.ephemeralStorage)} of nodes, ${formatCpu(quota.limitsCpu)} CPUs at most, ${quota.loadBalancers} load balancers, ${quota.nodePorts} ports of nodes`,
      'design: a site takes no more of a cluster than its plan says',
      'the sizes and replicas of its services',
    ),
    fixed(
      `${space}.limits`,
      `10m to 500m CPU, 64Mi of memory, 64Mi of disk for what names no size; ${formatCpu(kubernetes.largest.cpu)} CPUs, ${formatSize(kubernetes.largest.memory)} and ${formatSize(kubernetes.largest.ephemeralStorage)} at most`,
      'design: for what somebody starts there by hand; no more than the largest container of the site',
    ),
  ]);
  return [
    ...spaces,
    fixed(`${name}.priorities`, 'data 300000, edge 200000, app 100000', 'design: when nodes run full, applications go first and data last'),
  ];
}

/** Of nginx: each number that has no reason beside it in its file. */
const edge: readonly (readonly [directive: string, value: string, because: string])[] = [
  ['resolver_timeout', '2s', 'a name that the DNS does not answer is as good as absent; the next answer is a moment away'],
  ['client_header_timeout', '10s', 'who sends the head of a request more slowly holds a connection for nothing'],
  ['client_body_timeout', '15s', 'between two pieces of a body; a slow line is faster than that'],
  ['send_timeout', '30s', 'between two pieces of an answer: a client that takes none is gone'],
  ['client_header_buffer_size', '2k', 'most requests fit; longer ones take the larger buffers'],
  ['large_client_header_buffers', '4 16k', 'cookies of single sign-on are long; more is refused'],
  ['keepalive_timeout', '65s', 'longer than the minute that load balancers commonly keep idle connections'],
  [
    'zones',
    '10m of addresses, 10m of TLS sessions, 64k of weights, 128k of each upstream',
    'a MB holds 8,000 addresses at least, or 4,000 sessions, as the manual of nginx has it',
  ],
  ['gzip', 'level 4, from 1024 bytes on', 'further levels cost CPU and save little; a shorter answer fits one packet as it is'],
  ['retry_after', '5 with a 429, 10 with a 503', 'in s: a client that was refused is told when to ask again'],
  [
    'upstream',
    'left for 5s after 3 failures, 32 idle connections of each worker, 16 to a store',
    'a replica that is gone is left alone for a moment; a connection is used again',
  ],
  ['store', '300s between two pieces of an object, 0 of it on a disk', 'large objects pass from and to slow lines, and straight through'],
  ['hsts', 'max-age=31536000', 'in s: a browser that was here once asks by TLS alone for a year, as the preload lists want it'],
  ['ssl_session_timeout', '1d', 'a visitor who comes back within the day need not shake hands anew'],
  ['proxy_buffers', '8 of 8k and 16k for headers, 32k on their way', 'what the worst case of its memory counts for each open request'],
];

const describeFilter = ({ allow, deny }: AddressFilter): readonly string[] => [
  ...(allow.length > 0 ? [`for ${allow.join(' ')} alone`] : []),
  ...(deny.length > 0 ? [`not for ${deny.join(' ')}`] : []),
];

/** What the spec says of the edge, and its routes. */
function ofEdge(name: string, { edge: planned }: Plan): readonly Decision[] {
  return [
    ...edge.map(([key, value, because]) => fixed(`${name}.${key}`, value, `design: ${because}`)),
    fixed(
      `${name}.limit_conn`,
      String(planned.perAddress),
      'design: one client cannot take all connections; many visitors may stand behind one address',
      'edge.connections in berth.yaml',
    ),
    fixed(
      `${name}.proxy_next_upstream`,
      `${planned.tries} tries within 5s, 1s to connect`,
      'design: a replica of the same site answers at once or not at all',
      'the replicas of its services',
    ),
    ...(planned.deny.length > 0
      ? [fixed(`${name}.deny`, planned.deny.join(' '), 'what berth.yaml says: refused everywhere, with 403', 'edge.deny in berth.yaml')]
      : []),
    ...planned.apps.flatMap(({ service, routes }) =>
      routes.map((route) =>
        fixed(
          `${name}.${service}${route.path}`,
          [
            `${route.timeout}s for an answer`,
            `${route.body}m of body`,
            ...route.rateLimits.map(({ rate, burst }) => `${rate}, burst ${burst}`),
            ...(route.methods ? [`${route.methods.join(' ')} alone`] : []),
            ...(route.addresses ? describeFilter(route.addresses) : []),
          ].join(', '),
          'what berth.yaml says of the route, or its default: docs/reference/spec.md',
          `services.${service}.routes in berth.yaml`,
        ),
      ),
    ),
  ];
}

/** Of HAProxy before a cache of several nodes. */
const proxy: readonly (readonly [setting: string, value: string, because: string])[] = [
  ['timeouts', '2s to connect, 2s for a check, 1s for a name', 'nodes stand in the same site and answer in milliseconds'],
  ['idle', '1d', 'pools keep idle connections for as long as they like'],
  ['keepalive', '60s idle, 15s apart, 4 times', 'a client that is gone is noticed within two minutes'],
  ['check', 'every 1s, 500ms when in doubt, 2 failures, 1 success', 'a take-over is noticed within two seconds'],
  ['majority', '2 of 3 Sentinels, 14 bytes of an answer', 'two of three know which one was replaced; a shorter answer is none'],
];

const kept = (rules: NonNullable<BackupJob['keep']>): string =>
  Object.entries(rules)
    .map(([rule, count]) => `${rule} ${count}`)
    .join(', ');

/** What an agent does when, and for how long it keeps it. */
function ofJob({ name, schedule, timeZone, timeout, keep, database, bucket }: BackupJob): readonly Decision[] {
  const proved = database?.prove ?? bucket?.prove;
  const said = [
    `at ${schedule} (${timeZone}), given up after ${timeout}s`,
    ...(keep ? [`kept: ${kept(keep)}`] : []),
    ...(proved === undefined ? [] : [`restored and compared at ${proved}`]),
    ...(database ? [`log at most ${database.rpo}s behind`, `the server of its restores has ${database.memory} MiB`] : []),
    ...(database?.increments === undefined ? [] : [`increments at ${database.increments}`]),
  ];
  return [
    fixed(`backups.${name}`, said.join('; '), 'what berth.yaml says of backups, or its default: docs/backups.md', 'backups in berth.yaml'),
  ];
}

function ofBackups({ store, offsite, drill, verify, prune, jobs }: BackupsConfig): readonly Decision[] {
  const inSpec = (key: string, value: string, because: string): Decision =>
    fixed(`backups.${key}`, value, `design: ${because}`, 'backups in berth.yaml');
  return [
    inSpec('store', `tier ${store.tier}`, 'how far it is from what it protects: what is on tier 0 is lost with it'),
    ...(offsite
      ? [inSpec('offsite', `tier ${offsite.tier}, at ${offsite.schedule} (${offsite.timeZone})`, 'a fire in one place leaves the other')]
      : []),
    ...(drill ? [inSpec('drill', `every ${drill.every} days`, 'who has not seen a whole restore lately does not know that it works')] : []),
    inSpec('verify', `at ${verify.schedule} (${verify.timeZone})`, 'everything that is kept is read again once a week'),
    inSpec('prune', `at ${prune.schedule} (${prune.timeZone})`, 'after the nightly backups'),
    ...jobs.flatMap(ofJob),
  ];
}

/** Of nginx between services and the places that they may reach. */
const relay: readonly (readonly [setting: string, value: string, because: string])[] = [
  ['worker_processes', '1', 'it copies bytes, and one thread copies more than a network brings'],
  ['worker_shutdown_timeout', '5s', 'pools connect anew; what is under way has a moment to end'],
  ['resolver', 'asked again after 10s', 'a place that moves is followed soon, and the DNS is not asked for every connection'],
  ['proxy_connect_timeout', '10s', 'a place outside may be far; one that is silent for so long is not there'],
  ['proxy_timeout', '1d', 'pools keep idle connections for as long as they like'],
  ['keepalive', '10m idle, 30s apart, 4 times', 'a client that is gone is noticed within a quarter of an hour'],
  ['map_hash_bucket_size', '512', 'a name may have 253 characters'],
];

/**
 * Numbers that follow from no formula, for whoever asks why they are what they are; what {@link Plan.decisions} has is left out. Nothing but `explain` needs
 * them. Some stand in a template or a manifest as well: a test walks all that is rendered, and finds each number in a decision or knows why not.
 */
export function fixedDecisions(plan: Plan): readonly Decision[] {
  const known = new Set(plan.decisions.map(({ key }) => key));
  return [
    ...plan.services.flatMap((service) => [...ofContainer(service), ...(plan.kubernetes ? inCluster(service, plan) : onHost(service))]),
    ...plan.services.flatMap(({ name, role, image }) => [
      ...(role === 'edge' ? ofEdge(name, plan) : []),
      ...(role === 'relay' ? relay.map(([key, value, because]) => fixed(`${name}.${key}`, value, `design: ${because}`)) : []),
      ...(image === 'haproxy' ? proxy.map(([key, value, because]) => fixed(`${name}.${key}`, value, `design: ${because}`)) : []),
    ]),
    ...plan.services.flatMap((service) => ofMigration(service, plan)),
    ...(plan.runtime.backups ? ofBackups(plan.runtime.backups) : []),
    ...ofNamespaces(plan),
  ].filter(({ key }) => !known.has(key));
}
