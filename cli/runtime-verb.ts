import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../model/errors.ts';
import { makeAgent, type Log } from '../runtime/agent.ts';
import { systemClock } from '../runtime/clocks/system-clock.ts';
import type { ScheduleState } from '../runtime/ports/schedule-state.ts';
import { openSqliteState } from '../runtime/schedule/sqlite-state.ts';
import { openBackups } from '../runtime/wire.ts';
import { readRuntime, worldOf, type FoundRuntime } from './runtime-config.ts';
import type { RuntimeContext } from './stoppable.ts';

/** How long a run may take to end once the runtime was told to. */
const graceMs = 60_000;
/** Of another agent that is at work the next look will tell. */
const leasePatienceMs = 75_000;
/** How soon a change of runtime.yaml is noticed. */
const lookEveryMs = 5000;

/** Plays the roles of runtime.yaml until a signal comes. Lines of JSON, one for each event. */
export async function runRuntime(file: string, context: RuntimeContext): Promise<void> {
  let found = readRuntime(file);
  if (!found.config.roles.includes('agent'))
    throw new BerthError('usage', `${file} gives this program nothing to do`, 'run `berth generate`');
  const log: Log = (level, event, fields = {}) =>
    context.out(`${JSON.stringify({ time: context.now().toISOString(), level, event, ...fields })}\n`);
  await context.abortable(async (signal) => {
    const stateFolder = join(found.folder, found.config.backups.state);
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    using state = openSqliteState(join(stateFolder, 'state.sqlite'), (message) => log('warn', 'state lost', { message }));
    while (!signal.aborted) {
      const stop = await startAgent(found, state, log, context);
      found = (await changed(file, found, log, signal)) ?? found;
      await stop();
    }
    log('info', 'stopped');
  }, 'stopping: what is at work may end; once more to leave it');
}

/** @returns what ends it. */
async function startAgent(
  { config, folder }: FoundRuntime,
  state: ScheduleState,
  log: Log,
  context: RuntimeContext,
): Promise<() => Promise<void>> {
  const backups = await openBackups(config, folder, worldOf(context, leasePatienceMs));
  const agent = makeAgent({ config, backups, state, clock: systemClock, random: Math.random, log });
  const jobs = config.backups.jobs.map(({ name }) => name);
  log('info', 'started', { site: config.site, roles: config.roles, store: backups.store.name, tier: backups.tier, jobs });
  agent.start();
  return async () => {
    const late = await agent.stop(graceMs);
    if (late.length > 0) log('warn', 'did not end in time', { jobs: late });
  };
}

/** What the runtime was started with: another text means another start. */
const textsOf = (file: string, { config, folder }: FoundRuntime): string =>
  [file, join(folder, config.backups.signer)].map((path) => (existsSync(path) ? readFileSync(path, 'utf8') : '')).join('\0');

/** Resolves with what runtime.yaml has become, or with nothing when a signal has come. One that cannot be used changes nothing. */
async function changed(file: string, found: FoundRuntime, log: Log, signal: AbortSignal): Promise<FoundRuntime | undefined> {
  for (let known = textsOf(file, found); ;) {
    await systemClock.sleep(lookEveryMs, signal);
    if (signal.aborted) return undefined;
    const now = textsOf(file, found);
    if (now === known) continue;
    known = now;
    try {
      const next = readRuntime(file);
      log('info', 'configuration changed');
      return next;
    } catch (error) {
      if (!(error instanceof BerthError)) throw error;
      log('error', 'configuration refused', {
        message: error.message,
        problems: error.problems.map(({ line, column, path, message }) => `${line}:${column} ${path}: ${message}`),
      });
    }
  }
}
