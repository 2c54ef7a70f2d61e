import { setTimeout as sleep } from 'node:timers/promises';
import { lockSite } from '../../generator/io/lock.ts';
import { BerthError } from '../../model/errors.ts';
import type { Plan } from '../../model/plan.ts';
import type { DatabaseKind } from '../../runtime/databases.ts';
import { outputOf } from '../../runtime/programs/local-programs.ts';
import { countedBehind } from '../backup/text.ts';
import { composeIn, type Docker, dockerIn, never, programsApart } from '../compose.ts';
import { secondsSince } from '../moment.ts';
import { progressOn } from '../progress.ts';
import { loadSite } from '../site.ts';
import type { RuntimeContext } from '../stoppable.ts';
import { paint } from '../text.ts';
import type { Restored } from './database-here.ts';
import { DatabaseVolume, type Filling, mounted } from './database-volume.ts';
import { describeEstimate } from './estimate.ts';
import { outlive, removeUsers, restoringMark } from './left-behind.ts';
import { type Asking, askingOf, runStanding } from './database-standing.ts';

export interface NewRestore extends Filling {
  readonly site: string;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly database: string;
  readonly kind: DatabaseKind;
  /** One of the two, or neither for the newest that there is. */
  readonly at: string | undefined;
  readonly before: string | undefined;
  /** What would be restored now. */
  readonly look: () => Promise<Restored>;
}

/** Of the server that stays, and of its data. */
export interface StandingNames {
  readonly container: string;
  readonly volume: string;
}

/** Like those of the site, so that nobody else has them; Compose, which goes by labels, takes them for nobody's. */
export const standingNames = ({ name }: Pick<Plan, 'name'>, database: string): StandingNames => ({
  container: `${name}-${database}-restored`,
  volume: `${name}_${database}-restored`,
});

const pollMs = 250;
/** It was stopped in order, so it has nothing to read first. */
const patienceMs = 120_000;

/**
 * Restores a database into a volume of its own, and starts a server over it that stays until somebody removes it: to look into it, and to take from it what the
 * site has lost. Nothing of the site changes. When it fails or is stopped, nothing of it is left.
 */
export async function restoreNew(asked: NewRestore, outer: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, database, kind } = asked;
  const context = { ...outer, env: { ...outer.env, ...restoringMark(site) } };
  const asking = askingOf(kind);
  if (asking === undefined)
    throw new BerthError(
      'unsupported',
      `this version keeps no restored ${kind} beside the site`,
      '--into scratch tries the restore and counts what it finds; --into live puts it in its place, and keeps the present data beside it',
    );
  const { plan } = loadSite(site, context);
  const names = standingNames(plan, database);
  const docker = dockerIn(context);
  await refuseSecond(names, docker, signal);
  const planned = await asked.look();
  if (!json) say(asked, plan, names, planned, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify({ ...planned, into: 'new', ...names }, null, 2)}\n`) : undefined;
  using _lock = lockSite(site);
  // Somebody else may have had the lock.
  await refuseSecond(names, docker, signal);
  using progress = progressOn(context, json);
  const begun = performance.now();
  const remove = () => discard(names, docker);
  let restored: Restored;
  try {
    // Of a run that was killed.
    await outlive(site, signal);
    await remove();
    progress.say(`making ${database} as it was`);
    await docker(['volume', 'create', names.volume], signal);
    restored = await fill(asked, plan, names, context, signal);
    progress.say('starting its server');
    await start(asked, plan, { names, asking, argv: restored.standing ?? [] }, context, signal);
  } catch (error) {
    await remove().catch(() => undefined);
    throw error;
  }
  progress[Symbol.dispose]();
  const { standing: _standing, ...rest } = restored;
  const done = { ...rest, into: 'new', ...names, seconds: secondsSince(begun) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  tell(done, plan, asking, context);
}

const removal = ({ container, volume }: StandingNames): string => `docker rm --force ${container} && docker volume rm ${volume}`;

async function refuseSecond(names: StandingNames, docker: Docker, signal: AbortSignal): Promise<void> {
  if ((await docker(['ps', '--all', '--quiet', '--filter', `name=^/?${names.container}$`], signal)).trim() === '') return;
  throw new BerthError(
    'conflict',
    `${names.container} is there already, from an earlier restore; nothing was changed`,
    `once nobody needs it: \`${removal(names)}\`, then run the same command again`,
  );
}

/** With whoever has the volume: the server, and what has filled it. */
async function discard({ volume }: StandingNames, docker: Docker): Promise<void> {
  await removeUsers(volume, docker);
  await docker(['volume', 'rm', '--force', volume], never);
}

