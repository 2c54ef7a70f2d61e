import { resolve } from 'node:path';
import { describeBytes } from '../../model/backup/bytes.ts';
import { enginesWithIncrements } from '../../model/backup/copied-engines.ts';
import { BerthError } from '../../model/errors.ts';
import type { BackupJob } from '../../model/runtime-config.ts';
import { systemClock } from '../../runtime/clocks/system-clock.ts';
import { isBucket } from '../../runtime/buckets.ts';
import { isDatabase, shipsLog, withoutLog } from '../../runtime/databases.ts';
import type { Taken } from '../../runtime/jobs/take-backup.ts';
import { askAgent } from '../../runtime/requests.ts';
import { type Backups, openBackups } from '../../runtime/wire.ts';
import { type AgentHome, inAgent } from '../agent-exec.ts';
import { asJson, describeAge, shortName, tierOf } from './text.ts';
import { type Asked, runtimeOf } from '../open-catalogue.ts';
import { progressOn } from '../progress.ts';
import { noteUnended } from '../restore/live-record.ts';
import { type FoundRuntime, worldOf } from '../runtime-config.ts';
import { type RuntimeContext, stoppable } from '../stoppable.ts';
import { noteOf, table } from '../text.ts';

/** Its whole name, `configuration` for `site.configuration`, and of a bucket what stands behind its store, unless something has that name itself. */
const isCalled = (job: BackupJob, name: string, jobs: readonly BackupJob[]): boolean =>
  job.name === name ||
  shortName(job.name) === name ||
  (isBucket(job) && job.bucket.name === name && !jobs.some((other) => other.name === name || shortName(other.name) === name));

/** The jobs that were named; all of them when none was. */
function jobsOf(jobs: readonly BackupJob[], names: readonly string[]): readonly BackupJob[] {
  const unknown = names.find((name) => !jobs.some((job) => isCalled(job, name, jobs)));
  if (unknown !== undefined)
    throw new BerthError(
      'usage',
      `nothing here is called ${unknown}`,
      `write one of: ${jobs.map(({ name }) => shortName(name)).join(', ')}`,
    );
  return names.length === 0 ? jobs : jobs.filter((job) => names.some((name) => isCalled(job, name, jobs)));
}

interface NowAsked extends Asked {
  readonly sources: readonly string[];
  readonly label?: string;
  /** Of databases that can do it, only what has changed. */
  readonly increment?: boolean;
}

type Made = ReturnType<typeof asJson> & { readonly outcome: string; readonly fullBecause?: string; readonly shrunk?: string };

