import { BerthError } from '../../model/errors.ts';
import type { CachePlan } from '../../model/cache-plan.ts';
import type { Plan } from '../../model/plan.ts';
import type { PlannedService } from '../../model/planned-service.ts';
import { valkey } from '../../model/engines/valkey.ts';
import { composeServices } from '../../generator/render/compose.ts';
import { slotsOf } from '../../runtime/engines/cache/member.ts';
import {
  beginScript,
  cleanScript,
  type ClusterPlace,
  endScript,
  exchangeScript,
  fillScript,
  heldScript,
  lookScript,
  returnScript,
} from './cache-exchange.ts';
import { type Compose, never } from '../compose.ts';
import type { Exchanged } from './copy-live.ts';
import type { OpenedCopy, PlannedCopy } from './open-copy.ts';
import { volumeOf } from './database-volume.ts';

const { dataFolder } = valkey;
/** Where the volumes of several nodes lie in one container: the first in its place. */
const folderOf = (index: number): string => (index === 0 ? dataFolder : `/berth-nodes/${index}`);

/** A node, and which part of the keys it serves: that of the file at this place in a copy. */
export interface CacheNode {
  readonly service: PlannedService;
  readonly shard: number;
}

export interface Concerned {
  readonly plan: CachePlan;
  readonly clients: readonly string[];
  /** Those that lead to the nodes, and those that watch over them. They stop first: nobody is to take over. */
  readonly around: readonly string[];
  /** Every node of a cache gets the data: whoever is the primary then has them, and nobody else's older ones win. */
  readonly nodes: readonly CacheNode[];
}

const shardsOf = ({ cluster, members }: CachePlan): readonly (readonly string[])[] => cluster?.shards ?? [members];

/** @throws BerthError `unsupported` for a copy of a cache that was divided otherwise. */
export function refuseOtherShards({ plan }: Concerned, { files }: PlannedCopy): void {
  const shards = shardsOf(plan);
  if (shards.length !== files.length)
    throw new BerthError(
      'unsupported',
      `the copy of ${plan.cache} is of ${files.length} parts, and it is divided into ${shards.length} now`,
      'restore its files with --into DIR, and load them with the means of the engine',
    );
}

export function concernedByCache(plan: Plan, cache: string): Concerned {
  const found = plan.caches.find((each) => each.cache === cache);
  if (found === undefined) throw new Error(`the plan has no cache ${cache}`);
  const nodes = shardsOf(found).flatMap((members, shard) =>
    members.flatMap((member) => {
      const service = plan.services.find(({ name }) => name === member);
      return service === undefined ? [] : [{ service, shard }];
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

const sameAgain = 'run the same command again, which begins anew; what was there before is kept';

/** Which slots each shard served when a copy was made; nothing where it served none, or does not say so. */
export const slotsOfShards = ({ shards }: PlannedCopy['facts']): readonly string[] =>
  Array.isArray(shards)
    ? shards.map((shard) => {
        const { slots } = shard as { readonly slots?: unknown };
        return typeof slots === 'string' && /^\d+(?:-\d+)?(?: \d+(?:-\d+)?)*$/.test(slots) ? slots : '';
      })
    : [];

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

  async fill({ service, shard }: CacheNode, { planned, open }: OpenedCopy, signal: AbortSignal): Promise<void> {
    const file = planned.files[shard];
    if (file === undefined) throw new Error(`the copy has nothing for ${service.name}`);
    await this.#compose(this.#beside(service, fillScript(file.bytes)), signal, { input: open(file.name) });
  }

  /** All in one container, so that hardly a moment lies between the first node and the last. @param script - For the folders, one for each of the nodes. */
  async #inOne(nodes: readonly CacheNode[], script: (folders: readonly string[]) => string, signal: AbortSignal): Promise<string> {
    const [first, ...others] = nodes;
    if (first === undefined) return '';
    const mounted = others.map(({ service }, index) => ({ folder: folderOf(index + 1), volume: volumeOf(this.#plan, service) }));
    const volumes = mounted.flatMap(({ folder, volume }) => ['--volume', `${volume}:${folder}`]);
    return this.#compose(this.#beside(first.service, script([folderOf(0), ...mounted.map(({ folder }) => folder)]), volumes), signal);
  }

  /** The nodes in whose volumes anything lies. */
  async holding(signal: AbortSignal): Promise<readonly CacheNode[]> {
    const { nodes } = this.#concerned;
    const said = new Set((await this.#inOne(nodes, heldScript, signal)).split(/\s+/));
    return nodes.filter((_, index) => said.has(folderOf(index)));
  }

  /** What was filled becomes what servers begin with that were never started. @param placeOf - In a cluster. */
  async begin(nodes: readonly CacheNode[], placeOf: (node: CacheNode) => ClusterPlace | undefined): Promise<void> {
    const script = (folders: readonly string[]): string =>
      beginScript(nodes.map((node, index) => ({ folder: folders[index] ?? '', place: placeOf(node) })));
    await this.#inOne(nodes, script, never);
  }

  #inAll = (script: (folders: readonly string[]) => string): Promise<string> => this.#inOne(this.#concerned.nodes, script, never);

  /** What was filled takes the place of what is there. @param kept - Name of the folder for the old data. */
  exchange = (kept: string): Promise<unknown> => this.#inAll((folders) => exchangeScript(folders, kept));

  /** One that was cut off comes to its end. */
  endExchange = (kept: string): Promise<unknown> => this.#inAll((folders) => endScript(folders, kept));

  /** How far one has come that was cut off. */
  look = async (kept: string): Promise<Exchanged> => (await this.#inAll((folders) => lookScript(folders, kept))).trim() as Exchanged;

  /** The old data come back. @param aside - Name of the folder for what was restored. */
  giveBack = (kept: string, aside: string): Promise<unknown> => this.#inAll((folders) => returnScript(folders, kept, aside));

  /** Of a cluster: each shard must serve the keys that its copy holds. Any of its nodes knows that; where none runs nobody does. */
  async refuseOtherSlots({ facts }: PlannedCopy, signal: AbortSignal): Promise<void> {
    const { plan } = this.#concerned;
    if (plan.cluster === undefined) return;
    const copied = slotsOfShards(facts);
    const running = new Set((await this.#compose(['ps', '--services', '--status', 'running'], signal)).split(/\s+/));
    for (const [index, members] of plan.cluster.shards.entries()) {
      const asked = members.find((member) => running.has(member));
      if (asked === undefined) {
        this.#err(`none of ${members.join(', ')} runs: whether their slots are those of the backup was not looked at\n`);
        continue;
      }
      const ask = ['exec', '-T', asked, '/bin/sh', '/etc/berth/cache/cluster.sh', 'ask', 'cluster', 'nodes'];
      const now = slotsOf((await this.#compose(ask, signal)).replaceAll('\r', ''));
      const then = copied[index];
      if (now !== then)
        throw new BerthError(
          'conflict',
          `${asked} and its copy serve the slots ${now} now, and ${String(then)} when the backup was made`,
          'give the shards the slots of then back, or restore the files with --into DIR',
        );
    }
  }

  /**
   * Takes away what was filled.
   *
   * @throws BerthError `unfinished` when an exchange of which there is no record has broken off: some nodes have the new data and some the old ones, and none is to start so.
   */
  async clean(): Promise<void> {
    let half = false;
    for (const { service } of this.#concerned.nodes) {
      const said = await this.#compose(this.#beside(service, cleanScript()), never).catch(() => '');
      half ||= said.includes('exchanging');
    }
    if (half) throw new BerthError('unfinished', 'an exchange of before broke off, and nothing was started', sameAgain);
  }
}