function fill(asked: NewRestore, plan: Plan, { volume }: StandingNames, context: RuntimeContext, signal: AbortSignal): Promise<Restored> {
  const agent = agentIn(plan, asked.agent);
  return new DatabaseVolume(plan, agent, asked, composeIn(asked.site, context), volume).fill(signal);
}

function agentIn(plan: Plan, name: string) {
  const agent = plan.services.find((service) => service.name === name);
  if (agent === undefined) throw new Error(`the plan has no ${name}`);
  return agent;
}

interface Starting {
  readonly names: StandingNames;
  readonly asking: Asking;
  readonly argv: readonly string[];
}

async function start(
  { site, agent: name, database }: NewRestore,
  plan: Plan,
  { names, asking, argv }: Starting,
  context: RuntimeContext,
  signal: AbortSignal,
): Promise<void> {
  const docker = dockerIn(context);
  if (argv.length === 0)
    throw new BerthError(
      'unreachable',
      `${name} runs an older Berth than this one, which keeps no restored database`,
      `run \`berth generate\` in ${site}, which brings its agents this one, then the same again`,
    );
  const agent = agentIn(plan, name);
  const image = plan.images.find(({ key }) => key === agent.image)?.reference;
  if (image === undefined) throw new Error(`the plan has no image for ${name}`);
  await docker(runStanding(agent, asking, { ...names, mounted, image, argv }), signal);
  for (const since = performance.now(); !(await answers(names, asking, docker, signal)); await sleep(pollMs, undefined, { signal })) {
    const isUp =
      (await docker(['inspect', '--format', '{{.RestartCount}} {{.State.Running}}', names.container], signal)).trim() === '0 true';
    if (isUp && performance.now() - since < patienceMs) continue;
    const said = await lastOf(names, context, signal);
    throw new BerthError(
      'io',
      `the server of the restored ${database} does not answer: ${said}`,
      'what it says tells what it misses; --into scratch tries the restore without it',
    );
  }
}

const answers = ({ container }: StandingNames, { ready }: Asking, docker: Docker, signal: AbortSignal): Promise<boolean> =>
  docker(['exec', container, ...ready], signal).then(
    () => true,
    () => {
      signal.throwIfAborted();
      return false;
    },
  );

/** Engines write to either of the two. */
async function lastOf({ container }: StandingNames, context: RuntimeContext, signal: AbortSignal): Promise<string> {
  const both = ['sh', '-c', 'docker logs --tail 5 "$1" 2>&1', 'sh', container] as const;
  const said = await outputOf(programsApart(context), { argv: both }, signal);
  return said.trim().split('\n').slice(-3).join('; ') || 'it says nothing';
}

function say(
  { database, at, before }: NewRestore,
  plan: Plan,
  { container, volume }: StandingNames,
  { full, increments, logs, because, until, expected }: Restored,
  context: RuntimeContext,
): void {
  const style = paint(context.color);
  context.out(
    [
      `${style('bold', `${database} of ${plan.name}`)} from ${full.id} and ${countedBehind(increments.length, logs)}\n  ${because}\n\n`,
      `  holds      ${at === undefined && before === undefined ? `everything up to ${until ?? 'its end'}` : `everything until ${at ?? `transaction ${before ?? ''}`}`}\n`,
      `  makes      ${container}, a server without a network, over a volume of its own, ${volume}\n`,
      ...(expected === undefined ? [] : [`  takes      ${describeEstimate(expected)}\n`]),
      '  changes    nothing of the site\n\n',
    ].join(''),
  );
}

function tell(
  { position, seconds, left = [], container, volume, database }: Restored & StandingNames,
  plan: Plan,
  { look, dumpTable }: Asking,
  context: RuntimeContext,
): void {
  const own = plan.databases.find(({ service }) => service === database);
  const inside = (own ?? plan.elsewhere?.find(({ name }) => name === database))?.database ?? database;
  context.out(
    [
      `${database} is there as it was, up to ${position ?? ''}, in ${container}: ${seconds ?? 0} s. Nothing of the site was changed.\n\n`,
      ...left.map((one) => `→ ${one}\n`),
      `→ to look into it:\n    docker exec -it ${container} ${look(inside)}\n`,
      `→ to take a table from it, as SQL that makes it:\n    docker exec ${container} ${dumpTable(inside)} > TABLE.sql\n`,
      `→ it takes room and memory until it is removed:\n    ${removal({ container, volume })}\n`,
    ].join(''),
  );
}
