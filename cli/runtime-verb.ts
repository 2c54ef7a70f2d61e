import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { programMark } from '../model/backup/site-files.ts';
import { BerthError } from '../model/errors.ts';
import { makeAgent } from '../runtime/agent.ts';
import type { Log } from '../runtime/agent-log.ts';
import { clearLeft, shipsLog, withoutLog } from '../runtime/databases.ts';
import { systemClock } from '../runtime/clocks/system-clock.ts';
import type { ScheduleState } from '../runtime/ports/schedule-state.ts';
import { LastingState } from '../runtime/schedule/lasting-state.ts';
import { openSqliteState } from '../runtime/schedule/sqlite-state.ts';
import type { Taken } from '../runtime/jobs/take-backup.ts';
import { serveRequests, type BackupRequest } from '../runtime/requests.ts';
import { openOffsite } from '../runtime/offsite.ts';
import { openBackups, type Backups } from '../runtime/wire.ts';
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
  let found = lookAt(file);
  if (!found.config.roles.includes('agent'))
    throw new BerthError('usage', `${file} gives this program nothing to do`, 'run `berth generate`');
  const log: Log = (level, event, fields = {}) =>
    context.out(`${JSON.stringify({ time: context.now().toISOString(), level, event, ...fields })}\n`);
  await context.abortable(async (signal) => {
    const stateFolder = resolve(found.folder, found.config.backups.state);
    mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
    using state = new LastingState(
      () => openSqliteState(join(stateFolder, 'state.sqlite'), (message) => log('warn', 'state lost', { message })),
      {
        failed: (error) => log('error', 'state not written', { message: error instanceof Error ? error.message : String(error) }),
        works: () => log('info', 'state is written again'),
      },
    );
    // Nobody else works there: whoever is asked from outside runs in the same container.
    try {
      const left = await clearLeft(found.config.backups.jobs.filter(({ agent }) => agent === undefined));
      if (left.length > 0) log('info', 'what a killed restore left was removed', { folders: left });
    } catch (error) {
      log('warn', 'what a killed restore left was not removed', { message: error instanceof Error ? error.message : String(error) });
    }
    const program = programOf(context.root);
    // Its container starts it anew.
    while (!signal.aborted && programOf(context.root) === program) {
      const stop = await startAgent(found, state, log, context);
      found = (await changed(file, found, { log, replaced: () => programOf(context.root) !== program }, signal)) ?? found;
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
  const world = worldOf(context, leasePatienceMs);
  const backups = await openBackups(config, folder, world);
  // Of each of a million objects a little is held for a moment, and the collector would let 100 MB of that lie. It costs a third more time of a processor.
  if (backups.jobs.some(({ kind }) => kind === 'bucket')) setFlagsFromString('--optimize-for-size');
  const offsite = await openOffsite(config, folder, world);
  const agent = makeAgent({ config, backups, offsite, state, clock: systemClock, random: Math.random, log });
  const jobs = backups.jobs.map(({ name }) => name);
  log('info', 'started', { site: config.site, roles: config.roles, store: backups.store.name, tier: backups.tier, jobs });
  agent.start();
  const serving = new AbortController();
  const served =
    backups.databases.length + backups.buckets.length === 0
      ? Promise.resolve()
      : serveRequests(
          resolve(folder, config.backups.state),
          {
            take: (request, signal) => takeAsked(backups, request, signal),
            clock: systemClock,
            failed: (error) => log('error', 'requests not taken up', { message: error instanceof Error ? error.message : String(error) }),
          },
          serving.signal,
        );
  return async () => {
    serving.abort(new Error('the runtime is stopping'));
    await served;
    const late = await agent.stop(graceMs);
    if (late.length > 0) log('warn', 'did not end in time', { jobs: late });
  };
}

async function takeAsked(backups: Backups, { job: name, what }: BackupRequest, signal: AbortSignal): Promise<Taken | null> {
  const job = backups.jobs.find((each) => each.name === name);
  if (job === undefined)
    throw new BerthError('usage', `the agent copies no ${name}`, 'run `berth generate`, then bring it into force as SITE.md says');
  const database = backups.databases.find((each) => each.job.name === name);
  if (what === 'log' && database !== undefined && !shipsLog(database.job)) throw withoutLog(name);
  if (what === 'log') await database?.cover(signal);
  else if ('full' in what) return backups.take(job, { due: null, label: what.full }, signal);
  else if (database !== undefined) return database.increment({ due: null, label: what.increment }, signal);
  return null;
}

/** Of the copy of the program that an agent in a container runs: another text means another program. */
const programOf = (root: string): string => textOf(join(root, programMark));
const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** What the runtime works with, and the text of it. */
interface Seen extends FoundRuntime {
  readonly texts: string;
}

/** The text is read first: what is written from then on is seen as a change, also while the agent is still starting. */
function lookAt(file: string): Seen {
  const text = textOf(file);
  const found = readRuntime(file);
  return { ...found, texts: [text, signerOf(found)].join('\0') };
}

const signerOf = ({ config, folder }: FoundRuntime): string => textOf(resolve(folder, config.backups.signer));

/** Another text than the one that was seen means another start. */
const textsOf = (file: string, found: FoundRuntime): string => [textOf(file), signerOf(found)].join('\0');

/** Its age is what a health check looks at; a full disk must not keep backups from being made. */
function touch(file: string): void {
  try {
    writeFileSync(file, '');
  } catch {
    // The health check will tell.
  }
}

/** Resolves with what runtime.yaml has become, or with nothing when a signal has come or the program was replaced. One that cannot be used changes nothing. */
async function changed(
  file: string,
  found: Seen,
  { log, replaced }: { readonly log: Log; readonly replaced: () => boolean },
  signal: AbortSignal,
): Promise<Seen | undefined> {
  const alive = join(resolve(found.folder, found.config.backups.state), 'alive');
  for (let known = found.texts; ;) {
    touch(alive);
    await systemClock.sleep(lookEveryMs, signal);
    if (signal.aborted || replaced()) return undefined;
    const now = textsOf(file, found);
    if (now === known) continue;
    known = now;
    try {
      const next = lookAt(file);
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
