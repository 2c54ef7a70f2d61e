import type { Verification } from '../model/backup/verification.ts';
import type { BackupJob, BackupsConfig, RuntimeConfig } from '../model/runtime-config.ts';
import { tell, type Log } from './agent-log.ts';
import { throwFirst, withEach } from './jobs/failures.ts';
import type { Taken } from './jobs/take-backup.ts';
import type { Offsite } from './offsite.ts';
import type { Clock } from './ports/clock.ts';
import type { ScheduleState } from './ports/schedule-state.ts';
import type { ScheduledJob } from './schedule/scheduler.ts';
import { parseTicks } from './schedule/ticks.ts';
import type { Backups } from './wire.ts';

/** What its jobs are done with. */
export interface JobOptions {
  readonly config: RuntimeConfig & { readonly backups: BackupsConfig };
  readonly backups: Backups;
  /** Nothing where there is no second place. */
  readonly offsite: Offsite | undefined;
  readonly state: ScheduleState;
  readonly clock: Clock;
  readonly log: Log;
}

const pruneJob = (name: string): string => `${name}.prune`;
const pruneTimeoutMs = 3_600_000;
/** Of the places, and of no source: the name of none has a slash in it. */
const copyJob = 'place/offsite';
const verifyJob = 'place/verify';
const lockJob = 'place/lock';
/** Once a day: what is locked for three days has its turn after one and a half. */
const lockTicks = '7 5 * * *';
/** Of a large store these take their time, and nothing waits for them. */
const verifyTimeoutMs = 24 * 3_600_000;
const copyTimeoutMs = 24 * 3_600_000;
/** Of a store that several sites may use. */
const spreadMs = 30_000;

const proveJob = (name: string): string => `${name}.prove`;
const isProof = (name: string): boolean => name.endsWith('.prove');
const proveTimeoutMs = 24 * 3_600_000;

/** What can be restored to see whether it holds, and made anew where it does not. */
interface Provable {
  readonly job: BackupJob;
  readonly when: string;
  readonly prove: (signal: AbortSignal) => Promise<Verification | undefined>;
  readonly again: (signal: AbortSignal) => Promise<Taken>;
}

const now = { due: null, label: null };
const provable = ({ databases, buckets }: Backups): readonly Provable[] => [
  ...databases.map((database) => ({
    job: database.job,
    when: database.job.database.prove,
    prove: (signal: AbortSignal) => database.prove(signal),
    again: (signal: AbortSignal) => database.full(now, signal),
  })),
  ...buckets.map(({ job, backups }) => ({
    job,
    when: job.bucket.prove,
    prove: (signal: AbortSignal) => backups.prove(signal),
    again: (signal: AbortSignal) => backups.take(now, signal),
  })),
];

/** Restores what was copied, keeps nothing of it, and says what came of it. */
const provingJobs = ({ backups, log }: JobOptions, jitterMs: number): readonly ScheduledJob[] =>
  provable(backups).map(({ job, when, prove, again }) => ({
    name: proveJob(job.name),
    ticks: parseTicks(when, job.timeZone),
    timeoutMs: proveTimeoutMs,
    jitterMs,
    run: (_due, signal) => proveOne({ job, prove, again }, backups.tier, log, signal),
  }));

async function proveOne({ job, prove, again }: Omit<Provable, 'when'>, tier: number, log: Log, signal: AbortSignal): Promise<void> {
  const found = await prove(signal);
  if (found === undefined) return;
  const { level, result, detail, backups: ids } = found;
  log(result === 'sound' ? 'info' : 'error', result === 'sound' ? 'restore proven' : 'backup broken', {
    job: job.name,
    level,
    backups: ids,
    detail,
  });
  // What cannot be restored protects nobody until tomorrow night.
  if (result === 'broken') tell(job.name, await again(signal), tier, log);
}

const incrementJob = (name: string): string => `${name}.increment`;

