import { BerthError } from '../model/errors.ts';
import type { CachePlan, Plan, PlannedService } from '../model/plan.ts';
import { valkey } from '../model/engines/valkey.ts';
import { lockSite } from '../generator/io/lock.ts';
import { composeServices } from '../generator/render/compose.ts';
import { slotsOf } from '../runtime/engines/cache/member.ts';
import { appendOnly, cleanScript, exchangeScript, fillScript, undoScript } from './cache-exchange.ts';
import { type Compose, composeIn, never, startAll, startAsBefore } from './compose.ts';
import type { OpenedCopy, PlannedCopy } from './open-copy.ts';
import { volumeOf } from './database-volume.ts';
import { progressOn } from './progress.ts';
import { describeCopy } from './restore-cache.ts';
import { loadSite } from './site.ts';
import type { RuntimeContext } from './stoppable.ts';
import { fileStamp, secondsSince } from './moment.ts';

export interface CacheLive {
  readonly site: string;
  readonly json: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly cache: string;
}

const { dataFolder } = valkey;

/** A node, by the name of its service, and the file that holds what it will serve. */
interface Node {
  readonly service: PlannedService;
  readonly file: string;
}

interface Concerned {
  readonly plan: CachePlan;
  readonly clients: readonly string[];
  /** Those that lead to the nodes, and those that watch over them. They stop first: nobody is to take over. */
  readonly around: readonly string[];
  /** Every node of a cache gets the data: whoever is the primary then has them, and nobody else's older ones win. */
  readonly nodes: readonly Node[];
}

export function concernedByCache(plan: Plan, cache: string, files: readonly string[]): Concerned {
  const found = plan.caches.find((each) => each.cache === cache);
  if (found === undefined) throw new Error(`the plan has no cache ${cache}`);
  const shards = found.cluster?.shards ?? [found.members];
  if (shards.length !== files.length)
    throw new BerthError(
      'unsupported',
      `the copy of ${cache} is of ${files.length} parts, and it is divided into ${shards.length} now`,
      'restore its files with --into DIR, and load them with the means of the engine',
    );
  const nodes = shards.flatMap((members, shard) =>
    members.flatMap((member) => {
      const service = plan.services.find(({ name }) => name === member);
      return service === undefined ? [] : [{ service, file: files[shard] ?? '' }];
    }),
  );
  const around = [...(found.sentinel?.proxy ? [found.sentinel.proxy.service] : []), ...(found.sentinel?.sentinels ?? [])];
  const near = new Set([...nodes.map(({ service }) => service.name), ...around]);
  const clients = composeServices(plan).filter(
    ({ service }) =>
      service.kind === 'server' &&
      service.role !== 'agent' &&
      !near.has(service.name) &&
      service.connects.some((each) => near.has(each.service)),
  );
  return { plan: found, clients: clients.map(({ name }) => name), around, nodes };
}

/**
 * Puts a cache back to an earlier state in its place: the new data are brought beside the old ones while it runs, then all that uses it is stopped, and they
 * change places. Up to there a failure changes nothing.
 */
export async function restoreCacheLive(asked: CacheLive, copy: OpenedCopy, context: RuntimeContext, signal: AbortSignal): Promise<void> {
  const { site, json, cache } = asked;
  const { plan } = loadSite(site, context);
  const concerned = concernedByCache(
    plan,
    cache,
    copy.planned.files.map(({ name }) => name),
  );
  if (!json) say(asked, copy.planned, concerned, context);
  if (asked.dryRun) return json ? context.out(`${JSON.stringify({ ...copy.planned, into: 'live' }, null, 2)}\n`) : undefined;
  if (!asked.yes)
    throw new BerthError(
      'conflict',
      `what was written to ${cache} since then would be gone; nothing was changed`,
      'run the same command with --yes, or try it with --into scratch first',
    );
  using _lock = lockSite(site);
  using progress = progressOn(context, json);
  const compose = composeIn(site, context);
  const nodes = new CacheNodes(plan, concerned, compose, context.err);
  const kept = `${appendOnly}.before-${fileStamp(context.now())}`;
  const begun = performance.now();
  let stopped = begun;
  try {
    await nodes.refuseOtherSlots(copy.planned, signal);
    for (const node of concerned.nodes) {
      progress.say(`${node.service.name}: bringing the new data beside the old ones`);
      await nodes.fill(node, copy, signal);
    }
    stopped = performance.now();
    const names = concerned.nodes.map(({ service }) => service.name);
    // A proxy without clients, and who watches over nodes, have nothing to bring to its end.
    for (const [services, options] of [
      [concerned.clients, []],
      [concerned.around, ['--timeout', '3']],
      [names, []],
    ] as const) {
      // Told to stop nothing by name, Compose stops everything.
      if (services.length === 0) continue;
      progress.say(`stopping ${services.join(', ')}`);
      await compose(['stop', ...options, ...services], never);
      signal.throwIfAborted();
    }
  } catch (error) {
    progress.say('nothing was exchanged; taking away what was brought');
    return await nodes.giveUp(error);
  }
  progress.say('exchanging old and new data');
  await nodes.exchange(kept);
  progress.say('starting everything');
  await startAll(`${cache} has its new data, the old ones are in ${kept}`, compose);
  progress[Symbol.dispose]();
  const done = { ...copy.planned, into: 'live', kept, seconds: secondsSince(begun), downSeconds: secondsSince(stopped) };
  if (json) return context.out(`${JSON.stringify(done, null, 2)}\n`);
  tell(done, concerned, context);
}

const sameAgain = 'run the same command again, which begins anew; what was there before is kept';