/** By this process, by the agent in its container, or, in that container, by the agent itself. */
async function takeOne(
  job: BackupJob,
  {
    label,
    increment,
    backups,
    home,
    found: { config, folder },
    say,
  }: {
    readonly home: AgentHome;
    readonly label: string | null;
    readonly increment: boolean;
    readonly backups: Backups;
    readonly found: FoundRuntime;
    readonly say: (what: string) => void;
  },
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<Made> {
  if (job.agent !== undefined) {
    say(isBucket(job) || increment ? 'what is new is copied' : 'a full backup is made');
    const verb = ['backup', 'now', job.name, ...(label === null ? [] : ['--label', label]), ...(increment ? ['--increment'] : [])];
    const { backups: made } = await inAgent(home, job.agent, verb, context, signal);
    const [one] = made as readonly Made[];
    if (one === undefined) throw new Error(`${job.agent} made no backup and said nothing`);
    return one;
  }
  const shown = ({ outcome, manifest, fullBecause, shrunk }: Taken): Made => ({
    outcome,
    ...asJson(manifest, 1, context.now()),
    ...(fullBecause === undefined ? {} : { fullBecause }),
    ...(shrunk === undefined ? {} : { shrunk }),
  });
  if (!isDatabase(job) && !isBucket(job))
    return shown(await backups.take(job, { due: null, label }, signal, (bytes) => say(describeBytes(bytes))));
  say('waiting for the agent');
  const name = Buffer.from(context.random(8)).toString('hex');
  const state = resolve(folder, config.backups.state);
  const taken = await askAgent(
    state,
    { job: job.name, what: increment ? { increment: label } : { full: label } },
    name,
    systemClock,
    signal,
  );
  if (taken === null) throw new Error('a backup was asked for, and none came');
  return shown(taken);
}

/** Has every agent bring the log of its databases to the store, up to now. */
export const shipNow = ({ site, json, cluster, sources }: NowAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    noteUnended(site, context.err);
    const { config, folder } = runtimeOf(site);
    const home = { site, config, ...(cluster && { cluster }) };
    const asked = jobsOf(config.backups.jobs.filter(isDatabase), sources).filter(isDatabase);
    const unlogged = asked.find((job) => !shipsLog(job));
    if (unlogged !== undefined && sources.length > 0) throw withoutLog(unlogged.name);
    const jobs = asked.filter(shipsLog);
    using progress = progressOn(context, json);
    for (const job of jobs) {
      progress.say(`${job.name}: its log is shipped`);
      if (job.agent !== undefined) await inAgent(home, job.agent, ['backup', 'now', job.name, '--log'], context, signal);
      else {
        const name = Buffer.from(context.random(8)).toString('hex');
        await askAgent(resolve(folder, config.backups.state), { job: job.name, what: 'log' }, name, systemClock, signal);
      }
    }
    progress[Symbol.dispose]();
    const names = jobs.map((job) => job.name);
    if (json) return context.out(`${JSON.stringify({ site: config.site, shipped: names }, null, 2)}\n`);
    context.out(`All that was committed by now is in the backups: ${names.join(', ')}.\n`);
  });

/** @throws BerthError `unsupported` where none can. */
function withIncrements(jobs: readonly BackupJob[]): readonly BackupJob[] {
  const found = jobs.filter(({ kind }) => enginesWithIncrements.includes(kind));
  if (found.length > 0) return found;
  throw new BerthError(
    'unsupported',
    'only PostgreSQL and SQL Server have increments, and neither is copied here',
    'leave --increment out',
  );
}

/** Copies what has changed, now. */
export const backupNow = ({ site, json, cluster, sources, label, increment = false }: NowAsked, context: RuntimeContext): Promise<void> =>
  stoppable(context, async (signal) => {
    noteUnended(site, context.err);
    const { config, folder } = runtimeOf(site);
    const home = { site, config, ...(cluster && { cluster }) };
    const backups = await openBackups(config, folder, worldOf(context));
    const made: Made[] = [];
    using progress = progressOn(context, json);
    const jobs = increment ? jobsOf(withIncrements(config.backups.jobs), sources) : jobsOf(config.backups.jobs, sources);
    for (const job of jobs) {
      const say = (what: string) => progress.say(`${shortName(job.name)}: ${what}`);
      made.push(await takeOne(job, { home, label: label ?? null, increment, backups, found: { config, folder }, say }, context, signal));
    }
    if (json) {
      return context.out(`${JSON.stringify({ site, store: { name: backups.store.name, tier: backups.tier }, backups: made }, null, 2)}\n`);
    }
    for (const { source, fullBecause, shrunk } of made) {
      if (fullBecause !== undefined) context.err(`${noteOf(`${shortName(source)}: a full backup was made: ${fullBecause}`, context)}\n`);
      if (shrunk !== undefined)
        context.err(`${noteOf(`${shortName(source)} holds ${shrunk}: if nobody meant that, restore the backup before it`, context)}\n`);
    }
    const rows = made.map(({ outcome, source, id, bytes, durationMs, ageSeconds }) => [
      shortName(source),
      id,
      describeBytes(bytes),
      outcome === 'made'
        ? `made in ${(durationMs / 1000).toFixed(1)} s`
        : `as it was ${describeAge(ageSeconds * 1000)} ago; nothing to copy`,
    ]);
    context.out(`${table(rows, [2])}\n\nin ${backups.store.name} (${tierOf(backups.tier)})\n`);
  });
