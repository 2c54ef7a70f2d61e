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
  sweptKey,
  sweptPrefix,
  type Place,
} from '../../model/backup/layout.ts';
import { backupKinds, type BackupKind, type Manifest } from '../../model/backup/manifest.ts';
import { BerthError } from '../../model/errors.ts';
import type { TrustedSigners } from '../format/signature.ts';
import type { Lease } from '../ports/lease.ts';
import type { ObjectInfo, Store } from '../ports/store.ts';
import { collect } from '../streams/blocks.ts';
import { largestManifest, readSome } from './catalogue.ts';
import { planRetention, type Point, type RetentionPlan, type RetentionPolicy, type TimeCheck } from './retention.ts';
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
  /** Of a second place: the first one. */
  readonly copiedFrom?: (() => Promise<Store>) | undefined;
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
  let before = '';
  const pointOf = (manifest: Manifest): Point => {
    const { id, kind, startedAt, parent, label } = manifest;
    // A log follows the one that was read just before it, so its name need not be held twice.
    const point = {
      id,
      kind,
      begunAt: new Date(startedAt),
      at: endOf(manifest),
      parent: parent === before ? before : parent,
      label,
      level: levelOf(id),
    };
    before = id;
    return point;
  };
  const points = await readSome(store, manifestPrefix(place), trusted, signal, pointOf, (key) => !isContents(key));
  return planRetention(points, policy, time);
}

/** How much a host may sleep while it makes one. */
const mostAsleepMs = 86_400_000;

/** By the clock that nobody sets, where the other one was set meanwhile. */
function endOf({ startedAt, finishedAt, durationMs }: Manifest): Date {
  const passed = Date.parse(startedAt) + durationMs;
  const ended = Date.parse(finishedAt);
  return new Date(ended > passed + mostAsleepMs ? passed : ended);
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
export async function sweep(
  place: Place,
  time: TimeCheck,
  { store, lease, trusted, graceMs, copiedFrom }: PruneTools,
  signal: AbortSignal,
): Promise<readonly Swept[]> {
  let newest = 0;
  const lie = async (prefix: string, take: (each: Lying) => void): Promise<void> => {
    for await (const { key, modified } of store.list(prefix, signal)) {
      const id = idInKey(key, prefix);
      if (id === undefined) continue;
      newest = Math.max(newest, modified.getTime());
      take({ id, key, modified });
    }
  };
  const manifests = new Set<string>();
  await lie(manifestPrefix(place), ({ id }) => manifests.add(id));
  const removed: Lying[] = [];
  await lie(removedPrefix(place), (each) => removed.push(each));
  // What has a manifest is not held: of a log that is nearly all that lies there.
  const remains: Lying[] = [];
  for (const prefix of [dataPrefix(place), keysPrefix(place)])
    await lie(prefix, (each) => {
      if (!manifests.has(each.id)) remains.push(each);
    });
  const now = earliest(newest, time);
  const facts = { manifests, removed, remains };
  const lying = Map.groupBy([...remains, ...removed], ({ id }) => id);
  const removedByRule = new Set(removed.filter(({ key }) => !isContents(key)).map(({ id }) => id));
  // Where the first place cannot be asked nothing goes for good: this may be all that there is.
  const elsewhere = await idsIn(await copiedFrom?.(), manifestPrefix(place), signal);
  const swept: Swept[] = [];
  for (const each of planSweep(facts, now, graceMs)) {
    // A list may be old; a single object is not.
    const found = await Promise.all(backupKinds.map((kind) => store.size(manifestKey(place, each.id, kind), signal)));
    if (found.some((size) => size !== undefined)) continue;
    await lease.confirm(signal);
    if (elsewhere.has(each.id) && removedByRule.has(each.id)) await store.put(sweptKey(place, each.id), Buffer.from('{}\n'), signal);
    for (const { key } of lying.get(each.id) ?? []) await store.delete(key, signal);
    swept.push(each);
  }
  for (const id of await idsIn(store, sweptPrefix(place), signal)) if (!elsewhere.has(id)) await store.delete(sweptKey(place, id), signal);
  const before = new Date(now.getTime() - graceMs);
  const isRemoved = new Set(removed.map(({ id }) => id));
  const isKnown = (id: string): boolean => manifests.has(id) || isRemoved.has(id);
  await forgetFindings(place, await readVerifications(place, store, trusted, signal), isKnown, before, store, signal);
  await store.clean(placePrefix(place), before, signal);
  await store.clean(leasesPrefix(place.site), before, signal);
  return swept;
}

/** The backups that objects under a prefix belong to. @param store - None has nothing. */
export async function idsIn(store: Store | undefined, prefix: string, signal: AbortSignal): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  if (store === undefined) return ids;
  for await (const { key } of store.list(prefix, signal)) ids.add(idInKey(key, prefix) ?? key);
  return ids;
}

/**
 * The store's own clock, as far as the newest object shows it: never later than it is, unless it was wrong when that was written. One moment of a clock ahead
 * would make everything old that is just being made, so no later than this host has it either.
 */
export const earliest = (newest: number, { now, expected }: TimeCheck): Date =>
  new Date(Math.min(newest, now.getTime(), expected.getTime()));

/** An object, and the backup that it belongs to. */
type Lying = Remains & Pick<ObjectInfo, 'key'>;
