import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BerthError } from '../model/errors.ts';
import { makeAgent, type Log } from '../runtime/agent.ts';
import { systemClock } from '../runtime/clocks/system-clock.ts';
import { openSqliteState } from '../runtime/schedule/sqlite-state.ts';
import { openBackups } from '../runtime/wire.ts';
import { readRuntime, worldOf } from './runtime-config.ts';
import type { RuntimeContext } from './stoppable.ts';

/** How long a run may take to end once the runtime was told to. */
const graceMs = 60_000;
/** Of another agent that is at work the next look will tell. */
const leasePatienceMs = 75_000;

/** Plays the roles of runtime.yaml until a signal comes. Lines of JSON, one for each event. */
export async function runRuntime(file: string, context: RuntimeContext): Promise<void> {
  const found = readRuntime(file);
  const { config, folder } = found;
  const log: Log = (level, event, fields = {}) =>
    context.out(`${JSON.stringify({ time: context.now().toISOString(), level, event, ...fields })}\n`);
  await context.abortable(async (signal) => {
    if (!config.roles.includes('agent')) throw new BerthError('usage', `${file} gives this program nothing to do`, 'run `berth generate`');
    const stateFolder = join(folder, config.backups.state);
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    using state = openSqliteState(join(stateFolder, 'state.sqlite'), (message) => log('warn', 'state lost', { message }));
    const backups = await openBackups(config, folder, worldOf(context, leasePatienceMs));
    const agent = makeAgent({ config, backups, state, clock: systemClock, random: Math.random, log });
    log('info', 'started', {
      site: config.site,
      roles: config.roles,
      store: backups.store.name,
      tier: backups.tier,
      jobs: config.backups.jobs.map(({ name }) => name),
    });
    agent.start();
    await new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    const late = await agent.stop(graceMs);
    if (late.length > 0) log('warn', 'did not end in time', { jobs: late });
    log('info', 'stopped');
  }, 'stopping: what is at work may end; once more to leave it');
}