/** What changed since the night before, on the nights that have no full backup. */
const incrementJobs = ({ backups: { databases, tier }, log }: JobOptions, jitterMs: number): readonly ScheduledJob[] =>
  databases.flatMap((database) => {
    const {
      name,
      schedule,
      timeZone,
      timeout,
      database: { increments },
    } = database.job;
    if (increments === undefined) return [];
    const fulls = parseTicks(schedule, timeZone);
    return [
      {
        name: incrementJob(name),
        ticks: parseTicks(increments, timeZone),
        timeoutMs: timeout * 1000,
        jitterMs,
        run: async (due: Date, signal: AbortSignal) => {
          if (fulls.last(due)?.getTime() === due.getTime()) return;
          tell(name, await database.increment({ due, label: null }, signal), tier, log);
        },
      },
    ];
  });

/** Brings what is new to the second place. What cannot be copied is told of once, and not every ten minutes. */
function copyingJobs({ config: { backups: config }, offsite, log }: JobOptions): readonly ScheduledJob[] {
  if (offsite === undefined || config.offsite === undefined) return [];
  const told = new Set<string>();
  return [
    {
      name: copyJob,
      ticks: parseTicks(config.offsite.schedule, config.offsite.timeZone),
      timeoutMs: copyTimeoutMs,
      jitterMs: spreadMs,
      run: async (_due, signal) => {
        const { copied, broken, failures } = await offsite.copy(signal, () => undefined);
        const { store, tier } = offsite.backups;
        for (const { id, message } of broken)
          if (!told.has(id)) log('error', 'backup not copied', { id, store: store.name, because: message });
        for (const { id } of broken) told.add(id);
        if (copied.length > 0) log('info', 'backups copied', { store: store.name, tier, ids: copied.map(({ id }) => id) });
        throwFirst(failures);
      },
    },
  ];
}

/**
 * Removes what no rule keeps. Each source is a job of its own, as it asks for one lease: waiting for a copy that takes hours, it holds back nothing but the next
 * copy of the same. That it does hold back, or it would never have its turn where one follows the other. The second place is one, and waits for who copies there.
 */
function pruningJobs({ config: { backups: config }, backups, offsite, clock, log }: JobOptions, jitterMs: number): readonly ScheduledJob[] {
  const pruning = (name: string, { prune, store }: Backups, sources: readonly BackupJob[]): ScheduledJob => {
    const expected = expectedTime(clock);
    return {
      name: pruneJob(name),
      ticks: parseTicks(config.prune.schedule, config.prune.timeZone),
      timeoutMs: pruneTimeoutMs,
      jitterMs,
      run: async (_due, signal) => {
        const time = expected();
        const pruneOne = async (job: BackupJob): Promise<void> => {
          const { plan, swept } = await prune(job, time, signal);
          const gone = { store: store.name, removed: plan.remove.map(({ point }) => point.id), swept: swept.map(({ id }) => id) };
          if (plan.refused !== undefined) log('warn', 'nothing removed', { job: job.name, store: store.name, because: plan.refused });
          else if (gone.removed.length + gone.swept.length > 0) log('info', 'removed', { job: job.name, ...gone });
        };
        throwFirst(await withEach(sources, pruneOne, signal));
      },
    };
  };
  return [
    ...backups.jobs.map((job) => pruning(job.name, backups, [job])),
    ...(offsite === undefined ? [] : [pruning(copyJob, offsite.backups, offsite.backups.jobs)]),
  ];
}

/** Locks anew what is kept, in the places that lock. */
const lockingJobs = (places: readonly Backups[], { state, clock, log }: JobOptions): readonly ScheduledJob[] =>
  places.every(({ store }) => store.locked === undefined)
    ? []
    : [
        {
          name: lockJob,
          ticks: parseTicks(lockTicks, 'UTC'),
          timeoutMs: verifyTimeoutMs,
          jitterMs: spreadMs,
          run: async (_due, signal) => {
            const renew = async ({ renewLocks, store }: Backups): Promise<void> => {
              if (store.locked === undefined) return;
              // Kept beside the runs of the job: what was locked under other terms, or nobody knows when, is locked anew.
              const done = `${lockJob} of ${store.name}: ${store.locked.terms}`;
              const begun = clock.now();
              const renewed = await renewLocks(state.settledUntil(done), signal);
              state.settle(done, begun);
              if (renewed > 0) log('info', 'locked anew', { store: store.name, objects: renewed });
            };
            throwFirst(await withEach(places, renew, signal));
          },
        },
      ];

