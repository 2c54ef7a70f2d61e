import { createHash } from 'node:crypto';
import { valkey } from '../../model/engines/valkey.ts';
import { BerthError } from '../../model/errors.ts';
import type { ClusterPlace } from './cache-exchange.ts';
import { type CacheNode, CacheNodes, concernedByCache, refuseOtherShards, slotsOfShards } from './cache-nodes.ts';
import type { WantedCopy } from './choose-copies.ts';
import type { Filler } from './fill-site.ts';
import { secondsSince } from '../moment.ts';
import { asRdb, copyFrom } from './open-copy.ts';
import { identityIn } from './keys.ts';

/** What came of a cache or a volume. */
export interface CopyOutcome {
  readonly kind: WantedCopy['kind'];
  readonly name: string;
  readonly copy: string;
  readonly madeAt: string;
  /** Keys of a cache, files of a volume. */
  readonly holds: number;
  /** An earlier run has done it. */
  readonly already: boolean;
  readonly seconds: number;
}

/**
 * Gives a cache what it held before any of its servers is started for the first time. Alone or with Sentinel each node begins with it, so that whoever is the
 * primary has it. In a cluster the first of each shard does, with the slots of then, and the other copies it: two that began with the same would both claim them.
 */
export async function refillCache({ kind, name, copy }: WantedCopy, filler: Filler, signal: AbortSignal): Promise<CopyOutcome> {
  const { site, store, key, plan, compose, refilling, progress, context } = filler;
  const outcome = { kind, name, copy: copy.id, madeAt: copy.finishedAt, holds: Number(copy.facts['keys'] ?? 0) };
  const opened = asRdb(copyFrom(store, copy, async () => identityIn(key, context), signal));
  const concerned = concernedByCache(plan, name);
  refuseOtherShards(concerned, opened.planned);
  const nodes = new CacheNodes(plan, concerned, compose, context.err);
  const holding = await nodes.holding(signal);
  if (holding.length > 0 && !refilling.isPlaced(name))
    throw new BerthError(
      'conflict',
      `${holding.map(({ service }) => service.name).join(', ')}: ${name} has data on this host already; nothing of them was changed`,
      `to put it back to an earlier state run \`berth restore --only cache --name ${name} --into live\` in ${site}, after \`docker compose up -d --wait\` there; if its data are of no use, remove the volumes with \`docker compose --profile '*' down --volumes\`, then run the same command again`,
    );
  const { cluster } = concerned.plan;
  const firsts = cluster?.shards.map(([first]) => first);
  const filled = concerned.nodes.filter(({ service }) => firsts === undefined || firsts.includes(service.name));
  const missing = filled.filter((node) => !holding.includes(node));
  if (missing.length === 0) return { ...outcome, already: true, seconds: 0 };
  const begun = performance.now();
  for (const node of missing) {
    progress.say(`${node.service.name}: making it as it was`);
    await nodes.fill(node, opened, signal);
  }
  signal.throwIfAborted();
  refilling.place(name);
  const slots = slotsOfShards(copy.facts);
  const placeOf = ({ service }: CacheNode): ClusterPlace | undefined => {
    const shard = firsts?.indexOf(service.name) ?? -1;
    return shard < 0 ? undefined : { id: idOf(copy.id, shard), slots: slots[shard] ?? '', epoch: shard + 1, port: valkey.port };
  };
  await nodes.begin(missing, placeOf);
  return { ...outcome, already: false, seconds: secondsSince(begun) };
}

/** The same when what was cut off is done again. */
const idOf = (copy: string, shard: number): string => createHash('sha256').update(`${copy} ${shard}`).digest('hex').slice(0, 40);
