import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import { lockSite } from '../../generator/io/lock.ts';
import { composeServices } from '../../generator/render/compose.ts';
import { outputOf } from '../../runtime/programs/local-programs.ts';
import { type Compose, composeIn, never, notAll, programsApart, startAll, startAsBefore } from '../compose.ts';
import { DatabaseVolume, type Filling, volumeOf } from './database-volume.ts';
import { liveRecord, LiveRecordFile } from './live-record.ts';
import { progressOn } from '../progress.ts';
import type { Restored } from './database.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { paint } from '../text.ts';
import { secondsSince } from '../moment.ts';
import { describeEstimate } from './estimate.ts';
import { countedBehind } from '../backup/text.ts';

export interface LiveRestore extends Filling {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly database: string;
  /** One of the two, or neither for the newest that there is. */
  readonly at: string | undefined;
  readonly before: string | undefined;
  /** What would be restored now. */
  readonly look: () => Promise<Restored>;
  /** Brings the log to the store, up to now. */
  readonly ship: () => Promise<unknown>;
}

/** Who writes to a database, follows it or stands before it, by the names of compose.yaml; and the database itself. */
interface Concerned {
  readonly server: PlannedService;
  readonly clients: readonly string[];
  readonly replicas: readonly PlannedService[];
  /** Those of them that choose together with it who is written to: they stop with it, as alone it writes nothing any more, not even the last of its log. */
  readonly members: readonly string[];
  /** Caches that hold what may be newer than the database will be, and lose it with a restart. */
  readonly caches: readonly string[];
}

export function concernedBy(plan: Plan, database: string): Concerned {
  const server = plan.services.find(({ name }) => name === database);
  if (server === undefined) throw new Error(`the plan has no ${database}`);
  const replicas = plan.services.filter(({ replicaOf }) => replicaOf === database);
  const isSet = plan.databases.some(({ service, engine }) => service === database && engine === 'mongodb');
  const members = isSet ? replicas.map(({ name }) => name) : [];
  const near = new Set([
    database,
    ...replicas.map(({ name }) => name),
    ...plan.services.filter(({ poolOf }) => poolOf === database).map(({ name }) => name),
  ]);
  const clients = composeServices(plan).filter(
    ({ service }) =>
      service.kind === 'server' &&
      service.role !== 'agent' &&
      !members.includes(service.name) &&
      (near.has(service.name) ? service.name !== database : service.connects.some((each) => near.has(each.service))),
  );
  const caches = plan.services.filter(({ role, kind, volumes }) => role === 'cache' && kind === 'server' && volumes.length === 0);
  return { server, clients: clients.map(({ name }) => name), replicas, members, caches: caches.map(({ name }) => name) };
}

/**
 * Puts a database back to an earlier state in its place. The new data are made ready beside the old ones while those still run, or once nobody writes any
 * more; then the two change places in one step. Up to there a failure changes nothing, and the old data stay in the volume after it.
 */
