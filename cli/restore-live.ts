import { relative } from 'node:path';
import { BerthError } from '../model/errors.ts';
import { agentPlaces, agentProgram } from '../model/backup/site-files.ts';
import type { Plan, PlannedService } from '../model/plan.ts';
import type { Secret } from '../model/secret.ts';
import { lockSite } from '../generator/io/lock.ts';
import { composeServices } from '../generator/render/compose.ts';
import { localPrograms, outputOf } from '../runtime/programs/local-programs.ts';
import { keyInput } from './agent-exec.ts';
import { progressOn } from './progress.ts';
import { restoredData, type Restored } from './restore-database.ts';
import { loadSite } from './site.ts';
import type { RuntimeContext } from './stoppable.ts';
import { paint } from './text.ts';

export interface LiveRestore {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly database: string;
  /** The service that copies it. */
  readonly agent: string;
  readonly key: Secret | undefined;
  /** One of the two, or neither for the newest that there is. */
  readonly at: string | undefined;
  readonly before: string | undefined;
  /** What would be restored now. */
  readonly look: () => Promise<Restored>;
  /** Brings the log to the store, up to now. */
  readonly ship: () => Promise<unknown>;
  /** What has an agent restore into a folder. */
  readonly verb: (folder: string) => readonly string[];
}

/** Where the volume of the database lies in the container that fills it, and what is made there. */
const mounted = '/restore';
const workshop = `${mounted}/berth-restore`;
/** Nobody stops what must come to its end. */
const never = new AbortController().signal;

/** Who writes to a database, follows it or stands before it, by the names of compose.yaml; and the database itself. */
interface Concerned {
  readonly server: PlannedService;
  readonly clients: readonly string[];
  readonly replicas: readonly PlannedService[];
  /** Caches that hold what may be newer than the database will be, and lose it with a restart. */
  readonly caches: readonly string[];
}

export function concernedBy(plan: Plan, database: string): Concerned {
  const server = plan.services.find(({ name }) => name === database);
  if (server === undefined) throw new Error(`the plan has no ${database}`);
  const replicas = plan.services.filter(({ replicaOf }) => replicaOf === database);
  const near = new Set([
    database,
    ...replicas.map(({ name }) => name),
    ...plan.services.filter(({ poolOf }) => poolOf === database).map(({ name }) => name),
  ]);
  const clients = composeServices(plan).filter(
    ({ service }) =>
      service.kind === 'server' &&
      service.role !== 'agent' &&
      (near.has(service.name) ? service.name !== database : service.connects.some((each) => near.has(each.service))),
  );
  const caches = plan.services.filter(({ role, kind, volumes }) => role === 'cache' && kind === 'server' && volumes.length === 0);
  return { server, clients: clients.map(({ name }) => name), replicas, caches: caches.map(({ name }) => name) };
}

/**
 * Puts a database back to an earlier state in its place. The new data are made ready beside the old ones while those still run, or once nobody writes any
 * more; then the two change places in one step. Up to there a failure changes nothing, and the old data stay in the volume after it.
 */
