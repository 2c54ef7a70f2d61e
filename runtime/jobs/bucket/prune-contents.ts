import { idInKey, manifestPrefix, removedPrefix, type Place } from '../../../model/backup/layout.ts';
import { BerthError } from '../../../model/errors.ts';
import { openManifest } from '../../format/manifest-file.ts';
import type { ObjectInfo } from '../../ports/store.ts';
import { collect } from '../../streams/blocks.ts';
import { inOrder } from '../../streams/in-order.ts';
import { largestManifest } from '../catalogue.ts';
import { earliest, listRemoved, removeOne, sweep, undoRemoval, type PruneTools } from '../prune.ts';
import type { TimeCheck } from '../retention.ts';
import type { Swept } from '../sweep.ts';
import { contentsOf } from './listing.ts';

const atOnce = 8;

/** What became of contents. */
export interface PrunedContents {
  /** Ids: nothing refers to them. Their data stay for the time of grace. */
  readonly removed: readonly string[];
  /** Ids: removed before, and needed after all. */
  readonly broughtBack: readonly string[];
  readonly swept: readonly Swept[];
}

/**
 * Removes contents that no listing refers to, and for good whatever has been removed for longer than the time of grace. Listings that were removed
 * count as long as they can be brought back. Contents that are young may belong to a run that broke off and will be taken up.
 *
 * Who removes holds the lease of those who copy. Should both ever be at work all the same, nothing is lost: contents that are needed are brought back by
 * who refers to them, just before that, and here, before they would go for good.
 *
 * @throws BerthError `damaged` when a listing cannot be read: nobody knows then what it needs, and nothing is removed.
 */
export async function pruneContents(place: Place, time: TimeCheck, tools: PruneTools, signal: AbortSignal): Promise<PrunedContents> {
  const { store, graceMs } = tools;
  const needed = await referredContents(place, tools, signal);
  const broughtBack: string[] = [];
  for (const removed of await listRemoved(place, store, signal)) {
    if (removed.kind !== 'contents' || !needed.has(removed.id)) continue;
    await tools.lease.confirm(signal);
    await undoRemoval(place, removed, store, signal);
    broughtBack.push(removed.id);
  }
  const prefix = manifestPrefix(place);
  const all: ObjectInfo[] = [];
  for await (const info of store.list(prefix, signal)) all.push(info);
  const now = earliest(
    all.reduce((newest, { modified }) => Math.max(newest, modified.getTime()), 0),
    time,
  ).getTime();
  const removed: string[] = [];
  for (const { key, modified } of all) {
    const id = idInKey(key, prefix);
    if (id === undefined || !key.endsWith('.contents.json') || needed.has(id) || now - modified.getTime() <= graceMs) continue;
    await removeOne({ place, id, kind: 'contents' }, tools, signal);
    removed.push(id);
  }
  return { removed, broughtBack, swept: await sweep(place, time, tools, signal) };
}

/** Ids of all that any listing needs. */
async function referredContents(place: Place, { store, trusted }: PruneTools, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  const read = async ({ key }: ObjectInfo): Promise<void> => {
    try {
      const manifest = openManifest(await collect(store.read(key, signal), largestManifest), key, trusted);
      for (const { id } of contentsOf(manifest)) needed.add(id);
    } catch (error) {
      if (!(error instanceof BerthError) || (error.kind !== 'damaged' && error.kind !== 'unsupported')) throw error;
      throw new BerthError(
        'damaged',
        `nothing of ${place.source} is removed: nobody knows what ${key} needs. ${error.message}`,
        'look at it with `berth backup verify`; when it is of no use any more, move it out of the store',
        { cause: error },
      );
    }
  };
  for (const prefix of [manifestPrefix(place), removedPrefix(place)])
    for await (const _ of inOrder(onlyListings(store.list(prefix, signal)), atOnce, read));
  return needed;
}

async function* onlyListings(objects: AsyncIterable<ObjectInfo>): AsyncGenerator<ObjectInfo> {
  for await (const info of objects) if (info.key.endsWith('.bucket.json')) yield info;
}