export async function restoreLive(asked: LiveRestore, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, database } = asked;
  const { plan } = loadSite(site, context);
  const concerned = concernedBy(plan, database);
  const record = new LiveRecordFile(site);
  if (record.leftOf(commandOf(asked)) !== undefined && (await resumed(asked, plan, concerned, record, context))) return;
  const planned = await asked.look();
  if (!json || asked.dryRun) say(asked, plan, concerned, planned, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify({ ...planned, into: 'live' }, null, 2)}\n`) : undefined;
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      isLatest(asked)
        ? `the application would stop while ${database} is made anew; nothing was changed`
        : `what was written to ${database} since then would be gone; nothing was changed`,
      'run the same command with --yes, or try it with --into scratch first',
    );
  using _lock = lockSite(site);
  using progress = progressOn(context, json);
  const compose = composeIn(site, context);
  const volume = new DatabaseVolume(plan, concerned.server, asked, compose);
  const kept = volume.keptAt(context.now());
  const clock = { begun: performance.now(), stopped: performance.now() };
  const stopClients = async (): Promise<void> => {
    clock.stopped = performance.now();
    // Told to stop nothing by name, Compose stops everything.
    if (concerned.clients.length === 0) return;
    progress.say(`stopping ${concerned.clients.join(', ')}`);
    await stop(concerned.clients, compose, signal);
  };
  let filled: Restored;
  try {
    if (isLatest(asked)) {
      await stopClients();
      progress.say('waiting until the last of the log was shipped');
      await shipLast(asked, planned, signal);
    }
    progress.say(`making ${database} as it was`);
    filled = await volume.fill(signal);
    if (!isLatest(asked)) await stopClients();
    const servers = [...concerned.members, database];
    progress.say(`stopping ${servers.join(', ')}`);
    await stop(servers, compose, signal);
    record.write({ command: commandOf(asked), kept, old: await volume.identity() });
    await volume.exchange(kept);
  } catch (error) {
    progress.say('nothing was exchanged; starting everything as it was');
    await volume.clean(never).catch(() => undefined);
    record.end();
    return await startAsBefore(error, compose);
  }
  try {
    await beginAnew(plan, concerned, kept, { compose, context, heard: (what) => progress.say(what) });
  } finally {
    // A failure says how it is ended by hand. Only who is killed says nothing.
    record.end();
  }
  progress[Symbol.dispose]();
  const done = { ...filled, into: 'live', kept, seconds: secondsSince(clock.begun), downSeconds: secondsSince(clock.stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  tell(done, concerned, { undo: volume.undoing(kept), volumes: concerned.replicas.map((replica) => volumeOf(plan, replica)) }, context);
}

const commandOf = ({ database, at, before }: LiveRestore): string =>
  [
    'berth restore --only',
    database,
    ...(at === undefined ? [] : ['--at', at]),
    ...(before === undefined ? [] : ['--before', before]),
    '--into live',
  ].join(' ');

/** Goes on where an earlier run was cut off. @returns whether that was after its data had changed places; otherwise everything is to be done anew. */
async function resumed(
  asked: LiveRestore,
  plan: Plan,
  concerned: Concerned,
  record: LiveRecordFile,
  context: RuntimeContext,
): Promise<boolean> {
  const { site, json, database } = asked;
  if (asked.dryRun || !asked.yes)
    throw new BerthError(
      'conflict',
      `this restore of ${database} was cut off while its data changed places; nothing was changed now`,
      `run ${commandOf(asked)} --yes, which goes on with it; if you have ended it by hand, remove ${liveRecord}`,
    );
  using _lock = lockSite(site);
  const left = record.leftOf(commandOf(asked));
  if (left === undefined) return false;
  const begun = performance.now();
  using progress = progressOn(context, json);
  const compose = composeIn(site, context);
  const volume = new DatabaseVolume(plan, concerned.server, asked, compose);
  progress.say(`going on with the restore of ${database} that was cut off`);
  // Whoever was started by hand meanwhile writes to what is settled here.
  await compose(['stop', ...concerned.clients, ...concerned.members, database], never);
  if (!(await volume.settle(left.kept, left.old))) {
    record.end();
    await startAll(`${database} has its old data`, compose);
    progress[Symbol.dispose]();
    if (!json)
      context.out(`${database} still had its old data, so it is restored anew; remove ${left.kept} from its volume, if it is there.\n\n`);
    return false;
  }
  try {
    await beginAnew(plan, concerned, left.kept, { compose, context, heard: (what) => progress.say(what) });
  } finally {
    record.end();
  }
  progress[Symbol.dispose]();
  const done = { database, into: 'live', resumed: true, kept: left.kept, seconds: secondsSince(begun) };
  if (json) context.out(`${JSON.stringify(done, null, 2)}\n`);
  else
    context.out(
      `${database} is back; the old data are in ${left.kept}.\n\n→ to undo it, stop everything that uses it, then:\n    ${volume.undoing(left.kept)}\n`,
    );
  return true;
}

/** @throws BerthError that names the time up to which there is something, when the server is in no state to give the rest. */
async function shipLast({ ship, database }: LiveRestore, { until }: Restored, signal: AbortSignal): Promise<void> {
  try {
    await ship();
  } catch (error) {
    signal.throwIfAborted();
    throw new BerthError(
      error instanceof BerthError ? error.kind : 'io',
      `the last of the log of ${database} did not get into the backups: ${error instanceof Error ? error.message : String(error)}`,
      `without it, everything up to ${until ?? 'the newest full backup'} can be had: write that time after --at, in place of --latest`,
      { cause: error },
    );
  }
}

const isLatest = ({ at, before }: LiveRestore): boolean => at === undefined && before === undefined;

/** The engine stops a container also when nobody waits for that any more, and what is started meanwhile stops as well. So it is waited for. */
async function stop(services: readonly string[], compose: Compose, signal: AbortSignal): Promise<void> {
  await compose(['stop', ...services], never);
  signal.throwIfAborted();
}

interface Beginning {
  readonly compose: Compose;
  readonly context: RuntimeContext;
  readonly heard: (what: string) => void;
}

/** Replicas copy the new data; caches forget the old ones. */
async function beginAnew(plan: Plan, concerned: Concerned, kept: string, { compose, context, heard }: Beginning): Promise<void> {
  const { server, replicas, caches } = concerned;
  const state = `${server.name} has its new data, the old ones are in ${kept}`;
  try {
    for (const replica of replicas) {
      heard(`emptying ${replica.name}, which copies ${server.name} anew`);
      await compose(['rm', '--stop', '--force', replica.name], never);
      await outputOf(programsApart(context), { argv: ['docker', 'volume', 'rm', '--force', volumeOf(plan, replica)] }, never);
    }
    if (caches.length > 0) await compose(['restart', ...caches], never);
  } catch (error) {
    const volumes = replicas.map((replica) => volumeOf(plan, replica));
    // With what they had before they would copy that, or have it copied.
    const first = volumes.length === 0 ? '' : `, then \`docker volume rm --force ${volumes.join(' ')}\``;
    throw notAll(state, error, `see to that${first}, then run \`docker compose up -d --wait\``);
  }
  heard('starting everything');
  await startAll(state, compose);
}

