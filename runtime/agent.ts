import type { RuntimeConfig, BackupsConfig } from '../model/runtime-config.ts';
import type { Clock } from './ports/clock.ts';
import type { ScheduleState } from './ports/schedule-state.ts';
import { Scheduler, type ScheduledJob } from './schedule/scheduler.ts';
import { parseTicks } from './schedule/ticks.ts';
import type { Backups } from './wire.ts';

/** One line of the log: what happened, to what, and the numbers of it. Holds no secrets. */
export type Log = (level: 'info' | 'warn' | 'error', event: string, fields?: Readonly<Record<string, unknown>>) => void;

export interface AgentOptions {
  readonly config: RuntimeConfig & { readonly backups: BackupsConfig };
  readonly backups: Backups;
  readonly state: ScheduleState;
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly log: Log;
}

const pruneJob = 'prune';
const pruneTimeoutMs = 3_600_000;
const verifyJob = 'verify';
/** Of a large store this takes its time, and nothing waits for it. */
const verifyTimeoutMs = 24 * 3_600_000;
/** Of a store that several sites may use. */
const spreadMs = 30_000;

/** Plays the role `agent`: makes backups when they are due, and removes what no rule keeps. */
export function makeAgent({ config: { backups: config }, backups, state, clock, random, log }: AgentOptions): Scheduler {
  const jitterMs = backups.tier === 0 ? 0 : spreadMs;
  const expected = expectedTime(clock);
  const jobs: readonly ScheduledJob[] = [
    ...config.jobs.map((job) => ({
      name: job.name,
      ticks: parseTicks(job.schedule, job.timeZone),
      timeoutMs: job.timeout * 1000,
      jitterMs,
      run: async (due: Date, signal: AbortSignal) => {
        const { outcome, manifest } = await backups.take(job, { due, label: null }, signal);
        // What did not change is said by silence: it is looked at every few minutes.
        if (outcome === 'made')
          log('info', 'backup made', {
            job: job.name,
            id: manifest.id,
            milliseconds: manifest.durationMs,
            tier: backups.tier,
            ...sizeOf(manifest),
          });
      },
    })),
    {
      name: verifyJob,
      ticks: parseTicks(config.verify.schedule, config.verify.timeZone),
      timeoutMs: verifyTimeoutMs,
      jitterMs,
      run: async (_due, signal) => {
        const { sound, broken } = await backups.verify(signal);
        for (const { id, message } of broken) log('error', 'backup broken', { id, because: message });
        log('info', 'backups compared', { sound: sound.length, broken: broken.length });
      },
    },
    {
      name: pruneJob,
      ticks: parseTicks(config.prune.schedule, config.prune.timeZone),
      timeoutMs: pruneTimeoutMs,
      jitterMs,
      run: async (_due, signal) => {
        const time = expected();
        for (const job of config.jobs) {
          const { plan, swept } = await backups.prune(job, time, signal);
          const gone = { removed: plan.remove.map(({ point }) => point.id), swept: swept.map(({ id }) => id) };
          if (plan.refused !== undefined) log('warn', 'nothing removed', { job: job.name, because: plan.refused });
          else if (gone.removed.length + gone.swept.length > 0) log('info', 'removed', { job: job.name, ...gone });
        }
      },
    },
  ];
  return new Scheduler({
    jobs,
    state,
    clock,
    random,
    // Removing asks for the lease of every source.
    mayRunTogether: (one) => one !== pruneJob,
    onRun: ({ job, due, outcome, message }) => {
      if (outcome !== 'done') log(outcome === 'stopped' ? 'warn' : 'error', `job ${outcome}`, { job, due: due.toISOString(), message });
    },
    onStateFailure: (error) => log('error', 'state not written', { message: error instanceof Error ? error.message : String(error) }),
  });
}

const sizeOf = ({
  facts,
  streams,
}: {
  readonly facts: Readonly<Record<string, unknown>>;
  readonly streams: readonly { readonly plainBytes: number }[];
}) => ({
  ...(facts['files'] === undefined ? {} : { files: facts['files'] }),
  bytes: streams.reduce((sum, { plainBytes }) => sum + plainBytes, 0),
});

/** What time it should be, by what has passed since it was last asked; a jump counts once and is then believed. */
function expectedTime(clock: Clock): () => { readonly now: Date; readonly expected: Date } {
  let anchor = { wall: clock.now().getTime(), elapsed: clock.elapsed() };
  return () => {
    const now = clock.now();
    const expected = new Date(anchor.wall + clock.elapsed() - anchor.elapsed);
    anchor = { wall: now.getTime(), elapsed: clock.elapsed() };
    return { now, expected };
  };
}
