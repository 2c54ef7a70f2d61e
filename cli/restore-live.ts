import { relative } from 'node:path';
import { BerthError } from '../model/errors.ts';
import type { Plan, PlannedService } from '../model/plan.ts';
import { composeServices } from '../generator/render/compose.ts';
import type { Secret } from '../model/secret.ts';
import type { DatabaseJob } from '../runtime/databases.ts';
import { localPrograms, outputOf } from '../runtime/programs/local-programs.ts';
import { agentFolder, agentProgram, keyInput } from './agent-exec.ts';
import { keyWords, type Restored } from './restore-database.ts';
import { progressOn } from './progress.ts';
import { loadSite } from './site.ts';
import type { RuntimeContext } from './stoppable.ts';
import { paint, typed } from './text.ts';

export interface LiveRestore {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly job: DatabaseJob;
  readonly key: Secret | undefined;
  /** `--latest`, or `--at TIME`. */
  readonly to: readonly string[];
  /** Whether it is to be the newest that there is. */
  readonly latest: boolean;
  /** What would be restored now. */
  readonly look: () => Promise<Restored>;
  /** Brings the log to the store, up to now. */
  readonly ship: () => Promise<unknown>;
}

/** Where the volume of the database lies in the container that fills it, and what is made there. */
const mounted = '/restore';
const workshop = `${mounted}/berth-restore`;

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
  const { site, json, job, latest } = asked;
  const { plan } = loadSite(site, context);
  const concerned = concernedBy(plan, job.name);
  const planned = await asked.look();
  if (!json || asked.dryRun) say(asked, plan, concerned, planned, context);
  if (asked.dryRun) return;
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      `what was written to ${job.name} since ${latest ? 'the last log was shipped' : 'then'} would be gone; nothing was changed`,
      'run the same command with --yes, or try it with --into scratch first',
    );
  const compose = new Compose(site, context);
  using progress = progressOn(context, json);
  const begun = performance.now();
  let stoppedAt = begun;
  const stopClients = async (): Promise<void> => {
    progress.say(`stopping ${concerned.clients.join(', ')}`);
    stoppedAt = performance.now();
    await compose.run(['stop', ...concerned.clients], signal);
  };
  try {
    if (latest) {
      await stopClients();
      progress.say('waiting until the last of the log was shipped');
      await asked.ship();
    }
    progress.say(`making ${job.name} as it was`);
    const filled = await fill(compose, asked, plan, concerned.server, signal);
    if (!latest) await stopClients();
    // From here on nothing stops it but its own failure: what is half done would need a person.
    const kept = `pgdata.before-${context.now().toISOString().replaceAll(/[:.]/g, '-')}`;
    await finish(compose, plan, concerned, kept, (what) => progress.say(what));
    const ended = performance.now();
    progress[Symbol.dispose]();
    const seconds = (from: number): number => Math.round((ended - from) / 100) / 10;
    const done = { ...filled, into: 'live', kept, seconds: seconds(begun), downSeconds: seconds(stoppedAt) };
    if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
    tell(done, plan, concerned, context);
  } catch (error) {
    await compose.run(['up', '-d', '--wait'], new AbortController().signal).catch(() => undefined);
    throw error;
  }
}

/** The commands of Compose for a site. */
class Compose {
  readonly #site: string;
  readonly #programs: ReturnType<typeof localPrograms>;
  constructor(site: string, { env }: RuntimeContext) {
    this.#site = site;
    this.#programs = localPrograms({ ...process.env, ...env }, 60_000);
  }