function say(
  asked: LiveRestore,
  plan: Plan,
  { clients, replicas, members, caches }: Concerned,
  { full, increments, logs, because, until, expected }: Restored,
  context: RuntimeContext,
): void {
  if (asked.json) return;
  const { database, at, before } = asked;
  const style = paint(context.color);
  const holds = isLatest(asked)
    ? `everything up to ${until ?? 'its end'} and what is shipped until all writers have stopped`
    : `everything until ${at ?? `transaction ${before ?? ''}`}; what was written after it is gone`;
  context.out(
    [
      `${style('bold', `${database} of ${plan.name}`)} from ${full.id} and ${countedBehind(increments.length, logs)}\n  ${because}\n\n`,
      `  holds      ${holds}\n`,
      `  stops      ${[...(clients.length === 0 ? [] : [clients.join(', ')]), [...members, database].join(', ')].join(', then ')}; the edge shows its maintenance page\n`,
      ...replicas.map(({ name }) => `  empties    ${name}, which copies ${database} anew\n`),
      ...(caches.length > 0 ? [`  empties    ${caches.join(', ')}\n`] : []),
      ...(expected === undefined ? [] : [`  takes      ${describeEstimate(expected)}\n`]),
      '  keeps      the present data beside the new ones, in the same volume\n\n',
    ].join(''),
  );
}

function tell(
  { kept, seconds, downSeconds, position, left = [] }: Restored & { readonly kept: string; readonly downSeconds: number },
  { server, clients, replicas }: Concerned,
  { undo, volumes }: { readonly undo: string; readonly volumes: readonly string[] },
  context: RuntimeContext,
): void {
  const folder = server.volumes[0]?.target ?? '';
  // They copied the data that are undone, and copy the old ones anew.
  const names = replicas.map(({ name }) => name).join(' ');
  const emptied = names === '' ? '' : `    docker compose rm --stop --force ${names}\n    docker volume rm ${volumes.join(' ')}\n`;
  context.out(
    [
      `${server.name} is back, up to ${position ?? ''}: ${seconds ?? 0} s, of which ${downSeconds} s without the application.\n`,
      `A new full backup is being made; until it is there, only the chain before this restore can be restored from.\n\n`,
      ...left.map((one) => `→ ${one}\n`),
      `→ once you are sure:\n    docker compose exec ${server.name} rm -rf ${folder}/${kept}\n`,
      `→ to undo it:\n    docker compose stop ${[...clients, server.name].join(' ')}\n    ${undo}\n${emptied}    docker compose up -d --wait\n`,
    ].join(''),
  );
}