export async function restoreLive(asked: LiveRestore, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, database } = asked;
  const { plan } = loadSite(site, context);
  const concerned = concernedBy(plan, database);
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
  const place = new DatabaseVolume(asked, plan, concerned, context);
  const kept = `pgdata.before-${context.now().toISOString().replaceAll(/[:.]/g, '-')}`;
  const clock = { begun: performance.now(), stopped: performance.now() };
  const stopClients = async (): Promise<void> => {
    progress.say(`stopping ${concerned.clients.join(', ')}`);
    clock.stopped = performance.now();
    await place.stop(concerned.clients, signal);
  };
  let filled: Restored;
  try {
    if (isLatest(asked)) {
      await stopClients();
      progress.say('waiting until the last of the log was shipped');
      await asked.ship();
    }
    progress.say(`making ${database} as it was`);
    filled = await place.fill(signal);
    if (!isLatest(asked)) await stopClients();
    progress.say(`stopping ${database}`);
    await place.stop([database], signal);
    await place.exchange(kept);
  } catch (error) {
    progress.say('nothing was exchanged; starting everything as it was');
    await place.putBack();
    throw error;
  }
  await place.beginAnew((what) => progress.say(what), kept);
  const ended = performance.now();
  progress[Symbol.dispose]();
  const seconds = (from: number): number => Math.round((ended - from) / 100) / 10;
  const done = { ...filled, into: 'live', kept, seconds: seconds(clock.begun), downSeconds: seconds(clock.stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  tell(done, concerned, place.undoing(kept), context);
}

const isLatest = ({ at, before }: LiveRestore): boolean => at === undefined && before === undefined;

/** The volume of a database, and the commands of Compose that change what lies in it. */
class DatabaseVolume {
  readonly #asked: LiveRestore;
  readonly #plan: Plan;
  readonly #concerned: Concerned;
  readonly #programs: ReturnType<typeof localPrograms>;
  constructor(asked: LiveRestore, plan: Plan, concerned: Concerned, { env }: RuntimeContext) {
    this.#asked = asked;
    this.#plan = plan;
    this.#concerned = concerned;
    // A container that is stopped takes its time, and Ctrl-C must not stop what exchanges data.
    this.#programs = localPrograms({ ...process.env, ...env }, 60_000, true);
  }

  compose(args: readonly string[], signal: AbortSignal, key?: Secret): Promise<string> {
    return outputOf(
      this.#programs,
      { argv: ['docker', 'compose', '--project-directory', this.#asked.site, ...args], ...keyInput(key) },
      signal,
    );
  }

  /** The engine stops a container also when nobody waits for that any more, and what is started meanwhile stops as well. So it is waited for. */
  async stop(services: readonly string[], signal: AbortSignal): Promise<void> {
    await this.compose(['stop', ...services], never);
    signal.throwIfAborted();
  }

  /** New data beside the old ones. @returns what was restored. */
  async fill(signal: AbortSignal): Promise<Restored> {
    const { verb, key, agent } = this.#asked;
    const { server } = this.#concerned;
    await this.#clean(signal);
    const [node, ...program] = agentProgram;
    const words = [...program, ...verb(workshop), '--site', agentPlaces.config, '--json'];
    const restored = JSON.parse(await this.compose(this.#beside([], node, words), signal, key)) as Restored;
    if (this.#plan.services.find(({ name }) => name === agent)?.user !== server.user) {
      const asRoot = ['--user', '0:0', ...['CHOWN', 'DAC_OVERRIDE', 'FOWNER'].flatMap((capability) => ['--cap-add', capability])];
      await this.compose(this.#beside(asRoot, 'chown', ['-R', server.user, workshop]), signal);
    }
    return restored;
  }

  /**
   * Between two renames there would be no data at all, and a server that is started then makes new ones: so one call exchanges them. The new data get the name
   * of the old ones before it, and none of the two is ever where it would be cleared away.
   */
  async exchange(kept: string): Promise<void> {
    const [fresh, named] = [`${workshop}/${restoredData}`, `${mounted}/${kept}`];
    const script = `mv -T ${fresh} ${named} || exit 1; mv ${this.#exchanging(kept)} || { mv -T ${named} ${fresh}; exit 1; }; rm -rf ${workshop}; sync`;
    await this.compose(this.#beside(['--user', this.#concerned.server.user], '/bin/sh', ['-c', script]), never);
  }

  /** Gives up. @throws BerthError when the site does not come up again. */
  async putBack(): Promise<void> {
    await this.#clean(never).catch(() => undefined);
    await this.#up('nothing was exchanged');
  }

  /** Replicas copy the new data; caches forget the old ones. */
  async beginAnew(heard: (what: string) => void, kept: string): Promise<void> {
    const { server, replicas, caches } = this.#concerned;
    const state = `${server.name} has its new data, the old ones are in ${kept}`;
    try {
      for (const replica of replicas) {
        heard(`emptying ${replica.name}, which copies ${server.name} anew`);
        await this.compose(['rm', '--stop', '--force', replica.name], never);
        await outputOf(this.#programs, { argv: ['docker', 'volume', 'rm', this.#volumeOf(replica)] }, never);
      }
      if (caches.length > 0) await this.compose(['restart', ...caches], never);
    } catch (error) {
      throw notAll(state, error, `see to that, then run \`docker compose up -d --wait\``);
    }
    heard('starting everything');
    await this.#up(state);
  }

  /** The commands that bring the old data back. */
  undoing(kept: string): readonly string[] {
    const { server, clients } = this.#concerned;
    const mv = this.#beside(['--user', server.user], 'mv', this.#exchanging(kept).split(' '));
    return [`docker compose stop ${clients.join(' ')} ${server.name}`, `docker compose ${mv.join(' ')}`, 'docker compose up -d --wait'];
  }

  async #up(state: string): Promise<void> {
    try {
      await this.compose(['up', '-d', '--wait'], never);
    } catch (error) {
      throw notAll(state, error, 'see `docker compose ps -a` and what the service says, then run `docker compose up -d --wait`');
    }
  }

  #clean = (signal: AbortSignal): Promise<string> => this.compose(this.#beside([], 'rm', ['-rf', workshop]), signal);

  #exchanging(kept: string): string {
    const { server } = this.#concerned;
    const folder = relative(server.volumes[0]?.target ?? '', server.env['PGDATA'] ?? '');
    return `--exchange --no-copy -T ${mounted}/${kept} ${mounted}/${folder}`;
  }

  /** In a container like that of the agent, with the volume of the database. */
  #beside(options: readonly string[], entrypoint: string, args: readonly string[]): readonly string[] {
    const common = ['run', '--rm', '--no-deps', '-T', '--volume', `${this.#volumeOf(this.#concerned.server)}:${mounted}`];
    return [...common, ...options, '--entrypoint', entrypoint, this.#asked.agent, ...args];
  }

  #volumeOf = (service: PlannedService): string => `${this.#plan.name}_${service.volumes[0]?.name ?? ''}`;
}

const notAll = (state: string, error: unknown, cure: string): BerthError =>
  new BerthError('unfinished', `${state}, and not everything is up: ${error instanceof Error ? error.message : String(error)}`, cure, {
    cause: error,
  });

function say(
  asked: LiveRestore,
  plan: Plan,
  { clients, replicas, caches }: Concerned,
  { full, logs, because, until }: Restored,
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
      `${style('bold', `${database} of ${plan.name}`)} from ${full.id} and ${logs === 1 ? '1 log' : `${logs} logs`}\n  ${because}\n\n`,
      `  holds      ${holds}\n`,
      `  stops      ${clients.join(', ')}, then ${database}; the edge shows its maintenance page\n`,
      ...replicas.map(({ name }) => `  empties    ${name}, which copies ${database} anew\n`),
      ...(caches.length > 0 ? [`  empties    ${caches.join(', ')}\n`] : []),
      '  keeps      the present data beside the new ones, in the same volume\n\n',
    ].join(''),
  );
}

function tell(
  { kept, seconds, downSeconds, position }: Restored & { readonly kept: string; readonly downSeconds: number },
  { server }: Concerned,
  undoing: readonly string[],
  context: RuntimeContext,
): void {
  const folder = server.volumes[0]?.target ?? '';
  context.out(
    [
      `${server.name} is back, up to ${position ?? ''}: ${seconds ?? 0} s, of which ${downSeconds} s without the application.\n`,
      `A new full backup is being made; until it is there, only the chain before this restore can be restored from.\n\n`,
      `→ once you are sure:\n    docker compose exec ${server.name} rm -rf ${folder}/${kept}\n`,
      `→ to undo it:\n${undoing.map((line) => `    ${line}\n`).join('')}`,
    ].join(''),
  );
}