  run(args: readonly string[], signal: AbortSignal, key?: Secret): Promise<string> {
    return outputOf(this.#programs, { argv: ['docker', 'compose', '--project-directory', this.#site, ...args], ...keyInput(key) }, signal);
  }

  docker(args: readonly string[], signal: AbortSignal): Promise<string> {
    return outputOf(this.#programs, { argv: ['docker', ...args] }, signal);
  }

  /** In a container like that of the agent, with the volume of the database. */
  beside(
    volume: string,
    agent: string,
    options: readonly string[],
    entrypoint: string,
    args: readonly string[],
    signal: AbortSignal,
    key?: Secret,
  ): Promise<string> {
    const common = ['run', '--rm', '--no-deps', '-T', '--volume', `${volume}:${mounted}`];
    return this.run([...common, ...options, '--entrypoint', entrypoint, agent, ...args], signal, key);
  }
}

const volumeOf = ({ name }: Plan, service: PlannedService): string => `${name}_${service.volumes[0]?.name ?? ''}`;
const folderOf = (service: PlannedService): string =>
  relative(service.volumes[0]?.target ?? '', service.env['PGDATA'] ?? service.volumes[0]?.target ?? '');

/** New data beside the old ones. @returns what was restored. */
async function fill(
  compose: Compose,
  { job, to, key }: LiveRestore,
  plan: Plan,
  server: PlannedService,
  signal: AbortSignal,
): Promise<Restored> {
  const [volume, agent] = [volumeOf(plan, server), job.agent ?? 'agent'];
  await compose.beside(volume, agent, [], 'rm', ['-rf', workshop], signal);
  const [node, ...program] = agentProgram;
  const verb = [
    'restore',
    '--only',
    'database',
    '--name',
    job.name,
    ...to,
    ...keyWords(key),
    '--into',
    workshop,
    '--site',
    agentFolder,
    '--json',
  ];
  const restored = JSON.parse(await compose.beside(volume, agent, [], node, [...program, ...verb], signal, key)) as Restored;
  const runsAs = plan.services.find(({ name }) => name === agent)?.user;
  if (runsAs !== server.user)
    await compose.beside(
      volume,
      agent,
      ['--user', '0:0', '--cap-add', 'CHOWN', '--cap-add', 'DAC_OVERRIDE', '--cap-add', 'FOWNER'],
      'chown',
      ['-R', server.user, workshop],
      signal,
    );
  return restored;
}

/** Old and new change places, and everything that goes by the old ones begins anew. */
async function finish(
  compose: Compose,
  plan: Plan,
  { server, replicas, caches }: Concerned,
  kept: string,
  heard: (what: string) => void,
): Promise<void> {
  const never = new AbortController().signal;
  heard(`stopping ${server.name}`);
  await compose.run(['stop', server.name], never);
  const present = `${mounted}/${folderOf(server)}`;
  // Between two renames there would be no data at all, and a server that is started then makes new ones.
  const script = `set -e; test -d ${workshop}/pgdata; mv --exchange --no-copy -T ${workshop}/pgdata ${present}; mv -T ${workshop}/pgdata ${mounted}/${kept}; rm -rf ${workshop}; sync`;
  await compose.beside(volumeOf(plan, server), 'agent', ['--user', server.user], '/bin/sh', ['-c', script], never);
  for (const replica of replicas) {
    heard(`emptying ${replica.name}, which copies ${server.name} anew`);
    await compose.run(['rm', '--stop', '--force', replica.name], never);
    await compose.docker(['volume', 'rm', volumeOf(plan, replica)], never);
  }
  heard('starting everything');
  await compose.run(['up', '-d', '--wait'], never);
  if (caches.length > 0) await compose.run(['restart', ...caches], never);
  await compose.run(['up', '-d', '--wait'], never);
}

function say(
  { job, latest, to }: LiveRestore,
  plan: Plan,
  { clients, replicas, caches }: Concerned,
  { full, logs, because, until }: Restored,
  context: RuntimeContext,
): void {
  const style = paint(context.color);
  const lost = latest
    ? `everything up to ${until ?? 'its end'} and what is shipped until all writers have stopped`
    : `everything until ${to[1] ?? ''}; what was written after it is gone`;
  context.out(
    [
      `${style('bold', `${job.name} of ${plan.name}`)} from ${full.id} and ${logs} logs\n  ${because}\n\n`,
      `  holds      ${lost}\n`,
      `  stops      ${clients.join(', ')}, then ${job.name}; the edge shows its maintenance page\n`,
      ...replicas.map(({ name }) => `  empties    ${name}, which copies ${job.name} anew\n`),
      ...(caches.length > 0 ? [`  empties    ${caches.join(', ')}\n`] : []),
      '  keeps      the present data beside the new ones, in the same volume\n\n',
    ].join(''),
  );
}

function tell(
  { kept, seconds, downSeconds, position }: Restored & { readonly kept: string; readonly downSeconds: number },
  plan: Plan,
  { server, clients }: Concerned,
  context: RuntimeContext,
): void {
  const folder = server.volumes[0]?.target ?? '';
  const stopped = typed(`docker compose stop ${clients.join(' ')} ${server.name}`);
  context.out(
    [
      `${server.name} is back, up to ${position ?? ''}: ${seconds ?? 0} s, of which ${downSeconds} s without the application.\n`,
      `A new full backup is being made; until it is there, only the chain before this restore can be restored from.\n\n`,
      `→ once you are sure: docker compose exec ${server.name} rm -rf ${folder}/${kept}\n`,
      `→ to undo it: ${stopped.replaceAll("'", '')}, then let ${folderOf(server)} and ${kept} change places in the volume ${volumeOf(plan, server)}, then docker compose up -d --wait\n`,
    ].join(''),
  );
}
