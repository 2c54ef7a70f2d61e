import {
  dataPrefix,
  idInKey,
  keysPrefix,
  leasesPrefix,
  manifestKey,
  manifestPrefix,
  placePrefix,
  removedKey,
  removedPrefix,
  type Place,
} from '../../model/backup/layout.ts';
import { backupKinds, type BackupKind } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { Lease } from '../ports/lease.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { largestManifest, readCatalogue } from './catalogue.ts';
import { planRetention, type RetentionPlan, type RetentionPolicy, type TimeCheck } from './retention.ts';
import { forgetFindings, readVerifications } from './verifications.ts';
import { planSweep, type Remains, type Swept } from './sweep.ts';

export interface PruneTools {
  readonly store: Store;
  readonly lease: Lease;
  readonly trusted: TrustedSigners;
  /** How far a backup was proven, from 0 to 4; below zero it is broken. */
  readonly levelOf: (id: string) => number;
  /** How long a removal can be undone, and how long an unfinished attempt may take. */
  readonly graceMs: number;
}

/** Those go when nothing refers to them any more, whatever their age. */
const isContents = (key: string): boolean => key.endsWith('.contents.json');

/** What would be kept and removed now, each with its reason. Changes nothing. */
export async function planPrune(
  place: Place,
  policy: RetentionPolicy,
  time: TimeCheck,
  { store, trusted, levelOf }: PruneTools,
  signal: AbortSignal,
): Promise<RetentionPlan> {
  const { manifests } = await readCatalogue(store, manifestPrefix(place), trusted, signal, (key) => !isContents(key));
  const points = manifests.map(({ id, kind, finishedAt, parent, label }) => ({
    id,
    kind,
    at: new Date(finishedAt),
    parent,
    label,
    level: levelOf(id),
  }));
  return planRetention(points, policy, time);
}

/** Takes their manifests away, so that they are no backups any more. Their data stay for the time of grace; see {@link undoRemoval}. */
export async function removeBackups(place: Place, plan: RetentionPlan, tools: PruneTools, signal: AbortSignal): Promise<void> {
  for (const { point } of plan.remove) await removeOne({ place, ...point }, tools, signal);
}

/** A backup that was removed and whose data may still be there. */
export interface RemovedBackup {
  readonly place: Place;
  readonly id: string;
  readonly kind: BackupKind;
}

/** All that no sweep has taken yet. */
export async function listRemoved(place: Place, store: Store, signal: AbortSignal): Promise<readonly RemovedBackup[]> {
  const found: RemovedBackup[] = [];
  const prefix = removedPrefix(place);
  for await (const { key } of store.list(prefix, signal)) {
    const id = idInKey(key, prefix);
    const kind = backupKinds.find((each) => key.endsWith(`.${each}.json`));
    if (id !== undefined && kind !== undefined) found.push({ place, id, kind });
  }
  return found;
}

/** Makes a backup of what was removed, as long as no sweep has taken its data. */
export async function undoRemoval(
  place: Place,
  { id, kind }: Pick<RemovedBackup, 'id' | 'kind'>,
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  if ((await store.size(removedKey(place, id, kind), signal)) === undefined)
    throw new BerthError(
      'usage',
      `${id} was not removed, or its time of grace is over`,
      '`berth backup prune --undo` with another id says what can be brought back',
    );
  await move(store, removedKey(place, id, kind), manifestKey(place, id, kind), signal);
}

/** Takes one away that no rule is about; its data stay for the time of grace. */
export async function removeOne(
  { place, id, kind }: RemovedBackup,
  { store, lease }: Pick<PruneTools, 'store' | 'lease'>,
  signal: AbortSignal,
): Promise<void> {
  await lease.confirm(signal);
  await move(store, manifestKey(place, id, kind), removedKey(place, id, kind), signal);
}

/** Written before it is deleted: a crash leaves it in both places, which is put right by doing it again. */
async function move(store: Store, from: string, to: string, signal: AbortSignal): Promise<void> {
  await store.put(to, await collect(store.read(from, signal), largestManifest), signal);
  await store.delete(from, signal);
}

/** Deletes for good what has been no backup for longer than the time of grace. Answers what that was. */
export async function sweep(place: Place, { store, lease, trusted, graceMs }: PruneTools, signal: AbortSignal): Promise<readonly Swept[]> {
  const manifests = await lie(store, manifestPrefix(place), signal);
  const removed = await lie(store, removedPrefix(place), signal);
  const data = await lie(store, dataPrefix(place), signal);
  const keys = await lie(store, keysPrefix(place), signal);
  const all = [manifests, removed, data, keys].flatMap((each) => [...each]);
  // The store's own clock, as far as it shows: never later than it is.
  const now = new Date(all.reduce((newest, { modified }) => Math.max(newest, modified.getTime()), 0));
  const facts = { manifests: new Set(manifests.map(({ id }) => id)), removed, remains: [...data, ...keys] };
  const lying = Map.groupBy([...data, ...keys, ...removed], ({ id }) => id);
  const swept: Swept[] = [];
  for (const each of planSweep(facts, now, graceMs)) {
    // A list may be old; a single object is not.
    const found = await Promise.all(backupKinds.map((kind) => store.size(manifestKey(place, each.id, kind), signal)));
    if (found.some((size) => size !== undefined)) continue;
    await lease.confirm(signal);
    for (const { key } of lying.get(each.id) ?? []) await store.delete(key, signal);
    swept.push(each);
  }
  const before = new Date(now.getTime() - graceMs);
  const known = new Set([...manifests, ...removed].map(({ id }) => id));
  await forgetFindings(place, await readVerifications(place, store, trusted, signal), (id) => known.has(id), before, store, signal);
  await store.clean(placePrefix(place), before, signal);
  await store.clean(leasesPrefix(place.site), before, signal);
  return swept;
}

/** What lies under a prefix, by the backup that it belongs to. */
async function lie(store: Store, prefix: string, signal: AbortSignal): Promise<readonly (Remains & ObjectInfo)[]> {
  const found: (Remains & ObjectInfo)[] = [];
  for await (const info of store.list(prefix, signal)) {
    const id = idInKey(info.key, prefix);
    if (id !== undefined) found.push({ ...info, id });
  }
  return found;
}