/** Two jobs that would ask for the same lease wait for each other, and so do two that take much memory. */
export function mayRunTogether({ jobs, buckets: points }: Pick<Backups, 'jobs' | 'buckets'>): (one: string, other: string) => boolean {
  const large = new Set([...points.map(({ job }) => job), ...jobs.filter(({ kind }) => kind === 'mysql')].map(({ name }) => name));
  /** The memory of an agent is for one server, in which a restore is tried or that was cloned, or for one bucket. */
  const isLarge = (name: string): boolean => isProof(name) || large.has(leases.get(name) ?? name);
  /**
   * Whose lease a job holds to its end. Who only reads asks for none, and misses nothing: what is removed keeps its data for longer than it may take. What a
   * proof makes anew asks for one as a person does: it waits a little, and is tried again.
   */
  const leases = new Map(
    [...jobs.map(({ name }) => name), copyJob].flatMap((name) =>
      [name, incrementJob(name), pruneJob(name)].map((each) => [each, name] as const),
    ),
  );
  return (one, other) => !(isLarge(one) && isLarge(other)) && (leases.get(one) ?? one) !== (leases.get(other) ?? other);
}

/** All that an agent does by the clock. */
export function scheduledJobs(options: JobOptions): readonly ScheduledJob[] {
  const {
    config: { backups: config },
    backups,
    offsite,
    log,
  } = options;
  const jitterMs = backups.tier === 0 ? 0 : spreadMs;
  const places = [backups, ...(offsite === undefined ? [] : [offsite.backups])];
  return [
    ...backups.jobs.map((job) => ({
      name: job.name,
      ticks: parseTicks(job.schedule, job.timeZone),
      timeoutMs: job.timeout * 1000,
      jitterMs,
      run: async (due: Date, signal: AbortSignal) => {
        tell(job.name, await backups.take(job, { due, label: null }, signal), backups.tier, log);
        // A copy of a volume needs no server to be restored in, and is changed by nothing that comes later: it is tried at once.
        const volume = backups.volumes.find((each) => each.job.name === job.name);
        const again = () => backups.take(job, now, signal);
        if (volume !== undefined) await proveOne({ job, prove: volume.proveNew, again }, backups.tier, log, signal);
      },
    })),
    ...incrementJobs(options, jitterMs),
    ...provingJobs(options, jitterMs),
    ...copyingJobs(options),
    ...lockingJobs(places, options),
    {
      name: verifyJob,
      ticks: parseTicks(config.verify.schedule, config.verify.timeZone),
      timeoutMs: verifyTimeoutMs,
      jitterMs,
      run: async (due, signal) => {
        const compare = async ({ verify, store }: Backups): Promise<void> => {
          const broke = (id: string, because: string): void => log('error', 'backup broken', { id, store: store.name, because });
          const { sound, broken } = await verify(due, broke, signal);
          log('info', 'backups compared', { store: store.name, sound: sound.length, broken: broken.length });
        };
        throwFirst(await withEach(places, compare, signal));
      },
    },
    ...pruningJobs(options, jitterMs),
  ];
}

/** What time it should be, by what has passed since it was last asked, asleep or awake; a jump counts once and is then believed. */
function expectedTime(clock: Clock): () => { readonly now: Date; readonly expected: Date } {
  let anchor = { wall: clock.now().getTime(), sinceBoot: clock.sinceBoot() };
  return () => {
    const now = clock.now();
    const expected = new Date(anchor.wall + clock.sinceBoot() - anchor.sinceBoot);
    anchor = { wall: now.getTime(), sinceBoot: clock.sinceBoot() };
    return { now, expected };
  };
}
