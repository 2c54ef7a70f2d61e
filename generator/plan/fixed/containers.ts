import type { Decision } from '../../../model/decision.ts';
import type { Plan } from '../../../model/plan.ts';
import type { PlannedService } from '../../../model/planned-service.ts';
import { describeSize, formatCpu, formatDuration, formatSize } from '../../../model/units.ts';
import { brief, fixed, times } from './fixed.ts';

/** Variables that mean the same at every site, by the roles of those that have them. */
const variables: readonly (readonly [name: string, by: readonly PlannedService['role'][], because: string])[] = [
  ['MALLOC_ARENA_MAX', ['agent'], 'each arena of the C library keeps memory that was given back; two are enough for it'],
  ['MALLOC_MMAP_THRESHOLD_', ['agent'], 'in bytes: a larger piece goes back to the system as soon as it is free'],
  ['NODE_OPTIONS', ['agent'], 'a young generation of 4 MiB: it streams, and keeps little of what it reads'],
  ['MARIADB_AUTO_UPGRADE', ['database'], 'yes: after a new version its own tables are brought to that'],
  ['NODE_USE_ENV_PROXY', ['app'], 'yes: Node asks the proxy only when it is told to'],
  ['PYTHONUNBUFFERED', ['app'], 'yes: a line of the log is seen when it is written, and none is lost in a crash'],
];

/** Of a task that brings a schema up to date: whose that is. It has no place of its own in berth.yaml. */
const migratedBy = ({ name, kind, role, finish }: PlannedService, { services }: Plan): string | undefined =>
  kind === 'task' && role === 'app' && finish ? services.find((each) => name === `${each.name}-migrate`)?.name : undefined;

/** What every container has, on both targets. */
export function ofContainer(service: PlannedService, plan: Plan): readonly Decision[] {
  const { name, role, kind, size, tmpfs, nofile, replicas, stopGrace, healthcheck, deadline, schedule, env, loosened = [] } = service;
  const written = `services.${migratedBy(service, plan) ?? name}`;
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
            role === 'app' ? `${written}.schedule in berth.yaml` : 'what berth.yaml says of its times',
          ),
        ]
      : []),
    ...loosened.map(({ what, because }) =>
      fixed(
        `${name}.loosen.${what}`,
        'loosened',
        `because ${because}`,
        role === 'app' ? `${written}.loosen in berth.yaml` : 'fixed: its image asks for it',
      ),
    ),
    fixed(`${name}.pids`, String(size.pids), 'design: more processes and threads than it ever has; what forks without end stops there'),
    fixed(
      `${name}.stop_grace_period`,
      formatDuration(stopGrace),
      kind !== 'task'
        ? 'design: what is under way comes to its end, and data reach the disk; then it is killed'
        : 'design: it may be stopped at any time, as it begins anew',
      role === 'app' ? `${written}.stopGrace in berth.yaml` : 'fixed',
    ),
    fixed(
      `${name}.replicas`,
      String(replicas),
      replicas === 1 ? 'design: one of it does the work' : 'design: one stands while another is replaced or its node is lost',
      role === 'app' && kind !== 'task' ? `${written}.replicas in berth.yaml` : 'fixed',
    ),
    ...(kind === 'job' && deadline !== undefined
      ? [
          fixed(
            `${name}.deadline`,
            formatDuration(deadline),
            'design: what hangs is stopped, and seen as failed',
            `${written}.deadline in berth.yaml`,
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
export function ofMigration(service: PlannedService, plan: Plan): readonly Decision[] {
  const app = migratedBy(service, plan);
  return app
    ? [
        fixed(
          `${service.name}.as`,
          app,
          'design: the same image with the same limits and variables; it runs in the room of the replica that is replaced',
        ),
      ]
    : [];
}

/** What a container has on one host alone. */
export const onHost = ({ name, size, schedule, stopGrace }: PlannedService): readonly Decision[] => [
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
