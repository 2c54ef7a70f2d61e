import { BerthError } from '../model/errors.ts';
import { bytesOf, tell, type Log } from './agent-log.ts';
import type { DatabaseBackups, ShippingEvents } from './database-backups.ts';
import { shipsLog } from './databases.ts';
import { mayRunTogether, scheduledJobs, type JobOptions } from './scheduled-jobs.ts';
import { Scheduler } from './schedule/scheduler.ts';

export interface AgentOptions extends JobOptions {
  /** From 0 to 1. */
  readonly random: () => number;
}

/** Works from its start until it is stopped. */
export interface Agent {
  readonly start: () => void;
  /** See {@link Scheduler.stop}. */
  readonly stop: (graceMs: number) => Promise<readonly string[]>;
}

/** Plays the role `agent`: makes backups when they are due, ships the log of databases all the time, and removes what no rule keeps. */
export function makeAgent(options: AgentOptions): Agent {
  const scheduler = makeScheduler(options);
  const { backups, log } = options;
  const stopping = new AbortController();
  let shipping: Promise<unknown> = Promise.resolve();
  return {
    start: () => {
      scheduler.start();
      shipping = Promise.all(
        backups.databases
          .filter(({ job }) => shipsLog(job))
          .map((database) => database.ship(shippingEvents(database, backups.tier, log), stopping.signal)),
      );
    },
    stop: async (graceMs) => {
      // A full backup that is at work needs its log.
      const late = await scheduler.stop(graceMs);
      stopping.abort(new Error('the runtime is stopping'));
      await shipping;
      return late;
    },
  };
}

/** What is said once is not said again before it has changed: a server that is away for hours fills no log. */
function shippingEvents({ job }: DatabaseBackups, tier: number, log: Log): ShippingEvents {
  let trouble: string | undefined;
  return {
    shipped: (logs) => {
      if (trouble !== undefined) log('info', 'log is shipped again', { job: job.name });
      trouble = undefined;
      log('info', 'log shipped', { job: job.name, logs: logs.length, bytes: logs.reduce((sum, manifest) => sum + bytesOf(manifest), 0) });
    },
    fullNeeded: (because) => log('warn', 'full backup needed', { job: job.name, because }),
    full: (taken) => tell(job.name, taken, tier, log),
    failed: (what, error) => {
      const message = error instanceof Error ? error.message : String(error);
      if (message === trouble) return;
      trouble = message;
      log('error', what === 'log' ? 'log not shipped' : 'full backup failed', {
        job: job.name,
        message,
        ...(error instanceof BerthError ? { hint: error.hint } : {}),
      });
    },
  };
}

function makeScheduler(options: AgentOptions): Scheduler {
  const { backups, state, clock, random, log } = options;
  return new Scheduler({
    jobs: scheduledJobs(options),
    state,
    clock,
    random,
    mayRunTogether: mayRunTogether(backups),
    onRun: ({ job, due, outcome, message }) => {
      if (outcome !== 'done') log(outcome === 'stopped' ? 'warn' : 'error', `job ${outcome}`, { job, due: due.toISOString(), message });
    },
  });
}