/** The nodes of a cache, and the commands of Compose that change what lies in their volumes. */
export class CacheNodes {
  readonly #plan: Plan;
  readonly #concerned: Concerned;
  readonly #compose: Compose;
  readonly #err: (text: string) => void;
  constructor(plan: Plan, concerned: Concerned, compose: Compose, err: (text: string) => void) {
    this.#plan = plan;
    this.#concerned = concerned;
    this.#compose = compose;
    this.#err = err;
  }

  /** A shell in a container like that of a node: its user, its volume, its limits. */
  #beside = ({ name }: PlannedService, script: string, options: readonly string[] = []): readonly string[] => [
    'run',
    '--rm',
    '--no-deps',
    '-T',
    ...options,
    '--entrypoint',
    '/bin/sh',
    name,
    '-c',
    script,
  ];

  async fill({ service, file }: Node, { planned, open }: OpenedCopy, signal: AbortSignal): Promise<void> {
    const bytes = planned.files.find(({ name }) => name === file)?.bytes ?? 0;
    await this.#compose(this.#beside(service, fillScript(bytes)), signal, { input: open(file) });
  }

  /** All in one container, so that hardly a moment lies between the first node and the last. */
  async exchange(kept: string): Promise<void> {
    const [first, ...others] = this.#concerned.nodes;
    if (first === undefined) return;
    const mounted = others.map(({ service }, index) => ({ folder: `/berth-nodes/${index + 1}`, volume: volumeOf(this.#plan, service) }));
    const volumes = mounted.flatMap(({ folder, volume }) => ['--volume', `${volume}:${folder}`]);
    const script = exchangeScript([dataFolder, ...mounted.map(({ folder }) => folder)], kept);
    try {
      await this.#compose(this.#beside(first.service, script, volumes), never);
    } catch (error) {
      throw new BerthError(
        'unfinished',
        `the exchange broke off, and nothing was started: ${error instanceof Error ? error.message : String(error)}`,
        sameAgain,
        { cause: error },
      );
    }
  }

  /** Of a cluster: each shard must serve the keys that its copy holds. Any of its nodes knows that; where none runs nobody does. */
  async refuseOtherSlots({ facts }: PlannedCopy, signal: AbortSignal): Promise<void> {
    const { plan } = this.#concerned;
    if (plan.cluster === undefined) return;
    const copied = facts['shards'];
    const running = new Set((await this.#compose(['ps', '--services', '--status', 'running'], signal)).split(/\s+/));
    for (const [index, members] of plan.cluster.shards.entries()) {
      const asked = members.find((member) => running.has(member));
      if (asked === undefined) {
        this.#err(`none of ${members.join(', ')} runs: whether their slots are those of the backup was not looked at\n`);
        continue;
      }
      const ask = ['exec', '-T', asked, '/bin/sh', '/etc/berth/cache/cluster.sh', 'ask', 'cluster', 'nodes'];
      const now = slotsOf((await this.#compose(ask, signal)).replaceAll('\r', ''));
      const then = Array.isArray(copied) ? (copied[index] as { readonly slots?: unknown }).slots : undefined;
      if (now !== then)
        throw new BerthError(
          'conflict',
          `${asked} and its copy serve the slots ${now} now, and ${String(then)} when the backup was made`,
          'give the shards the slots of then back, or restore the files with --into DIR',
        );
    }
  }

  /**
   * Takes away what was filled, starts everything, and tells why.
   *
   * @throws BerthError `unfinished` when an exchange of before has broken off: some nodes have the new data and some the old ones, and none is to start so.
   */
  async giveUp(why: unknown): Promise<never> {
    let half = false;
    for (const { service } of this.#concerned.nodes) {
      const said = await this.#compose(this.#beside(service, cleanScript()), never).catch(() => '');
      half ||= said.includes('exchanging');
    }
    if (half)
      throw new BerthError(
        'unfinished',
        `an exchange of before broke off, and nothing was started: ${why instanceof Error ? why.message : String(why)}`,
        sameAgain,
        { cause: why },
      );
    return startAsBefore(why, this.#compose);
  }
}

function say({ cache }: CacheLive, planned: PlannedCopy, { clients, around, nodes }: Concerned, context: RuntimeContext): void {
  const names = nodes.map(({ service }) => service.name);
  const order = [clients, around, names].filter((each) => each.length > 0).map((each) => each.join(', '));
  context.out(
    [
      `${describeCopy(planned, context)}\n`,
      `  holds      ${cache} as it was at ${planned.madeAt}, without what has expired since; what was written after it is gone\n`,
      `  stops      ${order.join(', then ')}; the edge shows its maintenance page\n`,
      `  keeps      the present data beside the new ones, in the same volume${names.length === 1 ? '' : ', of each node'}\n\n`,
    ].join(''),
  );
}

function tell(
  { source, kept, seconds, downSeconds }: PlannedCopy & { readonly kept: string; readonly seconds: number; readonly downSeconds: number },
  { clients, around, nodes }: Concerned,
  context: RuntimeContext,
): void {
  const names = nodes.map(({ service }) => service.name);
  context.out(
    [
      `${source} is back: ${seconds} s, of which ${downSeconds} s without the application.\n\n`,
      '→ once you are sure:\n',
      ...names.map((name) => `    docker compose exec ${name} rm -rf ${dataFolder}/${kept}\n`),
      '→ to undo it:\n',
      `    docker compose stop ${[...clients, ...around, ...names].join(' ')}\n`,
      ...names.map((name) => `    docker compose run --rm --no-deps --entrypoint /bin/sh ${name} -c '${undoScript(kept)}'\n`),
      '    docker compose up -d --wait\n',
    ].join(''),
  );
}
